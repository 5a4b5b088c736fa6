"""The ``kataven`` command: the only package that imports click and rich.

No other package may import it.
"""
