"""Generates the package kataven_hub from openapi.yaml with the pinned generators."""
