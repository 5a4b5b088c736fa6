from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import errors
from ...types import Response

if TYPE_CHECKING:
    import httpx

    from ...client import AuthenticatedClient, Client
    from ...models.campaign import Campaign
    from ...models.campaign_create import CampaignCreate


def build_request(
    *,
    body: CampaignCreate,
) -> dict[str, Any]:
    """Build what ``httpx.Client.request(**kwargs)`` takes; the URL lies below the client's base URL"""

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/campaigns",
    }

    _kwargs["files"] = body.to_multipart()

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Campaign | str | None:
    from ...models.campaign import Campaign

    if response.status_code == 201:
        response_201 = Campaign.from_dict(response.json())

        return response_201

    if response.status_code == 400:
        response_400 = response.text
        return response_400

    if response.status_code == 401:
        response_401 = response.text
        return response_401

    if response.status_code == 403:
        response_403 = response.text
        return response_403

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
) -> Response[Campaign | str]:
    return Response(
        status_code=response.status_code,
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: CampaignCreate,
) -> Response[Campaign | str]:
    """Create a campaign

     Uploads a CSV file of contacts. The campaign is created with the status draft; dialling starts only
    after start. There are no idempotency keys: sending the same request twice creates two campaigns.

    Args:
        body (CampaignCreate): The form that creates a campaign.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Campaign | str]
    """

    kwargs = build_request(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: CampaignCreate,
) -> Campaign | str | None:
    """Create a campaign

     Uploads a CSV file of contacts. The campaign is created with the status draft; dialling starts only
    after start. There are no idempotency keys: sending the same request twice creates two campaigns.

    Args:
        body (CampaignCreate): The form that creates a campaign.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Campaign | str
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: CampaignCreate,
) -> Response[Campaign | str]:
    """Create a campaign

     Uploads a CSV file of contacts. The campaign is created with the status draft; dialling starts only
    after start. There are no idempotency keys: sending the same request twice creates two campaigns.

    Args:
        body (CampaignCreate): The form that creates a campaign.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Campaign | str]
    """

    kwargs = build_request(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: CampaignCreate,
) -> Campaign | str | None:
    """Create a campaign

     Uploads a CSV file of contacts. The campaign is created with the status draft; dialling starts only
    after start. There are no idempotency keys: sending the same request twice creates two campaigns.

    Args:
        body (CampaignCreate): The form that creates a campaign.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Campaign | str
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
