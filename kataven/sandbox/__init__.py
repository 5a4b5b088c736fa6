"""An embedded Kataven Hub: dial campaigns that call nobody, on a clock of its own.

`with Sandbox(time_scale=60) as hub:` gives a Hub at `hub.url` with the key `hub.api_key`. It knows
nothing of the SDK and imports none of it, so that it can prove the SDK wrong. Starting one needs
the extra `sandbox`.
"""

from kataven.sandbox.clock import Clock
from kataven.sandbox.faults import Fault, Faults
from kataven.sandbox.journal import JournalEntry
from kataven.sandbox.sandbox import Outcomes, Sandbox

__all__ = ["Clock", "Fault", "Faults", "JournalEntry", "Outcomes", "Sandbox"]
