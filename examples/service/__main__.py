"""Run the service. The Hub's key is in KATAVEN_API_KEY; DO_NOT_CALL names a list of numbers."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from .app import create_app

if TYPE_CHECKING:
    import socket

    from fastapi import FastAPI


class Server(uvicorn.Server):
    """Ends the event streams of the browsers first: uvicorn waits for open responses to end."""

    def __init__(self, app: FastAPI, host: str = "127.0.0.1", port: int = 8000) -> None:
        # After this time, the requests that are left are cancelled. No campaign is.
        super().__init__(
            uvicorn.Config(app, host=host, port=port, timeout_graceful_shutdown=30, log_config=None)
        )
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let requests in progress end, then close the application."""
        self._app.state.service.following.end_changes()
        await super().shutdown(sockets)


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    logging.basicConfig(level=logging.INFO)
    excluded = os.environ.get("DO_NOT_CALL")
    folder = Path(os.environ.get("SERVICE_FOLDER", "service-data"))
    port = int(os.environ.get("PORT", "8000"))
    Server(create_app(folder, Path(excluded) if excluded else None), port=port).run()


if __name__ == "__main__":
    main()
