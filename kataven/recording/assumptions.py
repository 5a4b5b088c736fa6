"""The rules of the embedded Hub: the table of docs/reference/sandbox.md, as a test holds.

Must not know recordings. Which rule a difference touches is in ``touched_rules``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the embedded Hub.

    Attributes:
        id: Its id in docs/reference/sandbox.md.
        text: The rule.
        source: ``documented`` if the vendor's pages say so, ``assumed`` if it is our choice.
    """

    id: str
    text: str
    source: str


RULES: Final = (
    Rule(
        "routes",
        "Routes are `/api/v1/...` at `/` and at `/hub-api/`; `/v1/...` as on api.kataven.ai",
        "documented",
    ),
    Rule(
        "unknown-path",
        "Any other path is 404, any other method 405 with `Allow`",
        "assumed",
    ),
    Rule(
        "key-names-account",
        "`Authorization: Bearer` with a key `sk_live_<account>_<rest>`, which names its account",
        "documented",
    ),
    Rule(
        "jwt-account",
        "A JWT needs `X-Account-ID`; account names match `^[a-z0-9][a-z0-9_-]{0,62}$`",
        "documented",
    ),
    Rule(
        "jwt-form",
        "Every `eyJ<...>.<...>.<...>` is a valid JWT; a key's `X-Account-ID` is ignored",
        "assumed",
    ),
    Rule(
        "bad-credentials",
        "400 missing or bad account, 401 missing, bad or revoked token, 403 for `kataven-admin`",
        "documented",
    ),
    Rule(
        "other-account",
        "A campaign of another account is 404",
        "documented",
    ),
    Rule(
        "plain-errors",
        "Errors are `text/plain`",
        "documented",
    ),
    Rule(
        "error-texts",
        "The texts of errors, except those quoted in this table",
        "assumed",
    ),
    Rule(
        "request-limits",
        "60 requests a minute, 1,000 an hour, 10,000 a day, 20 in flight; keys may have lower ones",
        "documented",
    ),
    Rule(
        "limit-response",
        "429 with `Retry-After: 60` and `rate_limited: per-minute (60) exceeded`",
        "documented",
    ),
    Rule(
        "limit-words",
        "The words `per-hour`, `per-day` and `concurrent` in that text",
        "assumed",
    ),
    Rule(
        "manual-limits",
        "On a manual clock no limit unless it is given; without `client_clock`, its 429 has "
        "another text and no `Retry-After`",
        "assumed",
    ),
    Rule(
        "full-disk",
        "507 to a write if the database cannot be written; reads work",
        "assumed",
    ),
    Rule(
        "sliding-windows",
        "Sliding windows; a request that gets 401 or 429 does not count, every other one does",
        "assumed",
    ),
    Rule(
        "stream-slot",
        "An open stream holds one of the slots in flight until its client disconnects",
        "assumed",
    ),
    Rule(
        "daily-caps",
        "`start` and `resume` return 429 `Daily call limit reached` or `Daily minute budget "
        "exhausted`, without `Retry-After`",
        "documented text, assumed place",
    ),
    Rule(
        "cap-while-running",
        "A campaign that reaches a cap while running waits; its contacts keep their attempts",
        "assumed",
    ),
    Rule(
        "call-limits",
        "`concurrent_max` 100, `calls_per_minute` 6,000, `daily_calls_max` and "
        "`daily_minutes_max` 1,000,000",
        "assumed",
    ),
    Rule(
        "caps-of-account",
        "The caps apply to the account; calls of stopped and deleted campaigns count while "
        "they last",
        "assumed",
    ),
    Rule(
        "cap-windows",
        "Minute and day are sliding windows; minutes are talk time, counted at the end of a call",
        "assumed",
    ),
    Rule(
        "campaign-fields",
        "Thirteen fields of a campaign, no counters; statuses `draft` to `failed`",
        "documented",
    ),
    Rule(
        "null-times",
        "`scheduled_at`, `started_at`, `completed_at` are null until known",
        "assumed",
    ),
    Rule(
        "time-format",
        "Times are RFC 3339 from a Go server: up to nine digits, trailing zeros dropped",
        "documented",
    ),
    Rule(
        "id-format",
        "`created_by` is `api_key` or `jwt`; ids look like `camp_...` and `contact_...`",
        "assumed",
    ),
    Rule(
        "create-form",
        "Create is a multipart form and returns 201 with the campaign; 400 for a bad form or CSV",
        "documented",
    ),
    Rule(
        "create-required",
        "`name`, `agent_id`, `phone_number_id` required",
        "documented",
    ),
    Rule(
        "create-texts",
        "They must not be empty, and have at most 1,000 characters",
        "assumed",
    ),
    Rule(
        "create-ranges",
        "`max_concurrent_calls` 1-100 (5), `retries_per_contact` 0-5 (0), "
        "`retry_delay_seconds` >= 60 (300)",
        "documented",
    ),
    Rule(
        "retry-delay-max",
        "`retry_delay_seconds` is at most 2,147,483,647",
        "assumed",
    ),
    Rule(
        "scheduled-at",
        "`scheduled_at` is RFC 3339 and refused in the past",
        "documented",
    ),
    Rule(
        "form-strictness",
        "A duplicate field, a `contacts` that is not a file, a compressed body or more than "
        "64 parts are 400; unknown fields are ignored",
        "assumed",
    ),
    Rule(
        "csv-size",
        "The CSV is at most 10 MB",
        "documented",
    ),
    Rule(
        "csv-bytes",
        "That is 10 * 1024 * 1024 bytes",
        "assumed",
    ),
    Rule(
        "csv-header",
        "The first row is headers, `phone_number` required, other columns become `custom_fields`",
        "documented",
    ),
    Rule(
        "e164",
        "Numbers are E.164, `+` and 7 to 15 digits",
        "documented",
    ),
    Rule(
        "e164-zero",
        "No 0 after the `+`",
        "assumed",
    ),
    Rule(
        "csv-format",
        "UTF-8, one BOM dropped; comma; LF or CRLF; quoting by RFC 4180; no NUL, no lone CR",
        "assumed",
    ),
    Rule(
        "csv-names",
        "Header names exact, not empty, no duplicates, at most 64 KiB in total; rows as "
        "long as the header",
        "assumed",
    ),
    Rule(
        "csv-blank",
        "Blank lines are skipped and counted as rows, but the first row is the header; at "
        "least one contact",
        "assumed",
    ),
    Rule(
        "csv-bad-row",
        "One bad row refuses the file with a 400 that names the row (the header is row 1); "
        "no campaign is created",
        "assumed",
    ),
    Rule(
        "csv-duplicates",
        "Duplicate numbers are accepted, each is a contact; the only limit on rows is the "
        "size of the file",
        "assumed",
    ),
    Rule(
        "scheduled-create",
        "A create with `scheduled_at` returns a `scheduled` campaign, which starts by itself",
        "assumed",
    ),
    Rule(
        "scheduled-budget",
        "If it would exceed the budget or a daily cap at its time, it stays scheduled and "
        "is retried every minute",
        "assumed",
    ),
    Rule(
        "transitions",
        "start: draft, paused -> running; pause: running -> paused; resume: paused -> "
        "running; stop: running -> completed",
        "documented",
    ),
    Rule(
        "other-transitions",
        "start from scheduled; stop from draft, scheduled and paused; every other pair is a "
        "409 that names the state",
        "assumed",
    ),
    Rule(
        "transition-response",
        "Transitions return 200 with the campaign",
        "assumed",
    ),
    Rule(
        "budget",
        "start and resume check the concurrency budget; 409 with an explanation",
        "documented",
    ),
    Rule(
        "budget-text",
        "That text names both sums; the state is checked first, then the budget, then the "
        "daily caps",
        "assumed",
    ),
    Rule(
        "pause",
        "Pause begins no new calls, calls in flight finish",
        "documented",
    ),
    Rule(
        "stop",
        "Stop is terminal, pending contacts become cancelled, calls in flight finish",
        "documented",
    ),
    Rule(
        "stop-in-flight",
        "After a stop those contacts end completed or failed, never pending",
        "assumed",
    ),
    Rule(
        "failed-campaign",
        "A failed campaign leaves its pending contacts pending, and its calls in flight finish",
        "assumed",
    ),
    Rule(
        "paused-campaign",
        "A paused campaign does not complete by itself; one resumed with nothing left "
        "completes at once",
        "assumed",
    ),
    Rule(
        "delete-running",
        "Delete is refused while running",
        "documented",
    ),
    Rule(
        "delete-response",
        "With 409; otherwise it returns 204, and calls in flight finish",
        "assumed",
    ),
    Rule(
        "list-envelope",
        "The list is in `campaigns`, oldest first, without pages",
        "assumed",
    ),
    Rule(
        "contacts-pages",
        "Contacts are returned 100 per page, pages counted from 0, with a status filter",
        "documented",
    ),
    Rule(
        "contact-keys",
        "The keys of the page and of a contact, the statuses `in_progress` and `completed`",
        "assumed",
    ),
    Rule(
        "contacts-query",
        "An unknown status finds nothing, an empty one does not filter, a page after the "
        "end is empty",
        "assumed",
    ),
    Rule(
        "stream-frames",
        "Events: a snapshot every 2 s while running, `: heartbeat` every 15 s, `event: end` "
        "and a close at a terminal status",
        "documented",
    ),
    Rule(
        "snapshot-keys",
        "A snapshot when the stream opens and at each change of status; the keys of a snapshot",
        "assumed",
    ),
    Rule(
        "idle-stream",
        "A draft, scheduled or paused campaign: one snapshot, then heartbeats; a finished "
        "one: one snapshot and the end",
        "assumed",
    ),
    Rule(
        "merged-frames",
        "Frames that a fast clock would send within 10 ms are merged; each `advance` sends "
        "one snapshot to the streams of a running campaign",
        "assumed",
    ),
    Rule(
        "deleted-stream",
        "The stream of a deleted campaign closes without `event: end`",
        "assumed",
    ),
    Rule(
        "outcomes-words",
        "Answered and voicemail complete a contact; others are retried after the delay, "
        "then fail with the outcome in `last_error`",
        "assumed",
    ),
    Rule(
        "call-times",
        "Ring 3-20 s, voicemail 20-28, no answer 30, busy 2-4, failed 1-2; talk 3-180 s, "
        "median 20; no call over 200 s",
        "assumed",
    ),
    Rule(
        "outcome-shares",
        "Answered 55 of 100, no answer 20, voicemail 12, busy 8, failed 5",
        "assumed",
    ),
    Rule(
        "dial-order",
        "Due retries go before new contacts; running campaigns take turns",
        "assumed",
    ),
    Rule(
        "loopback",
        "It binds to 127.0.0.1, and a `Host` that is not a loopback name is 400",
        "assumed",
    ),
    Rule(
        "request-heads",
        "A head of more than 32 KiB is 400; a head or a body that takes more than a minute "
        "is 408 (`request_timeout`)",
        "assumed",
    ),
)

BY_ID: Final = {rule.id: rule for rule in RULES}
