"""What holds for every test of a flow: how long an example takes says nothing."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("kataven-unit", deadline=None)
settings.load_profile("kataven-unit")
