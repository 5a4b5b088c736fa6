"""Imports a vendor's OpenAPI document into openapi.yaml and compares documents."""
