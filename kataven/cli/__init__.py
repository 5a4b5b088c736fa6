"""The `kataven` command. Imported by nobody; the only package that imports click and rich."""
