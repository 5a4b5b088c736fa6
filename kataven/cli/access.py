"""Which key, URL and account a command uses, and the client made of them.

Key, account and URL come together from one source: options, else the profile that ``--profile``
names, else the environment, else a profile. Must not print a key, and must not know commands.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from kataven.cli.output import note
from kataven.errors import ConfigurationError

# What reads keys and settings is loaded where it is used: every command has an `Access`, but those
# about contact lists never use it.
if TYPE_CHECKING:
    from kataven import KatavenClient, RateLimits
    from kataven.cli.credentials import Credentials, Source

__all__ = ["Access"]

DEFAULT_PROFILE: Final = "default"


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
        """Find the key, URL and account; ask for a key on a terminal if there is none.

        Raises:
            ConfigurationError: There is no key, it is not usable, or two sources are mixed.
        """
        from kataven.cli.credentials import checked

        source = self.source()
        if source.ignored and not self.quiet:
            note(
                f"{' and '.join(source.ignored)} ignored: key, URL and account come from "
                f"{source.name}."
            )
        return checked(source, source.api_key or _asked(source))

    def source(self) -> Source:
        """Find which source is in use, and what it says; asks for nothing.

        Raises:
            ConfigurationError: The profile does not exist, or the configuration file is not usable.
            click.UsageError: Options of two sources are mixed.
        """
        from kataven.cli.credentials import Source
        from kataven.cli.profiles import read_profiles
        from kataven.config import from_environment

        # An empty option, as of an unset variable of the shell, is not "no option": it is refused.
        if (self.api_key_file, self.base_url, self.account_id) != (None, None, None):
            if self.profile is not None:
                raise click.UsageError(
                    "--profile names a key, a URL and an account; do not mix it with "
                    "--api-key-file, --base-url or --account-id."
                )
            return Source(
                "options",
                None if self.api_key_file is None else _read_key(self.api_key_file),
                self.base_url,
                self.account_id,
                add_key="name a file with --api-key-file",
                add_account="--account-id NAME",
                ignored=_set_variables("KATAVEN_BASE_URL", "KATAVEN_ACCOUNT_ID"),
            )
        if self.profile is not None:
            return _from_profile(self.profile, "KATAVEN_BASE_URL", "KATAVEN_ACCOUNT_ID")
        key = from_environment("KATAVEN_API_KEY")
        name = from_environment("KATAVEN_PROFILE")
        if not key and (name or DEFAULT_PROFILE in read_profiles()):
            return _from_profile(name or DEFAULT_PROFILE, "KATAVEN_BASE_URL", "KATAVEN_ACCOUNT_ID")
        return Source(
            "environment",
            key,
            from_environment("KATAVEN_BASE_URL"),
            from_environment("KATAVEN_ACCOUNT_ID"),
            add_key="set KATAVEN_API_KEY, store one with 'kataven config set api_key', or name a "
            "file with --api-key-file",
            add_account="KATAVEN_ACCOUNT_ID",
            ignored=_set_variables("KATAVEN_PROFILE"),
        )

    def client(self, credentials: Credentials | None = None) -> KatavenClient:
        """Make a client that shows its waits and retries, and shares the account's request quota.

        Args:
            credentials: What ``credentials()`` returned; None to find them now.

        Returns:
            The client; close it.
        """
        from kataven import KatavenClient
        from kataven.cli.notices import show_notices

        show_notices(quiet=self.quiet)
        found = credentials or self.credentials()
        return KatavenClient(
            found.api_key,
            # None would make the client read the environment, which is another source. Where there
            # is no account, the key is not a JWT, and the client does not send it.
            account_id=found.account_id or "none",
            base_url=found.base_url,
            rate_limits=self._rate_limits(found),
        )

    def _rate_limits(self, found: Credentials) -> RateLimits | None:
        """Return the documented limits, shared by all processes that use the same account."""
        from kataven.config import read_base_url

        if not self.rate_limit or read_base_url(found.base_url).loopback:
            return None
        from dataclasses import replace

        import platformdirs

        from kataven import RateLimits

        # Secrets rarely contain an underscore: what precedes the last one is the same for all keys
        # of an account. A wrong guess only means that keys do not share a quota.
        start = found.api_key.rpartition("_")[0]
        who = found.account_id or (start if found.kind == "API key" else found.api_key)
        digest = hashlib.sha256(f"{found.base_url}\n{who}".encode()).hexdigest()[:16]
        folder = platformdirs.user_state_path("kataven") / "limits"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                error.errno,
                f"{error.strerror}; processes share the request quota here (XDG_STATE_HOME moves "
                "it, --no-rate-limit does without)",
                str(folder),
            ) from error
        return replace(RateLimits.documented(), store=str(folder / f"{digest}.sqlite"))


def _from_profile(name: str, *ignored: str) -> Source:
    from kataven.cli.credentials import Source
    from kataven.cli.profiles import config_path, read_profiles

    profiles = read_profiles()
    if name not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise ConfigurationError(
            f"there is no profile {name!r} in {config_path()} (profiles: {known}): create it "
            f"with 'kataven config set api_key --profile {name}'"
        )
    found = profiles[name]
    option = "" if name == DEFAULT_PROFILE else f" --profile {name}"
    return Source(
        f"profile {name!r}",
        found.api_key,
        found.base_url,
        found.account_id,
        add_key=f"add one with 'kataven config set api_key{option}'",
        add_account=f"'kataven config set account_id NAME{option}'",
        ignored=_set_variables(*ignored),
    )


def _set_variables(*names: str) -> tuple[str, ...]:
    from kataven.config import from_environment

    return tuple(name for name in names if from_environment(name))


def _read_key(path: str) -> str:
    if path == "-":
        key = "" if sys.stdin is None else sys.stdin.readline().strip()
    else:
        key = Path(path).read_text("utf-8", errors="replace").strip()
    if not key:
        where = "standard input" if path == "-" else f"the key file {path}"
        raise ConfigurationError(f"{where} is empty, but --api-key-file reads the key from it")
    return key


def _asked(source: Source) -> str:
    """Ask for the key on a terminal, without echo."""
    from kataven.config import DEFAULT_BASE_URL

    if sys.stdin is None or not sys.stdin.isatty() or not sys.stderr.isatty():
        raise ConfigurationError(f"no API key in {source.name}: {source.add_key}")
    key = click.prompt(
        f"API key for {source.base_url or DEFAULT_BASE_URL}", hide_input=True, err=True
    )
    return str(key).strip()
