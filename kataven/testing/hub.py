"""The embedded Hub of one test: how it is started, and which of its faults were not used.

Knows the embedded Hub. Must not know pytest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from kataven.sandbox import Clock, Fault, Sandbox


def new_hub(options: Mapping[str, Any]) -> Sandbox:
    """Start a Hub for one test.

    Args:
        options: The options of the marker: ``seed``, ``time_scale``, ``limits`` and
            ``call_limits`` as for ``Sandbox``, ``outcomes`` as for ``Sandbox.outcomes``, and
            ``faults``, a list of dicts with the arguments of ``Faults.add`` or of ``Fault``
            objects.

    Raises:
        ImportError: The extra ``sandbox`` is not installed.
        TypeError: An option has the wrong type.
        ValueError: An option is not valid.
    """
    settings = {"time_scale": Clock.manual(), "limits": None, **options}
    outcomes = settings.pop("outcomes", {})
    faults = settings.pop("faults", ())
    if not isinstance(outcomes, Mapping):
        raise TypeError(f"outcomes must be a dict such as {{'+1555*': 'busy'}}, not {outcomes!r}")
    if isinstance(faults, str | Mapping | Fault):
        raise TypeError(f"faults must be a list of faults, not {faults!r}")
    hub = Sandbox(**settings)
    for fault in faults:
        hub.faults.add(**_arguments(fault))
    hub.start()
    try:
        hub.outcomes.update(outcomes)
    except BaseException:
        hub.close()
        raise
    return hub


def unused_faults(hub: Sandbox) -> str | None:
    """Return a text that names the faults that no request got, or None if there are none."""
    unused = [fault for fault in hub.faults.unused() if not fault.allow_unused]
    if not unused:
        return None
    names = "\n".join(f"  {_name(fault)}" for fault in unused)
    return (
        f"Scripted faults that never fired:\n{names}\n"
        "No request matched, or too few did. Correct the fault, or add it with allow_unused=True."
    )


def _arguments(fault: object) -> dict[str, Any]:
    if isinstance(fault, Fault):
        # A copy: the fault of a marker may belong to several tests, and each counts by itself.
        counts = {"seen", "used"}
        return {
            one.name: getattr(fault, one.name)
            for one in fields(fault)
            if one.init and one.name not in counts
        }
    if isinstance(fault, Mapping):
        return dict(fault)
    raise TypeError(
        "a fault is a dict such as {'match': 'GET /campaigns', 'status': 503}, or a "
        f"kataven.sandbox.Fault, not {fault!r}"
    )


def _name(fault: Fault) -> str:
    """Return a fault as it is passed to ``Faults.add``."""
    shown = [repr(fault.match)]
    for one in fields(fault):
        if one.init and one.default is not MISSING and one.name not in {"seen", "used"}:
            value = getattr(fault, one.name)
            if value != one.default:
                shown.append(f"{one.name}={value!r}")
    return f"{', '.join(shown)} (matching requests: {fault.seen})"
