"""Rate limiter state in Redis, for several machines.

Each step is one run of one Lua script, on the server's clock, so that machines whose clocks differ
agree. Leases expire, because a killed process releases none. A Redis that cannot be reached is an
error, never "no limit".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from kataven._flow.ratelimit import HURRY, LEASE_SECONDS, PATIENCE, Wait, status_of
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from kataven._flow.ratelimit import RateLimits, RateLimitStatus

try:
    import redis as _redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as error:
    raise ImportError(
        "a redis:// store needs the extra 'redis': pip install 'kataven[redis]'"
    ) from error

# Seconds for a connection, and for a reply.
_TIMEOUT: Final = 5.0

# KEYS: stamps (sorted set: member = lease, score = time), leases (score = end), pause (a time).
# ARGV: verb, lease, lifetime, control, most in flight (-1: no limit), then for each window seconds
# and limit. Times are seconds with microseconds, as strings: Redis cuts Lua numbers to integers.
_SCRIPT: Final = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local stamps, leases, pause = KEYS[1], KEYS[2], KEYS[3]
local verb, lease, lifetime = ARGV[1], ARGV[2], tonumber(ARGV[3])
local function text(number) return string.format('%.6f', number) end
local function expire(key, seconds) redis.call('EXPIRE', key, math.ceil(seconds) + 60) end

if verb == 'release' then
  redis.call('ZREM', leases, lease)
  return {'ok', '0'}
end
if verb == 'renew' then
  redis.call('ZADD', leases, text(now + lifetime), lease)
  expire(leases, lifetime)
  return {'ok', '0'}
end
local paused = tonumber(redis.call('GET', pause) or '0') - now
if verb == 'pause' then
  if lifetime > paused then
    redis.call('SET', pause, text(now + lifetime), 'EX', math.ceil(lifetime) + 60)
  end
  return {'ok', '0'}
end

redis.call('ZREMRANGEBYSCORE', leases, '-inf', text(now))
-- A connection that broke before the reply: the request was admitted already.
if verb == 'acquire' and redis.call('ZSCORE', leases, lease) then return {'ok', '0'} end
if verb == 'status' then
  local status = {'ok', text(math.max(0, paused)), tostring(redis.call('ZCARD', leases))}
  for i = 6, #ARGV, 2 do
    local since = '(' .. text(now - tonumber(ARGV[i]))
    status[#status + 1] = tostring(redis.call('ZCOUNT', stamps, since, '+inf'))
  end
  return status
end

local control, most = ARGV[4] == '1', tonumber(ARGV[5])
if not control and paused > 0 then return {'wait', text(paused)} end
if most >= 0 and redis.call('ZCARD', leases) >= most then return {'busy', '0'} end
local wait, longest = 0, 0
for i = 6, #ARGV, 2 do
  local seconds, limit = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local oldest = redis.call('ZREVRANGE', stamps, limit - 1, limit - 1, 'WITHSCORES')
  if oldest[2] then wait = math.max(wait, tonumber(oldest[2]) + seconds - now) end
  longest = math.max(longest, seconds)
end
if wait > 0 then return {'wait', text(wait)} end
if longest > 0 then
  redis.call('ZADD', stamps, text(now), lease)
  redis.call('ZREMRANGEBYSCORE', stamps, '-inf', text(now - longest))
  expire(stamps, longest)
end
if most >= 0 then
  redis.call('ZADD', leases, text(now + lifetime), lease)
  expire(leases, lifetime)
end
return {'ok', '0'}
"""


class RedisStore:
    """A store for several machines.

    Args:
        limits: The limits, whose ``store`` is the URL and whose ``name`` distinguishes accounts.

    Raises:
        ConfigurationError: If Redis cannot be reached.
    """

    blocks = True

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._leases = limits.leases()
        # One hash tag, so that a cluster keeps the three keys in one place.
        prefix = f"{{kataven:budget:{limits.name}}}"
        self._keys = [f"{prefix}:stamps", f"{prefix}:leases", f"{prefix}:pause"]
        try:
            self._redis = _connections(limits.store, _TIMEOUT)
            self._hurried = _connections(limits.store, HURRY)
            self._script = self._redis.register_script(_SCRIPT)
            self._redis.ping()
        except (ValueError, TypeError):
            # Without redis-py's own words, which may quote a part of a password.
            raise ConfigurationError(
                "the rate limiter's store is not a usable Redis URL: write it like "
                "rediss://user:password@host:6379/0, with '/', '?', '#' or '@' in a password as "
                "%2F, %3F, %23 or %40, and only options that redis-py supports after '?'"
            ) from None
        except _redis.RedisError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: Exception, *, admits: bool = True) -> ConfigurationError:
        # Without the URL, which may hold a password.
        unsent = "; nothing was sent, because what is left is unknown" if admits else ""
        return ConfigurationError(
            f"the rate limiter's Redis cannot be used ({type(error).__name__}: {error}){unsent}"
        )

    def _run(
        self,
        verb: str,
        lease: str = "",
        seconds: float = LEASE_SECONDS,
        *,
        control: bool = False,
        hurried: bool = False,
    ) -> list[str]:
        most = -1 if self._leases is None else self._leases[0 if control else 1]
        arguments: list[Any] = [verb, lease, repr(float(seconds)), int(control), most]
        for window in self._limits.windows():
            arguments += [repr(window.seconds), window.limit if control else window.ordinary_limit]
        try:
            connections = self._hurried if hurried else self._redis
            reply = self._script(keys=self._keys, args=arguments, client=connections)
        except _redis.RedisError as error:
            raise self._unusable(error, admits=verb == "acquire") from None
        return [part.decode() if isinstance(part, bytes) else str(part) for part in reply]

    def acquire(
        self,
        now: float,  # noqa: ARG002 - the server's clock counts
        lease: str,
        *,
        control: bool,
        patience: float = PATIENCE,  # noqa: ARG002 - the connection's own timeout is shorter
    ) -> Wait | None:
        """Admit one request under the name ``lease``, or return when to ask again."""
        word, seconds = self._run("acquire", lease, control=control)[:2]
        return None if word == "ok" else Wait(float(seconds), busy=word == "busy")

    def release(self, lease: str) -> None:
        """End a lease; one that was never granted is ignored."""
        if self._leases is not None:
            self._run("release", lease, hurried=True)

    def renew(self, lease: str, now: float) -> None:  # noqa: ARG002 - the server's clock counts
        """Extend a lease that is still held."""
        if self._leases is not None:
            self._run("renew", lease, hurried=True)

    def pause(self, now: float, seconds: float) -> None:  # noqa: ARG002 - the server's clock counts
        """Hold back every call, except control calls."""
        self._run("pause", seconds=seconds, hurried=True)

    def status(self, now: float) -> RateLimitStatus:  # noqa: ARG002 - the server's clock counts
        """Return what is left."""
        _, paused, in_flight, *used = self._run("status")
        return status_of(
            self._limits, [int(count) for count in used], int(in_flight), float(paused)
        )

    def close(self) -> None:
        """Close the connections; the state stays in Redis."""
        self._redis.close()
        self._hurried.close()


def _connections(url: str, timeout: float) -> Any:
    # redis-py accepts only schemes in lower case.
    scheme, colon, rest = url.partition(":")
    parts = urlsplit(url)
    if parts.scheme != "unix" and "@" in parts.path + parts.query + parts.fragment:
        raise ValueError("a slash in a password, whose parts would show as host and port")
    return _redis.Redis.from_url(
        scheme.lower() + colon + rest,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        # One retry, for a connection that the server closed meanwhile; an unreachable server is an
        # error and not waited for.
        retry=Retry(NoBackoff(), 1, supported_errors=(_redis.ConnectionError,)),
    )
