"""Turns the vendor's document into openapi.yaml, and says what changes for users of kataven."""
