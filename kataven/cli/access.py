"""Which key, URL and account a command uses, where they come from, and the client made of them.

Key, account and URL come together from one source: options, else the profile that ``--profile``
names, else the environment, else a profile. Must not print a key, and must not know commands.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kataven.cli.notices import show_notices
from kataven.cli.output import note
from kataven.cli.profiles import config_path, read_profiles
from kataven.config import DEFAULT_BASE_URL, JWT_PREFIX, from_environment, read_base_url
from kataven.errors import ConfigurationError

if TYPE_CHECKING:
    from kataven import KatavenClient, RateLimits

__all__ = ["Access", "Credentials"]

DEFAULT_PROFILE: Final = "default"
_KEY: Final = re.compile(r"sk_live_(?P<account>[a-z0-9][a-z0-9_-]*)_[^_]+")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where requests go and on whose behalf.

    Attributes:
        source: Where the three come from, for people: ``environment``, ``profile 'x'``.
        api_key: The key.
        base_url: The Hub's URL, with the version.
        account_id: The account that a JWT acts for, or None.
    """

    source: str
    api_key: str
    base_url: str
    account_id: str | None

    def __repr__(self) -> str:
        """Show everything except the key."""
        return f"Credentials({self.source}, {self.base_url}, {self.account})"

    @property
    def account(self) -> str:
        """The account, as far as the key or the settings name it; else ``unknown``."""
        if self.api_key.startswith(JWT_PREFIX):
            return self.account_id or "unknown"
        found = _KEY.fullmatch(self.api_key)
        return found["account"] if found else "unknown"

    @property
    def kind(self) -> str:
        """The kind of the key, for people."""
        if self.api_key.startswith(JWT_PREFIX):
            return "JWT"
        return "API key" if self.api_key.startswith("sk_live_") else "key of an unknown form"


@dataclass(slots=True)
class Access:
    """The options that say how the Hub is reached.

    Attributes:
        profile: The name that ``--profile`` gives, or None.
        api_key_file: The file that ``--api-key-file`` names (``-`` for standard input), or None.
        base_url: The URL that ``--base-url`` gives, or None.
        account_id: The account that ``--account-id`` gives, or None.
        rate_limit: Whether requests keep to the documented limits.
        quiet: Whether waits and retries are not shown.
    """

    profile: str | None = None
    api_key_file: str | None = None
    base_url: str | None = None
    account_id: str | None = None
    rate_limit: bool = True
    quiet: bool = False

    def credentials(self) -> Credentials:
        """Find the key, URL and account.

        Raises:
            ConfigurationError: There is no key, or two sources are mixed.
        """
        source, key, url, account = self._source()
        if not key:
            key = _asked(source)
        if key.startswith(JWT_PREFIX) and account is None:
            raise ConfigurationError(
                f"the key from {source} is a JWT, which does not name an account: add the account "
                f"to the same source ({_ACCOUNT[source.partition(' ')[0]]})"
            )
        base = read_base_url(url or DEFAULT_BASE_URL)
        return Credentials(source, key, base.url, account)

    def _source(self) -> tuple[str, str | None, str | None, str | None]:
        if self.api_key_file or self.base_url or self.account_id:
            if self.profile:
                raise click.UsageError(
                    "--profile names a key, a URL and an account; do not mix it with "
                    "--api-key-file, --base-url or --account-id."
                )
            key = _read_key(self.api_key_file) if self.api_key_file else None
            return "options", key, self.base_url, self.account_id
        if self.profile:
            return self._from_profile(self.profile)
        if from_environment("KATAVEN_API_KEY"):
            return (
                "environment",
                from_environment("KATAVEN_API_KEY"),
                from_environment("KATAVEN_BASE_URL"),
                from_environment("KATAVEN_ACCOUNT_ID"),
            )
        name = from_environment("KATAVEN_PROFILE")
        if name or DEFAULT_PROFILE in read_profiles():
            found = self._from_profile(name or DEFAULT_PROFILE)
            self._warn_of_ignored(found[0])
            return found
        return (
            "environment",
            None,
            from_environment("KATAVEN_BASE_URL"),
            from_environment("KATAVEN_ACCOUNT_ID"),
        )

    def _from_profile(self, name: str) -> tuple[str, str | None, str | None, str | None]:
        profiles = read_profiles()
        if name not in profiles:
            known = ", ".join(sorted(profiles)) or "none"
            raise ConfigurationError(
                f"there is no profile {name!r} in {config_path()} (profiles: {known}): create it "
                f"with 'kataven config set api_key --profile {name}'"
            )
        found = profiles[name]
        return f"profile {name!r}", found.api_key, found.base_url, found.account_id

    def _warn_of_ignored(self, source: str) -> None:
        for name in ("KATAVEN_BASE_URL", "KATAVEN_ACCOUNT_ID"):
            if from_environment(name) and not self.quiet:
                note(f"{name} is ignored: key, URL and account come from {source}.")

    def client(self, credentials: Credentials | None = None) -> KatavenClient:
        """Make a client that shows its waits and retries, and shares the account's request quota.

        Args:
            credentials: What ``credentials()`` returned; None to find them now.

        Returns:
            The client; close it.
        """
        from kataven import KatavenClient

        show_notices(quiet=self.quiet)
        found = credentials or self.credentials()
        return KatavenClient(
            found.api_key,
            # An API key names its account; None would make the client read the environment.
            account_id=found.account_id,
            base_url=found.base_url,
            rate_limits=self._rate_limits(found),
        )

    def _rate_limits(self, found: Credentials) -> RateLimits | None:
        """Return the documented limits, shared by all processes that use the same account."""
        if not self.rate_limit or read_base_url(found.base_url).loopback:
            return None
        from dataclasses import replace

        import platformdirs

        from kataven import RateLimits

        who = found.account if found.account != "unknown" else found.api_key
        digest = hashlib.sha256(f"{found.base_url}\n{who}".encode()).hexdigest()[:16]
        folder = platformdirs.user_state_path("kataven") / "limits"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return replace(RateLimits.documented(), store=str(folder / f"{digest}.sqlite"))


_ACCOUNT: Final = {
    "options": "--account-id",
    "environment": "KATAVEN_ACCOUNT_ID",
    "profile": "'kataven config set account_id NAME --profile ...'",
}


def _read_key(path: str) -> str:
    if path == "-":
        return sys.stdin.readline().strip()
    key = Path(path).read_text("utf-8", errors="replace").strip()
    if not key:
        raise ConfigurationError(f"the key file {path} is empty")
    return key


def _asked(source: str) -> str:
    """Ask for the key on a terminal, without echo."""
    if sys.stdin is None or not sys.stdin.isatty() or not sys.stderr.isatty():
        raise ConfigurationError(
            "no API key: set KATAVEN_API_KEY, store one with 'kataven config set api_key', or name "
            "a file with --api-key-file"
            if source == "environment"
            else f"no API key in {source}: add it there, for a profile with 'kataven config set "
            "api_key --profile NAME', else with --api-key-file"
        )
    return str(click.prompt("API key", hide_input=True, err=True)).strip()
