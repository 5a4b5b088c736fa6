"""How the Hub is reached: requests, responses, event streams and scripted faults.

Nothing here decides what a campaign may do. ``kataven.sandbox.model`` does.
"""
