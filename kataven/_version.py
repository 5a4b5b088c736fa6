"""The version of kataven, defined only here, and a constant that ``kataven/__init__.py`` needs."""

__version__ = "0.1.0"

# Type checkers assume that this name is true. Importing it from typing would take most of the time
# that importing kataven takes; if it were defined in kataven, editors would offer it there.
TYPE_CHECKING = False
