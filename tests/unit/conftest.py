"""Hypothesis settings of the flow tests: how long an example takes means nothing."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("kataven-unit", deadline=None)
settings.load_profile("kataven-unit")
