"""Changes of the code, each tried against the tests."""
