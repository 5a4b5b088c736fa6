"""Times in the generated models: datetimes where the text is a time, and no text is ever lost."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from kataven_hub.models import Campaign, CampaignCreate, CampaignSnapshot, Contact
from kataven_hub.types import Timestamp, parse_time, time_text

CAMPAIGN: dict[str, Any] = {
    "id": "c1",
    "name": "n",
    "agent_id": "a",
    "phone_number_id": "p",
    "status": "running",
    "max_concurrent_calls": 5,
    "retries_per_contact": 0,
    "retry_delay_seconds": 300,
    "created_at": "2030-01-01T00:00:00Z",
    "created_by": "u",
}
TIMES = [
    ("2030-01-01T00:00:00Z", datetime(2030, 1, 1, tzinfo=UTC)),
    ("2030-01-01t00:00:00z", datetime(2030, 1, 1, tzinfo=UTC)),
    ("2030-01-01T00:00:00.123456789Z", datetime(2030, 1, 1, 0, 0, 0, 123456, UTC)),
    ("2030-01-01T00:00:00.5-00:00", datetime(2030, 1, 1, 0, 0, 0, 500000, UTC)),
    ("2030-01-01T02:30:00+02:30", datetime(2030, 1, 1, tzinfo=UTC)),
]
ODD = [
    "",
    "soon",
    "0001-01-01",
    "2030-01-01T00:00:00",
    "2030-01-01T00:00:60Z",
    "2030-01-01T00:00:00+25:00",
    "9999-12-31T24:00:00Z",
    "２０３０-01-01T00:00:00Z",
]


@pytest.mark.parametrize(("text", "moment"), TIMES)
def test_time_is_an_aware_datetime_and_is_written_as_it_was_read(
    text: str, moment: datetime
) -> None:
    document = CAMPAIGN | {"created_at": text, "started_at": text}

    campaign = Campaign.from_dict(document)

    assert campaign.created_at == campaign.started_at == moment
    assert isinstance(campaign.created_at, datetime)
    assert campaign.created_at.utcoffset() is not None
    assert campaign.to_dict() == document


@pytest.mark.parametrize("odd", [*ODD, 17, None, ["2030-01-01T00:00:00Z"], {"seconds": 1}])
def test_anything_else_is_kept_as_it_is(odd: Any) -> None:
    document = CAMPAIGN | {"created_at": odd, "completed_at": odd}

    campaign = Campaign.from_dict(document)

    assert campaign.created_at == campaign.completed_at == odd
    assert campaign.to_dict() == document


def test_missing_and_null_times_stay_missing_and_null() -> None:
    document = CAMPAIGN | {"scheduled_at": None}

    campaign = Campaign.from_dict(document)

    assert campaign.scheduled_at is None
    assert not campaign.started_at
    assert campaign.to_dict() == document


def test_assumed_times_are_datetimes_too() -> None:
    contact = Contact.from_dict({"last_attempt_at": "2030-01-01T00:00:00Z"})
    snapshot = CampaignSnapshot.from_dict({"timestamp": "2030-01-01T00:00:00Z"})

    assert contact.last_attempt_at == snapshot.timestamp == datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "clone", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_copy_of_a_model_is_written_as_it_was_read(clone: Any) -> None:
    document = CAMPAIGN | {"created_at": "2030-01-01T00:00:00.123456789Z"}

    assert clone(Campaign.from_dict(document)).to_dict() == document


def test_datetime_of_the_user_is_written_in_rfc_3339() -> None:
    campaign = Campaign.from_dict(CAMPAIGN)
    assert isinstance(campaign.created_at, Timestamp)

    later = campaign.created_at + timedelta(hours=1)
    campaign.created_at = later
    campaign.started_at = datetime(2030, 1, 1, tzinfo=timezone(timedelta(hours=2)))

    assert campaign.to_dict()["created_at"] == "2030-01-01T01:00:00+00:00"
    assert campaign.to_dict()["started_at"] == "2030-01-01T00:00:00+02:00"


def test_form_sends_scheduled_at_exactly_as_given() -> None:
    form = CampaignCreate.from_dict(
        {
            "name": "n",
            "agent_id": "a",
            "phone_number_id": "p",
            "contacts": b"",
            "scheduled_at": "2030-01-01t00:00:00.10z",
        }
    )

    assert form.scheduled_at == "2030-01-01t00:00:00.10z"
    (sent,) = [value for name, value in form.to_multipart() if name == "scheduled_at"]
    assert sent[1] == b"2030-01-01t00:00:00.10z"


@pytest.mark.parametrize("odd", ODD)
def test_parsing_anything_else_raises_a_value_error(odd: str) -> None:
    with pytest.raises(ValueError):
        parse_time(odd)


def test_text_of_a_plain_datetime_is_its_iso_format() -> None:
    assert time_text(datetime(2030, 1, 1, tzinfo=UTC)) == "2030-01-01T00:00:00+00:00"
