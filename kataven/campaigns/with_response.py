"""The documented methods with status, headers and request id together with their data.

For debugging. Each method is the client's own, run with a recorder of the last response; its name,
parameters and types are reused, not written again.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Concatenate, Generic, ParamSpec, TypeVar

from kataven.campaigns.async_methods import AsyncCampaignMethods
from kataven.campaigns.methods import CampaignMethods

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from kataven._flow.operation import Response
    from kataven._flow.options import Options
    from kataven._http.async_driver import AsyncDriver
    from kataven._http.driver import Driver

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ApiResponse(Generic[T]):
    """What a call returned, with status and headers of its response.

    Attributes:
        data: What the method itself returns.
        status_code: The HTTP status.
        headers: The headers, names in lower case.
        request_id: The value of ``X-Request-ID``, or None.
    """

    data: T
    status_code: int
    headers: Mapping[str, str]
    request_id: str | None


def _response(data: T, recorded: list[Response]) -> ApiResponse[T]:
    response = recorded[-1]
    headers = response.headers
    return ApiResponse(data, response.status, headers, headers.get("x-request-id"))


def _blocking(
    method: Callable[Concatenate[CampaignMethods, P], T],
) -> Callable[Concatenate[CampaignsWithResponse, P], ApiResponse[T]]:
    @functools.wraps(method)
    def call(self: CampaignsWithResponse, *args: P.args, **kwargs: P.kwargs) -> ApiResponse[T]:
        recorded: list[Response] = []
        recording = CampaignMethods(self._driver, replace(self._options, record=recorded.append))
        return _response(method(recording, *args, **kwargs), recorded)

    return call  # type: ignore[return-value]


def _awaited(
    method: Callable[Concatenate[AsyncCampaignMethods, P], Awaitable[T]],
) -> Callable[Concatenate[AsyncCampaignsWithResponse, P], Awaitable[ApiResponse[T]]]:
    @functools.wraps(method)
    async def call(
        self: AsyncCampaignsWithResponse, *args: P.args, **kwargs: P.kwargs
    ) -> ApiResponse[T]:
        recorded: list[Response] = []
        recording = AsyncCampaignMethods(
            self._driver, replace(self._options, record=recorded.append)
        )
        return _response(await method(recording, *args, **kwargs), recorded)

    return call  # type: ignore[return-value]


class CampaignsWithResponse:
    """The documented methods, each returning an ``ApiResponse``."""

    def __init__(self, driver: Driver, options: Options) -> None:
        self._driver = driver
        self._options = options

    list = _blocking(CampaignMethods.list)
    get = _blocking(CampaignMethods.get)
    create = _blocking(CampaignMethods.create)
    start = _blocking(CampaignMethods.start)
    pause = _blocking(CampaignMethods.pause)
    resume = _blocking(CampaignMethods.resume)
    stop = _blocking(CampaignMethods.stop)
    delete = _blocking(CampaignMethods.delete)
    list_contacts = _blocking(CampaignMethods.list_contacts)


class AsyncCampaignsWithResponse:
    """The documented methods, each returning an ``ApiResponse``, awaited."""

    def __init__(self, driver: AsyncDriver, options: Options) -> None:
        self._driver = driver
        self._options = options

    list = _awaited(AsyncCampaignMethods.list)
    get = _awaited(AsyncCampaignMethods.get)
    create = _awaited(AsyncCampaignMethods.create)
    start = _awaited(AsyncCampaignMethods.start)
    pause = _awaited(AsyncCampaignMethods.pause)
    resume = _awaited(AsyncCampaignMethods.resume)
    stop = _awaited(AsyncCampaignMethods.stop)
    delete = _awaited(AsyncCampaignMethods.delete)
    list_contacts = _awaited(AsyncCampaignMethods.list_contacts)
