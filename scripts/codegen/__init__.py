"""Turns the specification into the package kataven_hub with the pinned generators."""
