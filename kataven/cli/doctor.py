"""``kataven doctor``: whether this installation can reach the Hub, and if not, what to do.

Knows what to look at, and in which order; each check is one line. Changes nothing: it sends two
reads. How the Hub is reached is checked in ``checks``.
"""

from __future__ import annotations

import platform
import re
import shutil
import sqlite3
import sys
import textwrap
import time
from dataclasses import asdict, replace
from email.utils import parsedate_to_datetime
from importlib import metadata
from typing import TYPE_CHECKING, Final

import click

from kataven._version import __version__
from kataven.cli.checks import FAILURE, OK, SECONDS, WARNING, Check, check_network
from kataven.cli.credentials import Credentials, checked
from kataven.cli.exit_codes import Exit, failure_of
from kataven.cli.output import document, printable, say, styled, takes_drawing
from kataven.cli.profiles import config_path
from kataven.cli.session import Session, command
from kataven.cli.wording import as_commands
from kataven.config import DEFAULT_BASE_URL, read_base_url
from kataven.errors import (
    APIStatusError,
    ConfigurationError,
    KatavenError,
    NotFoundError,
    ResponseFormatError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kataven import KatavenClient
    from kataven.cli.credentials import Source

_COLORS: Final = {OK: "green", WARNING: "yellow", FAILURE: "red"}
_INDENT: Final = 20
_NARROWEST: Final = 30
_EXTRAS: Final = ("cli", "sandbox", "contacts", "parquet", "redis", "otel")
# A start in a minute may be refused as past, and a JWT as not yet valid, if a clock is off by more.
_SKEW_SECONDS: Final = 30
_ADVICE: Final = {
    Exit.KEY: "use another key: 'kataven config set api_key' stores one",
    Exit.LIMIT: "wait a minute; other processes may use the account's quota",
    Exit.HUB: "check the URL and the network; if both are right, try again later",
}


@command("doctor", json=True, examples=["kataven doctor", "kataven doctor --json"])
def doctor(session: Session) -> None:
    """Check key, network and installation, and say what to do.

    Each check is ok, a warning or a failure. The exit code is 0, or the one of the first failure.
    Two reads are sent to the Hub, if it can be reached and there is a key.
    """
    checks: list[Check] = []
    for found in _checks(session):
        check = replace(found, text=as_commands(found.text))
        checks.append(check)
        if not session.json and not (session.quiet and check.state == OK):
            _show(check)
    code = next((check.code for check in checks if check.state == FAILURE), int(Exit.DONE))
    if session.json:
        document({"checks": [asdict(check) for check in checks], "code": code})
    if code:
        raise click.exceptions.Exit(code)


def _show(check: Check) -> None:
    lines = [*_lines(check.text), *_lines(check.advice)]
    state = styled(f"{check.state:<8}", sys.stdout, fg=_COLORS[check.state])
    say(f"{state} {check.name:<10} {lines[0]}")
    for line in lines[1:]:
        say(f"{'':<{_INDENT}}{line}")


def _lines(text: str) -> list[str]:
    """Return text as lines: as many as the terminal needs, one where there is none."""
    text = printable(text)
    if not takes_drawing(sys.stdout):
        return [text] if text else []
    width = max(shutil.get_terminal_size().columns - _INDENT, _NARROWEST)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _checks(session: Session) -> Iterator[Check]:
    yield _versions()
    yield _extras()
    try:
        source = session.access.source()
    except ConfigurationError as error:
        yield Check("config", FAILURE, str(error), "", Exit.KEY)
        return
    exists = config_path().exists()
    yield Check("config", OK, f"{config_path()}{'' if exists else ' (does not exist)'}")
    credentials, check = _key(source)
    yield check
    try:
        base = read_base_url(DEFAULT_BASE_URL if source.base_url is None else source.base_url)
    except ConfigurationError as error:
        yield Check("URL", FAILURE, str(error), "", Exit.KEY)
        return
    yield Check("URL", OK, base.url)
    for check in check_network(base):
        yield check
        if check.state == FAILURE:
            return
    if credentials is None:
        return
    try:
        with session.access.client(credentials) as client:
            yield from _hub(client, credentials)
    except (OSError, sqlite3.Error) as error:
        # The file in which processes share the quota of requests.
        failure = failure_of(error)
        yield Check("quota", FAILURE, failure.what if failure else str(error), "", Exit.LOCAL)


def _versions() -> Check:
    found = [f"kataven {__version__}", f"Python {platform.python_version()}"]
    found += [f"{name} {_version(name) or 'missing'}" for name in ("httpx", "httpcore", "click")]
    return Check("versions", OK, f"{', '.join(found)}, {platform.platform()}, {sys.executable}")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _extras() -> Check:
    try:
        requirements = metadata.requires("kataven") or []
    except metadata.PackageNotFoundError:
        return Check(
            "extras",
            WARNING,
            "kataven is not installed, only found in a folder",
            "pip install 'kataven[cli]' installs it",
        )
    missing: dict[str, list[str]] = {extra: [] for extra in _EXTRAS}
    for requirement in requirements:
        found = re.match(r"([\w.-]+).*;.*\bextra\s*==\s*['\"](\w+)['\"]", requirement)
        if found and found[2] in missing and _version(found[1]) is None:
            missing[found[2]].append(found[1])
    absent = [extra for extra, names in missing.items() if names]
    installed = ", ".join(extra for extra in _EXTRAS if extra not in absent) or "none"
    if not absent:
        return Check("extras", OK, f"{installed}: all installed")
    lacking = "; ".join(f"{extra} (needs {', '.join(missing[extra])})" for extra in absent)
    return Check(
        "extras",
        OK,
        f"{installed}; not installed: {lacking}",
        f"pip install 'kataven[{','.join(absent)}]' adds them, if you need them",
    )


def _key(source: Source) -> tuple[Credentials | None, Check]:
    if not source.api_key:
        text = f"no API key in {source.name}"
        return None, Check("key", FAILURE, text, source.add_key, Exit.KEY)
    try:
        found = checked(source, source.api_key)
    except ConfigurationError as error:
        return None, Check("key", FAILURE, str(error), "", Exit.KEY)
    text = f"{found.kind} of account {found.account}, from {source.name}"
    if source.ignored:
        ignored = ", ".join(source.ignored)
        advice = "key, URL and account come from one source: unset what is not meant"
        return found, Check("key", WARNING, f"{text}; ignored: {ignored}", advice)
    if found.kind == "key of an unknown form":
        return found, Check("key", WARNING, text, "a key looks like sk_live_<account>_...")
    return found, Check("key", OK, text)


def _hub(client: KatavenClient, credentials: Credentials) -> Iterator[Check]:
    hurried = client.with_options(timeout=SECONDS, max_retries=0, deadline=3 * SECONDS)
    begun = time.time()
    steady = time.perf_counter()
    try:
        response = hurried.campaigns.with_response.list()
    except KatavenError as error:
        yield _refused(error, credentials)
        if isinstance(error, APIStatusError):
            yield from _clock(error.headers, begun)
        return
    seconds = time.perf_counter() - steady
    yield Check("Hub", OK, f"accepts the key; responded in {seconds * 1000:.0f} ms")
    yield from _clock(response.headers, begun)
    try:
        limits = hurried.call_limits()
    except KatavenError as error:
        yield _refused(error, credentials, "limits")
        return
    shown = ", ".join(f"{name} {value}" for name, value in limits.items())
    yield Check("limits", OK, shown)


def _refused(error: KatavenError, credentials: Credentials, name: str = "Hub") -> Check:
    if isinstance(error, NotFoundError | ResponseFormatError):
        return Check(
            name,
            FAILURE,
            f"what responds at {credentials.base_url} is not a Hub: {error}",
            "check the URL: it names the host only, or its path ends with /v1",
            Exit.HUB,
        )
    failure = failure_of(error)
    code = Exit.HUB if failure is None else failure.code
    return Check(name, FAILURE, str(error), _ADVICE.get(code, _ADVICE[Exit.HUB]), code)


def _clock(headers: Mapping[str, str], begun: float) -> Iterator[Check]:
    """Compare the clocks; nothing if the response has no usable ``Date``."""
    try:
        theirs = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return
    ended = time.time()
    # The header has whole seconds, and was written at some time during the request.
    ahead = max(0.0, begun - theirs - 1) + min(0.0, ended - theirs)
    text = f"this machine is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the Hub"
    if abs(ahead) > _SKEW_SECONDS:
        advice = "set the clock of this machine: times such as +2h depend on it"
        yield Check("clock", WARNING, text, advice)
    else:
        yield Check("clock", OK, text if abs(ahead) >= 1 else "agrees with the Hub's")
