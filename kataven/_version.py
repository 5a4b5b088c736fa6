"""The version of kataven, defined only here."""

__version__ = "0.1.0"
