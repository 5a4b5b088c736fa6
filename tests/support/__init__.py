"""Shared test support: one scriptable loopback Hub, one pair of callers, one driven clock."""
