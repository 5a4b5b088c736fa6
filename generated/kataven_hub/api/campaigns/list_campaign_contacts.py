from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import errors
from ...types import UNSET, Response, Unset, path_segment

if TYPE_CHECKING:
    import httpx

    from ...client import AuthenticatedClient, Client
    from ...models.contact_page import ContactPage


def build_request(
    id: str,
    *,
    status: str | Unset = UNSET,
    page: int | Unset = 0,
) -> dict[str, Any]:
    """Build what ``httpx.Client.request(**kwargs)`` takes; the URL lies below the client's base URL"""

    params: dict[str, Any] = {}

    params["status"] = status

    params["page"] = page

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/campaigns/{id}/contacts".format(
            id=path_segment("id", id),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ContactPage | str | None:
    from ...models.contact_page import ContactPage

    if response.status_code == 200:
        response_200 = ContactPage.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = response.text
        return response_400

    if response.status_code == 401:
        response_401 = response.text
        return response_401

    if response.status_code == 403:
        response_403 = response.text
        return response_403

    if response.status_code == 404:
        response_404 = response.text
        return response_404

    if response.status_code == 429:
        response_429 = response.text
        return response_429

    if response.status_code == 500:
        response_500 = response.text
        return response_500

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ContactPage | str]:
    return Response(
        status_code=response.status_code,
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    status: str | Unset = UNSET,
    page: int | Unset = 0,
) -> Response[ContactPage | str]:
    """List contacts in a campaign

     Returns one page of contacts, 100 per page.

    Args:
        id (str):
        status (str | Unset):
        page (int | Unset):  Default: 0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ContactPage | str]
    """

    kwargs = build_request(
        id=id,
        status=status,
        page=page,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    status: str | Unset = UNSET,
    page: int | Unset = 0,
) -> ContactPage | str | None:
    """List contacts in a campaign

     Returns one page of contacts, 100 per page.

    Args:
        id (str):
        status (str | Unset):
        page (int | Unset):  Default: 0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ContactPage | str
    """

    return sync_detailed(
        id=id,
        client=client,
        status=status,
        page=page,
    ).parsed


async def asyncio_detailed(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    status: str | Unset = UNSET,
    page: int | Unset = 0,
) -> Response[ContactPage | str]:
    """List contacts in a campaign

     Returns one page of contacts, 100 per page.

    Args:
        id (str):
        status (str | Unset):
        page (int | Unset):  Default: 0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ContactPage | str]
    """

    kwargs = build_request(
        id=id,
        status=status,
        page=page,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    status: str | Unset = UNSET,
    page: int | Unset = 0,
) -> ContactPage | str | None:
    """List contacts in a campaign

     Returns one page of contacts, 100 per page.

    Args:
        id (str):
        status (str | Unset):
        page (int | Unset):  Default: 0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ContactPage | str
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            status=status,
            page=page,
        )
    ).parsed
