"""The ledger in Redis, for several machines.

Each method is one run of one Lua script, on the server's clock. A Redis that does not write every
command to disk before it confirms it is refused: it can forget that a campaign was created.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kataven.bulk.ledger import LedgerRow
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

# KEYS: notes (hash), open (sorted set: number = end of its lease), turns (hash), prefix of parts.
# ARGV: verb, then its arguments. A part is a hash. All keys have one hash tag, so that a cluster
# keeps them in one place.
_SCRIPT: Final = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local notes, open, turns, prefix = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local verb = ARGV[1]
local names = {'state', 'token', 'campaign', 'status', 'held', 'detail', 'seen'}
local function text(number) return string.format('%.6f', number) end
local function padded(number) return string.format('%08d', number) end
local function key(number) return prefix .. tonumber(number) end
local function row(number)
  local found = redis.call('HMGET', key(number), unpack(names))
  if not found[7] then
    -- An earlier version wrote the part, and said it at the start of the detail.
    local shown = found[1] == 'unknown' and string.sub(found[6], 1, 9) == 'there is '
    found[7] = shown and '1' or '0'
  end
  table.insert(found, 1, tostring(tonumber(number)))
  return found
end
local function count() return tonumber(redis.call('HGET', notes, 'count') or '0') end
local function wanted() return redis.call('HGET', notes, 'wanted') or 'running' end

if verb == 'fix' then
  local digest, settings = ARGV[2], ARGV[3]
  local known = redis.call('HGET', notes, 'parts')
  if known and known ~= digest then return {'other'} end
  local fixed = redis.call('HGET', notes, 'settings')
  if fixed == settings then return {'ok', fixed} end
  if not known then
    for i = 4, #ARGV do
      redis.call('HSET', key(i - 4), 'state', 'planned', 'token', 0, 'campaign', '', 'status', '',
        'held', '0', 'detail', '', 'seen', '0', 'sha256', ARGV[i])
    end
    redis.call('HSET', notes, 'parts', digest, 'count', #ARGV - 3)
  else
    for number = 0, count() - 1 do
      if redis.call('HGET', key(number), 'state') ~= 'planned' then return {'ok', fixed} end
    end
  end
  for number = 0, count() - 1 do
    redis.call('HINCRBY', key(number), 'token', 1)
    redis.call('ZADD', open, 0, padded(number))
  end
  redis.call('HSET', notes, 'settings', settings)
  return {'ok', settings}
end

if verb == 'settings' then return {redis.call('HGET', notes, 'settings') or ''} end
if verb == 'claim' then
  local seconds, only = tonumber(ARGV[2]), ARGV[3]
  local free = {}
  if only ~= '' then
    if tonumber(redis.call('ZSCORE', open, padded(only)) or '0') <= now then free = {only} end
  else
    free = redis.call('ZRANGEBYSCORE', open, '-inf', text(now))
    table.sort(free)
  end
  local first = {}
  for _, number in ipairs(free) do
    local state = redis.call('HGET', key(number), 'state')
    first[state] = first[state] or number
    if state == ARGV[4] then break end
  end
  for i = 4, #ARGV do
    local number = first[ARGV[i]]
    if number then
      redis.call('HINCRBY', key(number), 'token', 1)
      redis.call('ZADD', open, text(now + seconds), padded(number))
      return row(number)
    end
  end
  return {}
end

if verb == 'step' then
  local number, token, before, fixed = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
  local after, campaign, status, detail = ARGV[6], ARGV[7], ARGV[8], ARGV[9]
  local seconds, running, seen = tonumber(ARGV[10]), ARGV[11], ARGV[12]
  local found = redis.call('HMGET', key(number), 'token', 'state', 'campaign')
  if found[1] ~= token then return {'lost'} end
  -- The reply to this very step was lost, and the client asks again.
  if found[2] == after and before ~= after and found[3] == campaign then return {'ok'} end
  if running == '1' and wanted() ~= 'running' then return {'lost'} end
  if found[2] ~= before or found[3] ~= fixed then return {'lost'} end
  redis.call('HSET', key(number), 'state', after, 'campaign', campaign, 'status', status,
    'detail', detail, 'seen', seen)
  redis.call('ZADD', open, text(now + seconds), padded(number))
  return {'ok'}
end

if verb == 'lease' then
  local number, token, seconds = ARGV[2], ARGV[3], tonumber(ARGV[4])
  if redis.call('HGET', key(number), 'token') ~= token then return {} end
  if seconds > 0 then
    redis.call('ZADD', open, text(now + seconds), padded(number))
    return {}
  end
  local state = redis.call('HGET', key(number), 'state')
  -- What nobody claims again must not be searched.
  if state == 'finished' or state == 'failed' or state == 'started' then
    redis.call('ZREM', open, padded(number))
  else
    redis.call('ZADD', open, 0, padded(number))
  end
  return {}
end

if verb == 'observe' then
  local number, campaign, after, status = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
  local found = redis.call('HMGET', key(number), 'state', 'campaign')
  if found[1] == 'started' and found[2] == campaign then
    redis.call('HSET', key(number), 'state', after, 'status', status)
  end
  return {}
end
if verb == 'hold' then
  redis.call('HSET', key(ARGV[2]), 'held', ARGV[3])
  return {}
end
if verb == 'row' then return row(ARGV[2]) end
if verb == 'rows' then
  local wished, all = {}, #ARGV == 1
  for i = 2, #ARGV do wished[ARGV[i]] = true end
  local found = {}
  for number = 0, count() - 1 do
    if all or wished[redis.call('HGET', key(number), 'state')] then
      found[#found + 1] = row(number)
    end
  end
  return found
end
if verb == 'held' then
  local found = {}
  for number = 0, count() - 1 do
    local part = redis.call('HMGET', key(number), 'state', 'held')
    if part[1] == 'started' and part[2] == '1' then found[#found + 1] = row(number) end
  end
  return found
end
if verb == 'count' then
  local wished, total = {}, 0
  for i = 2, #ARGV do wished[ARGV[i]] = true end
  for number = 0, count() - 1 do
    if wished[redis.call('HGET', key(number), 'state')] then total = total + 1 end
  end
  return {tostring(total)}
end
if verb == 'wanted' then return {wanted()} end
if verb == 'want' then
  if wanted() ~= 'stopped' then redis.call('HSET', notes, 'wanted', ARGV[2]) end
  return {wanted()}
end
if verb == 'turn' then
  if tonumber(redis.call('HGET', turns, ARGV[2]) or '0') > now then return {'0'} end
  redis.call('HSET', turns, ARGV[2], text(now + tonumber(ARGV[3])))
  return {'1'}
end
if verb == 'note' then return {redis.call('HGET', notes, 'note:' .. ARGV[2]) or ''} end
redis.call('HSET', notes, 'note:' .. ARGV[2], ARGV[3])
return {}
"""


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
            self._script = self._redis.register_script(_SCRIPT)
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
