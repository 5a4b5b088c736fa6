"""The configuration file: profiles, each with a key, an account and a URL.

Knows where the file is, its form, and who may read it. Does not know which profile is in use.
"""

from __future__ import annotations

import os
import shlex
import stat
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from kataven.errors import ConfigurationError

__all__ = ["FIELDS", "Profile", "config_path", "read_profiles", "set_field"]

FIELDS: Final = ("api_key", "base_url", "account_id")
"""What a profile may hold."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The settings of one profile.

    Attributes:
        api_key: The key, or None.
        base_url: Where the Hub is, or None for the default.
        account_id: The account that a JWT acts for, or None.
    """

    api_key: str | None = None
    base_url: str | None = None
    account_id: str | None = None

    def __repr__(self) -> str:
        """Show everything except the key."""
        key = "set" if self.api_key else None
        return f"Profile(api_key={key}, base_url={self.base_url!r}, account_id={self.account_id!r})"


def config_path() -> Path:
    """Return the path of the configuration file, which need not exist."""
    return platformdirs.user_config_path("kataven") / "config.toml"


def read_profiles() -> dict[str, Profile]:
    """Read the profiles.

    Returns:
        Each profile by its name; empty if there is no file.

    Raises:
        ConfigurationError: Others may read the file, or it is not valid.
    """
    path = config_path()
    try:
        with path.open("rb") as file:
            _refuse_if_others_can_read(path, os.fstat(file.fileno()).st_mode)
            document = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The text of the error quotes no value, only a position.
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from None
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict) or document.keys() - {"profiles"}:
        raise ConfigurationError(
            f"{path}: it must hold tables such as [profiles.default], and nothing else"
        )
    return {name: _profile(path, name, values) for name, values in profiles.items()}


def _profile(path: Path, name: str, values: object) -> Profile:
    if not isinstance(values, dict):
        raise ConfigurationError(f"{path}: 'profiles.{name}' must be a table: [profiles.{name}]")
    known: dict[str, str] = {}
    for field, value in values.items():
        if field not in FIELDS:
            # Not quoted: a key in the wrong place must not be printed.
            raise ConfigurationError(
                f"{path}: [profiles.{name}] has an unknown field: use {', '.join(FIELDS)}"
            )
        if not isinstance(value, str):
            raise ConfigurationError(f"{path}: {field} of [profiles.{name}] must be text")
        # As for the environment, an empty value counts as not set.
        if value:
            known[field] = value
    return Profile(**known)


def set_field(profile: str, field: str, value: str) -> Path:
    """Set a field of a profile; comments and the other profiles stay as they are.

    The file is replaced in one step, readable by its owner only.

    Args:
        profile: The name of the profile; it is created if it does not exist.
        field: One of ``FIELDS``.
        value: The value.

    Returns:
        The path of the file.

    Raises:
        ConfigurationError: As for ``read_profiles``.
        OSError: The file cannot be written.
    """
    import tomlkit  # only this writes

    read_profiles()
    # A link, as managers of dotfiles make, stays a link.
    path = Path(os.path.realpath(config_path()))
    text = path.read_text("utf-8") if path.exists() else ""
    document = tomlkit.parse(text)
    profiles = document.setdefault("profiles", tomlkit.table(is_super_table=True))
    if profile not in profiles:
        profiles[profile] = tomlkit.table()
    profiles[profile][field] = value
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Created with mode 0600.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".config-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(tomlkit.dumps(document))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _refuse_if_others_can_read(path: Path, mode: int) -> None:
    # Windows has no such modes; there a user's folder is private.
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(
            f"{path} may hold a key, and other users of this machine can read or change it (mode "
            f"{stat.S_IMODE(mode):04o}): chmod 600 {shlex.quote(str(path))}"
        )
