"""Who may control the Hub over HTTP: any process with an API key of this Hub.

Knows keys. Must not know what an action does (actions), or the documented operations. No request
here counts against a limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kataven.sandbox.http.auth import identify
from kataven.sandbox.http.control import paths
from kataven.sandbox.http.control.actions import Actions
from kataven.sandbox.http.refusals import HttpRefused

if TYPE_CHECKING:
    from kataven.sandbox.http.control.actions import ControlledHub
    from kataven.sandbox.http.requests import Request
    from kataven.sandbox.http.responses import Response


class Control:
    """Handles the requests below ``/_sandbox/``.

    Args:
        hub: What the requests control.
    """

    def __init__(self, hub: ControlledHub) -> None:
        self._accounts = hub.engine.accounts
        self._actions = Actions(hub)

    async def handle(self, request: Request) -> Response:
        """Check the key of a request, and process it.

        Raises:
            Refused: The key is not valid, or as for ``act``.
        """
        caller = identify(self._accounts, request.headers)
        if caller.key is None:
            raise HttpRefused(401, "send an API key of this Hub, not a JWT")
        return await self.act(request, request.path.removeprefix(paths.PREFIX))

    async def act(self, request: Request, path: str) -> Response:
        """Process a request whose sender may control the Hub.

        Args:
            request: The request.
            path: The path below ``/_sandbox/``, still percent-encoded, such as ``run-to-end``.

        Raises:
            Refused: 400, 404, 405, 409, or 507 if the database cannot be written.
        """
        action, name = paths.target(request.method, path)
        return await self._actions.run(action, name, request)

    async def reset(self) -> None:
        """Forget everything except accounts and keys, and end the streams.

        Must be called in the Hub's thread.

        Raises:
            NotStored: The database cannot be written. Nothing was changed.
        """
        self._actions.reset()
