"""What the Hub is: its clock, accounts, campaigns, dialler and database.

Nothing here knows HTTP or sockets. ``kataven.sandbox.http`` is how all of it is reached.
"""
