"""The wheel, and environments that contain it without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def call(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a command that must succeed; return its output."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and a working folder, both outside the checkout.

    Attributes:
        folder: The working folder of commands.
        python: The Python of the environment.
        environment: The environment variables of commands.
    """

    folder: Path
    python: Path
    environment: dict[str, str]

    @property
    def command(self) -> Path:
        """The installed ``kataven`` command."""
        return self.python.parent / "kataven"

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )

    def run_code(self, code: str) -> str:
        """Run some code; return its output."""
        return call(self.python, "-c", code, cwd=self.folder, env=self.environment)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout with the installed tools."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder]
    call(sys.executable, "-m", "pip", "wheel", *options, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def source_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, built from the checkout with the installed tools."""
    folder = tmp_path_factory.mktemp("source-archive")
    options = ["--no-isolation", "--sdist", "--outdir", folder]
    call(sys.executable, "-m", "build", *options, ROOT, cwd=folder)
    (built,) = folder.glob("*.tar.gz")
    return built


@pytest.fixture(scope="session")
def unpacked(source_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the files of the source archive."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(source_archive) as archive:
        archive.extractall(folder, filter="data")
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="session")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, installed with its core requirements only."""
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
    """The same, plus the libraries of the current environment: every extra, and pytest.

    They are added through PYTHONPATH. Python does not read the .pth files of such a folder, so the
    checkout, which is installed here through one, is not importable.
    """
    libraries = sysconfig.get_paths()["purelib"]
    return Installed(tmp_path, bare.python, {**bare.environment, "PYTHONPATH": libraries})
