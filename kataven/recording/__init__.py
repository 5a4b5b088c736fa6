"""Record a real Hub, and compare the embedded one with it.

``Recorder`` is a proxy that keeps requests and responses, without tokens and personal data.
``compare`` sends the recorded requests to embedded Hubs and reports what differs. The commands
``kataven sandbox record`` and ``kataven sandbox compare`` call them. It needs the extra
``sandbox``. docs/reference/sandbox.md describes it.
"""

from __future__ import annotations

from kataven.recording.differences import Difference
from kataven.recording.file import RecordingError
from kataven.recording.proxy import Recorder, Summary
from kataven.recording.replay import Comparison, compare

__all__ = ["Comparison", "Difference", "Recorder", "RecordingError", "Summary", "compare"]
