"""The ledger in Redis, for several machines.

Each method is one run of one Lua script, on the server's clock. A Redis that does not write every
command to disk before it confirms it is refused: it can forget that a campaign was created.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kataven.bulk.ledger import LedgerRow
from kataven.bulk.ledger.redis_script import SCRIPT
from kataven.bulk.ledger.states import check_step, needs_running
from kataven.errors import BulkError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kataven.bulk.ledger.states import State, Wanted

try:
    import redis as _redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as error:
    raise ImportError(
        "a redis:// ledger needs the extra 'redis': pip install 'kataven[redis]'"
    ) from error

__all__ = ["RedisLedger"]

_TIMEOUT: Final = 10.0


class RedisLedger:
    """A ledger for several machines.

    Args:
        url: The URL of the Redis.
        plan_id: The plan, which is part of every key.
        allow_lossy_store: Whether a Redis may be used that can lose what it has confirmed.

    Raises:
        ConfigurationError: It cannot be reached, or may lose what it has confirmed.
    """

    def __init__(self, url: str, plan_id: str, *, allow_lossy_store: bool = False) -> None:
        prefix = f"{{kataven:bulk:{plan_id}}}"
        self._keys = [f"{prefix}:notes", f"{prefix}:open", f"{prefix}:turns", f"{prefix}:part:"]
        scheme, colon, rest = url.partition(":")
        try:
            self._redis: Any = _redis.Redis.from_url(
                # redis-py accepts only schemes in lower case.
                scheme.lower() + colon + rest,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                # One retry, for a connection that the server closed meanwhile.
                retry=Retry(NoBackoff(), 1, supported_errors=(_redis.ConnectionError,)),
            )
            self._script = self._redis.register_script(SCRIPT)
            self._redis.ping()
        except (ValueError, TypeError):
            # Without redis-py's own words, which may quote a part of a password.
            raise ConfigurationError(
                "the ledger's store is not a usable Redis URL: write it like "
                "rediss://user:password@host:6379/0, with '/', '?', '#' or '@' in a password as "
                "%2F, %3F, %23 or %40"
            ) from None
        except _redis.RedisError as error:
            raise _unusable(error) from None
        if not allow_lossy_store:
            try:
                self._refuse_lossy()
            except BaseException:
                self.close()
                raise

    def _refuse_lossy(self) -> None:
        try:
            settings = {
                _text(name): _text(value)
                for pattern in ("appendonly", "appendfsync", "maxmemory-policy")
                for name, value in self._redis.config_get(pattern).items()
            }
        except _redis.RedisError as error:
            raise ConfigurationError(
                "whether this Redis writes to disk before it confirms is unknown, because it does "
                f"not allow CONFIG GET ({error}); {_LOSSY}"
            ) from None
        wrong = [
            f"{name} is {settings.get(name, 'not known')!r} and must be {right!r}"
            for name, right in (("appendonly", "yes"), ("appendfsync", "always"))
            if settings.get(name) != right
        ]
        if settings.get("maxmemory-policy", "").startswith("allkeys"):
            wrong.append("its maxmemory-policy removes keys; it must be 'noeviction'")
        if wrong:
            raise ConfigurationError(
                f"this Redis may lose what it has confirmed: {'; '.join(wrong)}; {_LOSSY}"
            )

    def _run(self, verb: str, *arguments: object) -> list[Any]:
        try:
            reply: list[Any] = self._script(keys=self._keys, args=[verb, *map(str, arguments)])
        except _redis.RedisError as error:
            raise _unusable(error) from None
        return reply

    def _words(self, verb: str, *arguments: object) -> list[str]:
        return [_text(word) for word in self._run(verb, *arguments)]

    def fix(self, parts: Sequence[str], settings: str) -> str:
        """Fix parts and settings with the first call; return the settings that are fixed."""
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        word, *fixed = self._words("fix", digest, settings, *parts)
        if word == "other":
            raise BulkError("the ledger in Redis has other parts than the plan of this id")
        return fixed[0]

    def settings(self) -> str:
        """Return the settings that are fixed, or an empty text."""
        return self._words("settings")[0]

    def claim(
        self, states: Sequence[State], lease_seconds: float, number: int | None = None
    ) -> LedgerRow | None:
        """Take a lease of the first part that is in one of the states and not leased."""
        only = "" if number is None else number
        found = self._run("claim", repr(float(lease_seconds)), only, *states)
        return _row(found) if found else None

    def step(
        self,
        row: LedgerRow,
        state: State,
        lease_seconds: float,
        *,
        campaign: str | None = None,
        status: str = "",
        detail: str = "",
        seen: bool = False,
    ) -> LedgerRow | None:
        """Make a step, and renew the lease; None if nothing was changed."""
        after = replace(
            row,
            state=state,
            campaign=campaign or row.campaign,
            status=status or row.status,
            detail=detail,
            seen=seen,
        )
        check_step(row.state, state, row.campaign, after.campaign)
        word = self._words(
            "step",
            row.number,
            row.token,
            row.state,
            row.campaign or "",
            state,
            after.campaign or "",
            after.status,
            detail,
            repr(float(lease_seconds)),
            int(needs_running(row.state, state)),
            int(seen),
        )[0]
        return after if word == "ok" else None

    def renew(self, row: LedgerRow, lease_seconds: float) -> None:
        """Extend the lease, unless another worker has claimed the part."""
        self._run("lease", row.number, row.token, repr(float(lease_seconds)))

    def release(self, row: LedgerRow) -> None:
        """End the lease, unless another worker has claimed the part."""
        self._run("lease", row.number, row.token, "0")

    def observe(self, row: LedgerRow, state: State, status: str) -> None:
        """Record the status of a started campaign; needs no lease, and never goes back."""
        check_step("started", state, row.campaign, row.campaign)
        self._run("observe", row.number, row.campaign or "", state, status)

    def hold(self, row: LedgerRow, *, held: bool) -> None:
        """Record that a campaign is paused on behalf of the run, or no longer."""
        self._run("hold", row.number, int(held))

    def rows(self, states: Sequence[State] | None = None) -> list[LedgerRow]:
        """Return the parts in some states, or all, in the order of the plan."""
        if states is not None and not states:
            return []
        return [_row(found) for found in self._run("rows", *(states or ()))]

    def held(self) -> list[LedgerRow]:
        """Return the started parts whose campaigns are paused on behalf of the run."""
        return [_row(found) for found in self._run("held")]

    def count(self, states: Sequence[State]) -> int:
        """Return how many parts are in some states."""
        return int(self._words("count", *states)[0])

    def row(self, number: int) -> LedgerRow:
        """Return one part."""
        return _row(self._run("row", number))

    def wanted(self) -> Wanted:
        """Return the wanted state of the run."""
        return _wanted(self._words("wanted")[0])

    def want(self, wanted: Wanted) -> Wanted:
        """Record the wanted state, unless the run is stopped; return what is wanted now."""
        return _wanted(self._words("want", wanted)[0])

    def turn(self, name: str, seconds: float) -> bool:
        """Return whether it is the caller's turn: one turn of a name in so many seconds."""
        return self._words("turn", name, repr(float(seconds))) == ["1"]

    def note(self, name: str) -> str:
        """Return a note that all workers share, or an empty text."""
        return self._words("note", name)[0]

    def set_note(self, name: str, text: str) -> None:
        """Set a note that all workers share."""
        self._run("set_note", name, text)

    def close(self) -> None:
        """Close the connections; the ledger stays in Redis."""
        self._redis.close()


_LOSSY: Final = (
    "set 'appendonly yes' and 'appendfsync always', or pass allow_lossy_store=True, which risks "
    "that after a crash of Redis the ledger forgets a campaign and people are called twice"
)


def _unusable(error: Exception) -> ConfigurationError:
    # Without the URL, which may hold a password.
    return ConfigurationError(
        f"the ledger's Redis cannot be used ({type(error).__name__}: {error}); nothing is sent "
        "without it"
    )


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _wanted(word: str) -> Wanted:
    if word == "stopped":
        return "stopped"
    return "paused" if word == "paused" else "running"


def _row(found: list[Any]) -> LedgerRow:
    number, state, token, campaign, status, held, detail, seen = (_text(word) for word in found)
    known: Any = state
    return LedgerRow(
        int(number), known, int(token), campaign or None, status, held == "1", detail, seen == "1"
    )
