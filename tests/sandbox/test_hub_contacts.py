"""Reading contacts: 100 per page, pages counted from 0, filtered by status."""

import pytest

CONTACT = {
    "id",
    "phone_number",
    "custom_fields",
    "status",
    "attempts",
    "last_attempt_at",
    "last_error",
}


def test_a_page_has_100_contacts_and_pages_count_from_0(http):
    campaign = http.create(250)
    pages = [http.get(f"/campaigns/{campaign}/contacts?page={n}").json() for n in range(4)]
    assert [len(page["contacts"]) for page in pages] == [100, 100, 50, 0]
    assert [page["page"] for page in pages] == [0, 1, 2, 3]
    assert {page["total"] for page in pages} == {250}
    assert {page["page_size"] for page in pages} == {100}
    first = http.get(f"/campaigns/{campaign}/contacts").json()
    assert first == pages[0]
    numbers = [c["phone_number"] for page in pages for c in page["contacts"]]
    assert numbers == [f"+1555{n:07d}" for n in range(250)]


def test_a_new_contact_is_pending_without_attempts(http):
    contact = http.contacts(http.create(1))[0]
    assert set(contact) == CONTACT
    assert (contact["status"], contact["attempts"]) == ("pending", 0)
    assert contact["last_attempt_at"] is contact["last_error"] is None


def test_the_status_filter_works_across_blocks_and_pages(hub, http):
    for n in range(0, 250, 3):
        hub.outcomes[f"+1555{n:07d}"] = "failed"
    for n in range(250):
        hub.outcomes.setdefault(f"+1555{n:07d}", "answered")
    campaign = http.create(250, max_concurrent_calls=100)
    http.start(campaign)
    hub.advance(86400)
    failed = http.contacts(campaign, status="failed")
    assert [c["phone_number"] for c in failed] == [f"+1555{n:07d}" for n in range(0, 250, 3)]
    assert len(http.contacts(campaign, status="completed")) == 250 - len(failed)
    page = http.get(f"/campaigns/{campaign}/contacts?status=completed&page=1").json()
    assert (page["total"], len(page["contacts"])) == (250 - len(failed), 66)


def test_the_filter_follows_a_campaign_that_changes(hub, http):
    campaign = http.create(30)
    assert len(http.contacts(campaign, status="pending")) == 30
    http.start(campaign)
    assert len(http.contacts(campaign, status="pending")) == 25
    assert len(http.contacts(campaign, status="in_progress")) == 5
    http.act(campaign, "stop")
    assert http.contacts(campaign, status="pending") == []
    assert len(http.contacts(campaign, status="cancelled")) == 25


def test_an_unknown_status_finds_nothing_and_an_empty_one_does_not_filter(http):
    campaign = http.create(3)
    assert http.get(f"/campaigns/{campaign}/contacts?status=asleep").json()["total"] == 0
    assert http.get(f"/campaigns/{campaign}/contacts?status=").json()["total"] == 3


@pytest.mark.parametrize("page", ["-1", "x", "1.5", "", "%20", "0x1"])
def test_a_page_that_is_not_an_integer_from_0_is_400(http, page):
    response = http.get(f"/campaigns/{http.create()}/contacts?page={page}")
    assert (response.status_code, "page" in response.text) == (400, True)


def test_a_page_far_after_the_end_is_empty(http):
    response = http.get(f"/campaigns/{http.create()}/contacts?page={10**30}")
    assert (response.status_code, response.json()["contacts"]) == (200, [])


def test_contact_ids_are_unique_and_stable(hub, http):
    campaign = http.create(120)
    before = [c["id"] for c in http.contacts(campaign)]
    http.start(campaign)
    hub.advance(60)
    assert [c["id"] for c in http.contacts(campaign)] == before
    assert len({*before, *(c["id"] for c in http.contacts(http.create(120)))}) == 240
