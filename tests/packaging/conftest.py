"""The wheel, and environments that hold it without the checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def call(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a command that must succeed; returns what it printed."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Installed:
    """An environment and a folder to work in, neither of which knows the checkout.

    Attributes:
        folder: Where commands run.
        python: The environment's Python.
        environment: The variables that commands get.
    """

    folder: Path
    python: Path
    environment: dict[str, str]

    @property
    def command(self) -> Path:
        """The installed `kataven`."""
        return self.python.parent / "kataven"

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )

    def python_says(self, code: str) -> str:
        """Run some code; returns what it printed."""
        return call(self.python, "-c", code, cwd=self.folder, env=self.environment)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout with the tools that are installed."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder]
    call(sys.executable, "-m", "pip", "wheel", *options, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel installed with nothing but its core requirements."""
    folder = tmp_path_factory.mktemp("bare")
    home = folder / "environment"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    call(python, "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    ours = ("PYTHON", "KATAVEN_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    work = folder / "work"
    work.mkdir()
    return Installed(work, python, kept)


@pytest.fixture
def full(bare: Installed, tmp_path: Path) -> Installed:
    """The same, with the libraries of this environment behind it: every extra, and pytest.

    A folder on PYTHONPATH is searched for packages, but its .pth files are not read, so that the
    checkout, which is installed here by one, stays out.
    """
    libraries = sysconfig.get_paths()["purelib"]
    return Installed(tmp_path, bare.python, {**bare.environment, "PYTHONPATH": libraries})
