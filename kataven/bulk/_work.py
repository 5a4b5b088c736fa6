"""The work folder of ``prepare``, and how its tasks run on an executor.

Finished tasks are kept on disk, so that a ``prepare`` that was killed continues when it is run
again. Knows files, futures and progress; does not know what a task does.
"""

from __future__ import annotations

import json
import os
import zlib
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, ParamSpec, TypeAlias, TypeVar

from kataven.errors import BulkError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "OnProgress",
    "Phase",
    "Pool",
    "PrepareProgress",
    "blob",
    "finished",
    "save",
    "store",
    "store_named",
    "sync_folder",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")

# Tasks that are submitted at a time: how many an executor runs at once is not known.
_WINDOW: Final = 16


Phase: TypeAlias = Literal["exclude", "clean", "deduplicate", "write"]
"""What ``prepare`` does: it reads earlier plans to exclude, cleans rows, finds duplicates, and
writes the parts."""


@dataclass(frozen=True, slots=True)
class PrepareProgress:
    """How far ``prepare`` is.

    Attributes:
        phase: ``exclude`` (plans to exclude are read), ``clean``, ``deduplicate`` or ``write``.
        done: How much of the phase is done: bytes of the sources for ``clean``, else steps.
        total: How much there is to do.
        rows_read: The rows read so far.
        rows_total: The rows of all sources, None before all are read.
    """

    phase: Phase
    done: int
    total: int
    rows_read: int
    rows_total: int | None


OnProgress: TypeAlias = Callable[[PrepareProgress], object]


# Files. A container is a file of blobs: their number, where each starts, where the last one ends,
# and the blobs.


def store(path: Path, data: bytes | Iterable[bytes], *, sync: bool = False) -> None:
    """Write a file, which appears under its name when it is complete.

    Args:
        path: The file; an existing one is replaced.
        data: The bytes.
        sync: Whether the bytes must be on the disk before the file appears.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        with draft.open("xb") as file:
            if isinstance(data, bytes):
                file.write(data)
            else:
                file.writelines(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def store_named(work: Path, name: Callable[[], str], data: Iterable[bytes]) -> None:
    """Write a file whose name is known when its bytes are, and force it to the disk.

    Args:
        work: The work folder; what a killed process leaves of the file stays there.
        name: Returns the name of the file in it; called after the last of the bytes.
        data: The bytes.
    """
    draft = work / f".{os.urandom(8).hex()}"
    try:
        with draft.open("xb") as file:
            file.writelines(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(work / name())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Force the names of the files in a folder to the disk, where the system can do so."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def save(work: Path, name: str, blobs: Sequence[bytes], result: dict[str, Any]) -> dict[str, Any]:
    """Keep what a task has made.

    Args:
        work: The work folder.
        name: The name of the task.
        blobs: Its data, for other tasks.
        result: Its result, as JSON.

    Returns:
        The result.
    """
    offsets = array("Q", [8 * (len(blobs) + 2)])
    for each in blobs:
        offsets.append(offsets[-1] + len(each))
    chunks = [array("Q", [len(blobs)]).tobytes(), offsets.tobytes(), *blobs]
    store(work / f"{name}.data", chunks)
    # The task is finished when this file is there.
    crc = _crc32(chunks)
    store(work / f"{name}.json", json.dumps({"crc32": crc, "result": result}).encode())
    return result


def finished(work: Path, name: str) -> dict[str, Any] | None:
    """Return the result of a task that an earlier run has finished, None if there is none.

    After a power loss a file may lack bytes that were written, so its checksum is verified.
    """
    try:
        found = json.loads((work / f"{name}.json").read_bytes())
        with (work / f"{name}.data").open("rb") as file:
            crc = _crc32(iter(lambda: file.read(1 << 20), b""))
        return found["result"] if crc == found["crc32"] else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def blob(work: Path, name: str, index: int, part: tuple[int, int] | None = None) -> bytes:
    """Read one of the blobs that a task has made, or the bytes of it from a start to an end."""
    with (work / f"{name}.data").open("rb", buffering=0) as file:
        file.seek(8 * (index + 1))
        start, end = array("Q", file.read(16))
        if part is not None:
            start, end = start + part[0], min(end, start + part[1])
        file.seek(start)
        data = file.read(end - start)
    if len(data) != end - start:
        raise BulkError(f"the file {file.name!r} was truncated: call prepare() again")
    return data


def _crc32(chunks: Iterable[bytes]) -> int:
    crc = 0
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
    return crc


# Tasks.


class Pool:
    """Runs tasks on an executor, or in this process.

    Args:
        executor: The executor, None for this process.

    Attributes:
        window: How many tasks to submit before the first result is taken.
    """

    def __init__(self, executor: Executor | None) -> None:
        self._executor = executor
        self._abandoned: list[Future[Any]] = []
        self.window = 1 if executor is None else _WINDOW

    def submit(
        self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> Callable[[], _T]:
        """Start a task.

        Args:
            function: What to call; it can be pickled, as its arguments.
            *args: Its arguments.
            **kwargs: Its arguments.

        Returns:
            A function that waits for the result.

        Raises:
            BulkError: The executor is broken.
        """
        if self._executor is None:
            result = function(*args, **kwargs)
            return lambda: result
        try:
            future = self._executor.submit(function, *args, **kwargs)
        except BrokenExecutor as broken:
            raise _broken() from broken
        self._abandoned.append(future)
        return lambda: self._result(future)

    def _result(self, future: Future[_T]) -> _T:
        try:
            result = future.result()
        except BrokenExecutor as broken:
            raise _broken() from broken
        self._abandoned.remove(future)
        return result

    def map(self, function: Callable[[Any], _T], tasks: Iterable[Any]) -> Iterator[_T]:
        """Yield the result of each task, in order; few tasks are submitted at a time."""
        pending: deque[Callable[[], _T]] = deque()
        for task in tasks:
            pending.append(self.submit(function, task))
            if len(pending) >= self.window:
                yield pending.popleft()()
        while pending:
            yield pending.popleft()()

    def settle(self) -> None:
        """Cancel the tasks whose results were not taken, and wait for those that run."""
        running = [future for future in self._abandoned if not future.cancel()]
        self._abandoned = []
        wait_for(running)


def _broken() -> BulkError:
    return BulkError(
        "a worker of the executor ended while it prepared the list (killed, or out of memory): "
        "call prepare() again with a new executor, and it continues with what is finished"
    )
