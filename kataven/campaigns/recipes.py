"""What takes several steps: a create with its file, and later every page, wait and run.

Flows, written once for both clients. They do no I/O; files are opened through ``Work``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kataven._core.exchange import exchange
from kataven._core.operation import Work
from kataven.campaigns import operations

if TYPE_CHECKING:
    from kataven._core.exchange import Options
    from kataven._core.operation import Flow
    from kataven.campaigns.operations import CampaignForm
    from kataven.clock import Clock


def create(form: CampaignForm, contacts: Any, options: Options, clock: Clock) -> Flow[Any]:
    """Open the contacts, refuse what the Hub would refuse unread, send the rest once."""
    upload, window = yield Work(lambda: _open(contacts))
    try:
        operation = operations.create_campaign(form, window, upload.filename)
        return (yield from exchange(operation, options, clock))
    finally:
        upload.close()


def _open(contacts: Any) -> Any:
    # Loaded at the first create: a client that only reads needs none of it.
    from kataven.contacts.sources import open_upload  # noqa: PLC0415
    from kataven.contacts.window import upload_window  # noqa: PLC0415

    upload = open_upload(contacts)
    return upload, upload_window(upload)
