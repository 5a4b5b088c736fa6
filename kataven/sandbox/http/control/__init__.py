"""The paths below ``/_sandbox/``: what ``Sandbox`` can do, for other processes.

``paths`` is which method and path is which action, ``control`` is who may do it, ``actions`` is
what each does, ``reading`` and ``writing`` are the JSON. ``../control.yaml`` describes them.
"""

from __future__ import annotations

from kataven.sandbox.http.control.actions import ControlledHub
from kataven.sandbox.http.control.control import Control
from kataven.sandbox.http.control.paths import PREFIX

__all__ = ["PREFIX", "Control", "ControlledHub"]
