"""The routes of the service, and what its errors look like. Decides nothing about campaigns."""

# Without "from __future__ import annotations": FastAPI reads the annotations of the routes.
import json
import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, cast

from fastapi import APIRouter, Body, Depends, FastAPI, Form, HTTPException, Request, UploadFile
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from kataven import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncKatavenClient,
    AuthenticationError,
    BadRequestError,
    CampaignProgress,
    ConflictError,
    ContactsError,
    KatavenError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseFormatError,
)
from kataven.types import Campaign

from .campaigns import Action, Campaigns, RefusedError
from .following import Following
from .store import NameTakenError, SavedList, Store, UnknownListError

logger = logging.getLogger("service")

# What the Hub accepts is 10 MiB; a list may shrink when it is cleaned.
MAX_UPLOAD = 20 * 1024 * 1024
SHOWN_ROWS = 100

router = APIRouter()
Text = Annotated[str, Form(min_length=1, max_length=100)]


class Service:
    """What the routes use: made when the application starts, closed when it ends."""

    def __init__(self, client: AsyncKatavenClient, store: Store, do_not_call: Path | None) -> None:
        self.store = store
        self.following = Following(client)
        self.campaigns = Campaigns(client, store, self.following, do_not_call)


def service_of(request: Request) -> Service:
    """Return the service of the application that received a request."""
    return cast("Service", request.app.state.service)


Current = Annotated[Service, Depends(service_of)]


@router.get("/")
async def page() -> FileResponse:
    """Show the page."""
    return FileResponse(Path(__file__).with_name("page.html"))


@router.post("/lists", status_code=201)
async def upload(
    service: Current,
    file: UploadFile,
    name: Text,
    agent_id: Text,
    phone_number_id: Text,
    region: Annotated[str, Form(pattern="^[A-Z]{2}$")],
) -> dict[str, object]:
    """Check and clean a list, and save it. Nobody is called."""
    if file.size is None or file.size > MAX_UPLOAD:
        raise HTTPException(413, f"the list is larger than {MAX_UPLOAD:,} bytes")
    saved, report = await service.campaigns.add(file.file, region, name, agent_id, phone_number_id)
    dropped = [
        {"row": row.row, "reason": row.reason, "message": row.message}
        for row in report.dropped[:SHOWN_ROWS]
    ]
    return {**shown_list(service, saved), "counts": dict(report.counts), "dropped": dropped}


@router.get("/lists")
async def lists(service: Current) -> list[dict[str, object]]:
    """Show every list with the progress of its campaign."""
    return [shown_list(service, saved) for saved in service.store.all()]


@router.get("/lists/{list_id}")
async def progress(service: Current, list_id: str) -> dict[str, object]:
    """Show one list with the progress of its campaign."""
    return shown_list(service, service.store.get(list_id))


@router.post("/lists/{list_id}/start")
async def start(
    service: Current, list_id: str, people: Annotated[int, Body(embed=True)]
) -> dict[str, str]:
    """Call the people of a list. ``people`` is the number that the user was shown: it confirms."""
    return shown_campaign(await service.campaigns.start(list_id, people))


@router.get("/lists/{list_id}/events")
async def events(service: Current, list_id: str) -> StreamingResponse:
    """Send the progress of a campaign to a browser, as server-sent events."""
    campaign_id = service.store.get(list_id).campaign_id
    if campaign_id is None:
        raise HTTPException(409, "the list has no campaign: start it first")

    async def frames() -> AsyncIterator[str]:
        async for progress in service.following.changes(campaign_id):
            if progress is None:
                yield ": nothing new\n\n"
            else:
                yield f"data: {json.dumps(shown_progress(progress))}\n\n"

    headers = {"cache-control": "no-store"}
    return StreamingResponse(frames(), media_type="text/event-stream", headers=headers)


@router.post("/lists/{list_id}/{action}")
async def change(service: Current, list_id: str, action: Action) -> dict[str, str]:
    """Pause, resume or stop the campaign of a list."""
    return shown_campaign(await service.campaigns.change(list_id, action))


def shown_campaign(campaign: Campaign) -> dict[str, str]:
    """Return what the browser needs of a campaign."""
    return {"campaign_id": campaign["id"], "status": campaign["status"]}


def shown_list(service: Service, saved: SavedList) -> dict[str, object]:
    """Return a list as JSON."""
    progress = service.following.latest.get(saved.campaign_id or "")
    return {
        "id": saved.id,
        "name": saved.name,
        "people": saved.people,
        "campaign_id": saved.campaign_id,
        "progress": None if progress is None else shown_progress(progress),
    }


def shown_progress(progress: CampaignProgress) -> dict[str, object]:
    """Return progress as JSON."""
    return {
        "status": progress.status,
        "terminal": progress.terminal,
        "total": progress.total,
        "counts": dict(progress.counts),
        "fraction_done": progress.fraction_done,
        "active_calls": progress.active_calls,
        "eta_seconds": progress.eta_seconds,
    }


def status_of(error: KatavenError) -> int:
    """Return the status with which the service reports an error of the SDK."""
    match error:
        case ContactsError() | BadRequestError():
            return 422
        case NotFoundError():
            return 404
        case ConflictError():
            return 409
        case RateLimitError():
            return 429
        case AuthenticationError() | PermissionDeniedError():
            return 500  # The key of the service is wrong, not the user's.
        case APITimeoutError():
            return 504
        case APIConnectionError() | APIStatusError() | ResponseFormatError():
            return 502
        case _:
            return 500


async def show_error(_request: Request, error: Exception) -> JSONResponse:
    """Turn an error into JSON: its name, its text and, for a list, its problems."""
    headers: dict[str, str] = {}
    body: dict[str, object] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, UnknownListError):
        return JSONResponse(body, 404)
    if not isinstance(error, KatavenError):
        return JSONResponse(body, 409)
    status = status_of(error)
    if isinstance(error, ContactsError):
        body["problems"] = [
            {"row": found.row, "column": found.column, "kind": found.kind, "message": found.message}
            for found in error.problems[:SHOWN_ROWS]
        ]
    if isinstance(error, RateLimitError) and error.retry_after is not None:
        headers["retry-after"] = str(math.ceil(error.retry_after))
    if status == 500:
        logger.error("the service is not set up well: %s", error)
        body["message"] = "the service is not set up well; its log says more"
    return JSONResponse(body, status, headers)


def create_app(
    folder: Path, do_not_call: Path | None = None, client: AsyncKatavenClient | None = None
) -> FastAPI:
    """Make the application.

    Args:
        folder: Where the lists are kept.
        do_not_call: A list of numbers that are never called.
        client: For tests. By default a client with the key of the environment.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        store = Store(folder)
        try:
            # One client for everything: its connections and its request limits are shared.
            async with client or AsyncKatavenClient() as shared:
                service = app.state.service = Service(shared, store, do_not_call)
                # Campaigns that an earlier process has started.
                for saved in store.all():
                    if saved.campaign_id is not None:
                        service.following.follow(saved.campaign_id)
                try:
                    yield
                finally:
                    await service.following.aclose()
        finally:
            store.close()

    app = FastAPI(title="Campaigns", lifespan=lifespan)
    app.include_router(router)
    for error in (KatavenError, NameTakenError, RefusedError, UnknownListError):
        app.add_exception_handler(error, show_error)
    return app
