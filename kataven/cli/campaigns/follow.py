"""Following campaigns on the screen until they finish, and what is said at the end.

One thread for each campaign reads its progress; the main thread shows it, so that Ctrl-C is never
kept waiting. Must not know which command follows.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kataven.cli.exit_codes import Exit, failure_of, first_failure
from kataven.cli.live_view import open_view
from kataven.cli.notices import shown_by
from kataven.cli.output import line, note, offer, printable
from kataven.cli.render import Outcome, percent
from kataven.cli.wording import as_commands
from kataven.errors import KatavenError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from kataven import CampaignProgress, KatavenClient, ProgressIterator
    from kataven.cli.render import Show, View
    from kataven.cli.session import Session

__all__ = ["Followed", "follow", "say_what_goes_on", "show_end"]

# Reading every contact takes a request for each 100; beyond this the quota is better spent.
_MOST_CONTACTS: Final = 2_000
# The fields of a line of `--jsonl`, after the id.
_FIELDS: Final = (
    "status",
    "total",
    "counts",
    "fraction_done",
    "active_calls",
    "calls_per_minute",
    "eta_seconds",
    "elapsed_seconds",
)


@dataclass(slots=True)
class Followed:
    """A campaign that is followed.

    Attributes:
        campaign_id: Its id.
        name: Its name, for people.
        last: The latest progress, or None before the first.
        error: Why it could not be followed to its end, or None.
    """

    campaign_id: str
    name: str
    last: CampaignProgress | None = None
    error: Exception | None = None

    @property
    def code(self) -> Exit:
        """The exit code: 0 if the campaign completed, 1 if it ended otherwise."""
        if self.error is not None:
            failure = failure_of(self.error)
            return Exit.LOCAL if failure is None else failure.code
        completed = self.last is not None and self.last.status == "completed"
        return Exit.DONE if completed else Exit.CAMPAIGN_FAILED


@dataclass(slots=True)
class _Follower:
    """The threads that read, and what they read."""

    client: KatavenClient
    news: queue.SimpleQueue[tuple[Followed, CampaignProgress | Exception | None]] = field(
        default_factory=queue.SimpleQueue
    )
    iterators: list[ProgressIterator] = field(default_factory=list)

    def start(self, followed: Followed) -> None:
        iterator = self.client.campaigns.watch(followed.campaign_id)
        self.iterators.append(iterator)
        # A daemon: an interrupted command does not wait for a socket.
        threading.Thread(target=self._read, args=(followed, iterator), daemon=True).start()

    def _read(self, followed: Followed, iterator: ProgressIterator) -> None:
        try:
            for progress in iterator:
                self.news.put((followed, progress))
        except Exception as error:  # noqa: BLE001 - the main thread reports it
            self.news.put((followed, error))
        else:
            self.news.put((followed, None))

    def close(self) -> None:
        for iterator in self.iterators:
            iterator.close()


def follow(client: KatavenClient, campaigns: list[Followed], session: Session) -> Exit:
    """Follow campaigns until each has finished or cannot be followed.

    Args:
        client: The client.
        campaigns: The campaigns; their ``last`` and ``error`` are set.
        session: How progress is printed: live, plain lines, JSON lines, or not at all.

    Returns:
        The first exit code that is not 0, in the order given.
    """
    view = open_view()
    follower = _Follower(client)
    open_campaigns = len(campaigns)
    with _shown(view, campaigns, session) as show:
        try:
            for followed in campaigns:
                follower.start(followed)
            while open_campaigns:
                # With a timeout, so that Ctrl-C is delivered on every platform.
                try:
                    followed, news = follower.news.get(timeout=0.5)
                except queue.Empty:
                    continue
                if news is None or isinstance(news, Exception):
                    followed.error = news
                    open_campaigns -= 1
                    continue
                followed.last = news
                show(followed.campaign_id, news)
        finally:
            follower.close()
    for followed in campaigns:
        _report_error(followed)
    return first_failure(followed.code for followed in campaigns)


def _shown(view: View, campaigns: list[Followed], session: Session) -> AbstractContextManager[Show]:
    if session.jsonl:
        return nullcontext(_as_json_line)
    if session.json or session.quiet:
        return nullcontext(lambda _campaign_id, _progress: None)
    return _Live(view, {each.campaign_id: each.name for each in campaigns})


class _Live:
    """The display, with notices of the SDK printed above it."""

    def __init__(self, view: View, names: Mapping[str, str]) -> None:
        self._progress = view.progress(names)
        # Plain lines and notices do not disturb each other.
        live = sys.stdout.isatty()
        self._notices = shown_by(view.say) if live else nullcontext()

    def __enter__(self) -> Show:
        show = self._progress.__enter__()
        self._notices.__enter__()
        return show

    def __exit__(self, *exc: object) -> None:
        self._notices.__exit__(None, None, None)
        self._progress.__exit__(None, None, None)


def _as_json_line(campaign_id: str, progress: CampaignProgress) -> None:
    values = {name: getattr(progress, name) for name in _FIELDS}
    line({"campaign_id": campaign_id, **values, "counts": dict(progress.counts)})


def _report_error(followed: Followed) -> None:
    if followed.error is None:
        return
    failure = failure_of(followed.error)
    if failure is None:
        raise followed.error
    note(f"Error: campaign {followed.campaign_id}: {printable(failure.what)}", fg="red")
    note(f"Hint: {failure.advice} (exit code {failure.code:d})")


def say_what_goes_on(campaigns: list[Followed]) -> None:
    """Say what an interrupted command leaves behind, and how to act on it."""
    left = [each for each in campaigns if each.last is None or not each.last.terminal]
    if not left:
        note("Interrupted; every campaign had finished.")
        return
    statuses = {each.campaign_id: "" if each.last is None else each.last.status for each in left}
    for followed in left:
        note(f"Campaign {followed.campaign_id} {_left_as(followed)}")
    drafts, paused = (
        [each for each, status in statuses.items() if status == word]
        for word in ("draft", "paused")
    )
    others = [each for each in statuses if each not in drafts and each not in paused]
    ids = " ".join(statuses)
    offer("  follow:       ", f"campaigns watch {ids}")
    offer("  start:        ", *(f"campaigns start {each}" for each in drafts))
    offer("  resume:       ", *(f"campaigns resume {each}" for each in paused))
    offer("  pause:        ", *(f"campaigns pause {each}" for each in others))
    if stoppable := " ".join(each for each in statuses if each not in drafts):
        offer("  stop for good:", f"campaigns stop {stoppable}")


def _left_as(followed: Followed) -> str:
    last = followed.last
    if last is None:
        return "continues without this command; its state was not read yet."
    share = percent(last.fraction_done)
    if last.status == "draft":
        return "is a draft, not started: it calls nobody."
    if last.status == "paused":
        return f"stays paused, at {share}."
    return f"continues without this command ({printable(last.status)}, {share})."


def show_end(client: KatavenClient, campaigns: list[Followed]) -> None:
    """Print a table of outcomes for each campaign that finished, and what to do next."""
    view = open_view()
    for followed in campaigns:
        last = followed.last
        if followed.error is not None or last is None:
            continue
        if len(campaigns) > 1:
            view.say(f"{followed.campaign_id}  {printable(followed.name)}")
        if last.total is not None and last.total > _MOST_CONTACTS:
            requests = -(-last.total // 100)
            view.say(
                "Outcomes by last error need every contact: kataven campaigns report "
                f"{followed.campaign_id} ({requests:,} requests)"
            )
            continue
        try:
            view.outcomes(_outcomes(client, followed.campaign_id))
        except KatavenError as error:
            note(
                f"The contacts could not be read: {as_commands(printable(str(error)))}", fg="yellow"
            )
    ids = " ".join(followed.campaign_id for followed in campaigns)
    results = "results.csv" if len(campaigns) == 1 else "'results-{id}.csv'"
    failed = any(each.last is not None and each.last.counts.get("failed") for each in campaigns)
    offer("Results:   ", f"campaigns export {ids} -o {results}")
    if failed:
        offer("Call again:", f"campaigns retry {ids} -o retry.csv")


def _outcomes(client: KatavenClient, campaign_id: str) -> list[Outcome]:
    contacts: Counter[tuple[str, str]] = Counter()
    calls: Counter[tuple[str, str]] = Counter()
    for contact in client.campaigns.iter_contacts(campaign_id):
        outcome = str(contact.get("status") or ""), str(contact.get("last_error") or "")
        contacts[outcome] += 1
        attempts = contact.get("attempts")
        calls[outcome] += attempts if isinstance(attempts, int) else 0
    return [
        Outcome(status, error, count, calls[status, error])
        for (status, error), count in contacts.most_common()
    ]
