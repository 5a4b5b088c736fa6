"""``prepare``: one list of any length becomes a plan, on any executor.

Knows the order of the phases, and when the plan appears. The work of each phase is in ``_chunks``,
``_buckets`` and ``_parts``. Touches no rows, so that one process serves many.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import warnings
from collections import Counter, deque
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from kataven._version import __version__
from kataven.bulk._buckets import (
    BucketTask,
    ExcludedPart,
    deduplicate,
    exclude_part,
    save_excluded,
)
from kataven.bulk._chunks import Chunk, ChunkTask, clean_chunk
from kataven.bulk._cuts import chunk_end
from kataven.bulk._excluded import find_excluded
from kataven.bulk._hours import check_windows, zone_group
from kataven.bulk._opening import never_warning
from kataven.bulk._parts import (
    Place,
    Settled,
    SettleTask,
    csv_bytes,
    cut_parts,
    dropped_rows,
    settle_chunk,
    write_part,
)
from kataven.bulk._plan import PARTS, PLAN, ROWS, BulkPlan, Part, Totals, plan_bytes
from kataven.bulk._source import shown
from kataven.bulk._sources import converted, find_sources
from kataven.bulk._work import Phase, Pool, PrepareProgress, finished, store, sync_folder
from kataven.contacts._clean import check_options, judge_losses
from kataven.contacts._columns import unused_name
from kataven.contacts._phones import Phones
from kataven.contacts._problems import counted
from kataven.contacts._rules import MAX_ROWS
from kataven.contacts.reader.text import check_encoding
from kataven.errors import BulkError, ContactsError, ContactsWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kataven.bulk._chunks import Grouping
    from kataven.bulk._excluded import BulkExclusions, Excluded
    from kataven.bulk._source import Source
    from kataven.bulk._sources import BulkSource
    from kataven.bulk._work import OnProgress

__all__ = ["prepare"]

_CHUNK: Final = 8 * 1024 * 1024
# A bucket of this many numbers takes about 50 MB.
_BUCKET: Final = 250_000
_MOST_BUCKETS: Final = 4096
_DEFAULT_BYTES: Final = 10_000_000
_WORK: Final = ".work-"
_DROPPED: Final = "dropped.csv"
# Changed when other files are made in the work folder.
_FORMAT: Final = 2


def prepare(
    source: BulkSource,
    *,
    directory: str | os.PathLike[str],
    executor: Executor | None = None,
    region: str | None = None,
    region_column: str | None = None,
    exclude: BulkExclusions | None = None,
    exclude_columns: Iterable[str] | None = None,
    encoding: str | None = None,
    numbers: Literal["valid", "possible"] = "valid",
    max_dropped: float | None = None,
    max_rows: int = MAX_ROWS,
    max_bytes: int = _DEFAULT_BYTES,
    windows: str | None = None,
    on_progress: OnProgress | None = None,
) -> BulkPlan:
    """Make a plan out of a list of any length: clean parts, with each telephone once.

    The list is cleaned as by ``kataven.contacts.clean``. Of several rows with the same telephone,
    over all files, the first one is kept. The parts are the same for the same sources and options,
    with any executor. Memory is bounded by a chunk of the list (8 MiB) and not by its length.

    The plan appears in ``directory`` when it is complete. If ``prepare`` is interrupted or killed,
    call it again with the same arguments: it continues with what is finished. If the directory has
    the plan of these sources and options, it is returned at once.

    Args:
        source: A path, a glob (``lists/*.csv``, in the order of the names), a binary file, bytes,
            an iterable of mappings, or a pandas, polars or Arrow table; or an iterable of several
            of these. A path that ends in ``.parquet`` or ``.pq`` is a Parquet file. The columns of
            all sources have the same names after cleaning, in any order.
        directory: The folder of the plan; created if it does not exist. For several machines it is
            on a shared file system.
        executor: Where chunks are worked on: a ``ProcessPoolExecutor``, or that of a cluster, whose
            workers see ``directory`` and the sources under the same paths. None for this process.
        region: As for ``clean``: the country of numbers without a country code.
        region_column: As for ``clean``: the column with the country of each row.
        exclude: Plans (a ``BulkPlan`` or its folder), or a do-not-call list as for ``clean``; or a
            list of plans, ``Path`` objects, files, tables and numbers. Rows with their numbers are
            dropped as ``excluded``. The numbers of a do-not-call list are held in memory while it
            is read, those of plans are not.
        exclude_columns: As for ``clean``: the columns of do-not-call lists to read.
        encoding: As for ``clean``: the encoding of sources without a byte order mark.
        numbers: As for ``clean``: which numbers without ``+`` are kept.
        max_dropped: As for ``clean``: the greatest share of rows (0 to 1) that may be dropped for
            reasons other than ``duplicate`` and ``excluded``; None for any share, with a warning.
        max_rows: The most contacts of a part.
        max_bytes: The most bytes of a part, including its header.
        windows: The local hours in which calls may begin, such as
            ``"MO-FR 09:00-17:00, SA 10:00-13:00"``, in the time zones of each number (extra
            ``contacts``). Parts are cut by time zones; a run starts, pauses and resumes them so. A
            help, not legal advice: a number shows where it was assigned, not where its owner is,
            and you have to find out at which hours you may call. A warning says which rows can
            never be called, because their zone is unknown or their zones share no open hour.
        on_progress: Called with a ``PrepareProgress`` after each step, in the thread of the caller.

    Returns:
        The plan.

    Raises:
        ContactsError: A source cannot be a contact list, the sources have different columns, the
            exclusion list cannot be read, more rows were dropped than ``max_dropped`` allows, or a
            row does not fit into a part.
        BulkError: The directory has another plan, a source was changed while it was read, a plan
            to exclude is damaged, a worker of the executor was killed, or this machine does not
            know a time zone.
        FileNotFoundError: A source does not exist.
        ValueError: An option has a wrong value.
        TypeError: It is not a source, or an option has the wrong type.
        ImportError: A number has to be normalised, or windows, a table or a Parquet file are given,
            and the extra ``contacts`` or ``parquet`` is not installed.
    """
    plan, warning = make_plan(
        source,
        directory=directory,
        executor=executor,
        region=region,
        region_column=region_column,
        exclude=exclude,
        exclude_columns=exclude_columns,
        encoding=encoding,
        numbers=numbers,
        max_dropped=max_dropped,
        max_rows=max_rows,
        max_bytes=max_bytes,
        windows=windows,
        on_progress=on_progress,
    )
    if warning:
        warnings.warn(warning, ContactsWarning, stacklevel=2)
    return plan


def make_plan(
    source: BulkSource,
    *,
    directory: str | os.PathLike[str],
    executor: Executor | None = None,
    region: str | None = None,
    region_column: str | None = None,
    exclude: BulkExclusions | None = None,
    exclude_columns: Iterable[str] | None = None,
    encoding: str | None = None,
    numbers: Literal["valid", "possible"] = "valid",
    max_dropped: float | None = None,
    max_rows: int = MAX_ROWS,
    max_bytes: int = _DEFAULT_BYTES,
    windows: str | None = None,
    on_progress: OnProgress | None = None,
    grouping: Grouping | None = None,
    chunk_size: int = _CHUNK,
    bucket_size: int = _BUCKET,
) -> tuple[BulkPlan, str]:
    """Do the work of ``prepare``, whose arguments these are, with sizes that tests make small.

    Args:
        source: The list.
        directory: The folder of the plan.
        executor: Where chunks are worked on.
        region: The country of numbers without a country code.
        region_column: The column with the country of each row.
        exclude: What to leave out.
        exclude_columns: The columns of do-not-call lists to read.
        encoding: The encoding of sources without a byte order mark.
        numbers: Which numbers without ``+`` are kept.
        max_dropped: The greatest share of rows that may be lost.
        max_rows: The most contacts of a part.
        max_bytes: The most bytes of a part.
        windows: The local hours.
        on_progress: Called after each step.
        grouping: Returns the group of a number; each group gets parts of its own. It is pickled.
            None for the time zones with windows, else for no groups.
        chunk_size: The size of a chunk in bytes.
        bucket_size: The numbers of a bucket.

    Returns:
        The plan, and a warning about rows that were lost or are never called, empty if there is
        none.
    """
    hours = None if windows is None else check_windows(windows)
    phones = Phones(region, numbers)
    check_encoding(encoding)
    check_options(region_column, max_dropped)
    _check(directory, executor, on_progress, max_rows=max_rows, max_bytes=max_bytes)
    sources = find_sources(source, encoding, region_column)
    excluded = find_excluded(exclude, phones, exclude_columns)
    options = {
        "region": region,
        "region_column": region_column,
        "encoding": encoding,
        "numbers": numbers,
        "max_rows": int(max_rows),
        "max_bytes": int(max_bytes),
        "windows": hours,
        "sources": [each.identity for each in sources],
        "exclude": [each.identity for each in excluded],
    }
    preparing = _Preparing(
        folder=Path(directory),
        pool=Pool(executor),
        sources=sources,
        excluded=excluded,
        options=options,
        on_progress=on_progress,
        grouping=zone_group if grouping is None and hours is not None else grouping,
        chunk_size=chunk_size,
        bucket_size=bucket_size,
    )
    plan, lost = preparing.run(max_dropped)
    warned = [lost, never_warning(plan, dt.datetime.now(dt.UTC).timestamp())]
    return plan, "\n".join(filter(None, warned))


def _check(directory: object, executor: object, on_progress: object, **limits: object) -> None:
    for name, value in limits.items():
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise TypeError(f"{name} must be a whole number, at least 1, not {value!r:.80}")
        if int(value) < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")
    if not isinstance(directory, str | os.PathLike):
        raise TypeError(f"the directory must be a str or a Path, not {type(directory).__name__}")
    if not (executor is None or isinstance(executor, Executor)):
        raise TypeError(
            "executor must be a concurrent.futures.Executor (of Dask: client.get_executor()), not "
            f"{type(executor).__name__}"
        )
    if not (on_progress is None or callable(on_progress)):
        raise TypeError(
            f"on_progress must be a function of a PrepareProgress, not {type(on_progress).__name__}"
        )


def _plan_id(options: dict[str, Any]) -> str:
    """Return the id of a plan: of the names, sizes and times of the sources, and the options."""
    named = dict(options)
    # The same files under another path, and the same numbers under another name, are the same.
    named["sources"] = [
        {**each, "file": os.path.basename(each["file"])}  # noqa: PTH119 - a str
        for each in options["sources"]
    ]
    named["exclude"] = [
        {name: value for name, value in each.items() if name != "file"}
        for each in options["exclude"]
    ]
    text = json.dumps(named, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _versions() -> list[str]:
    """Return what decides how a number is read: two versions must not share a work folder."""
    try:
        return [__version__, metadata.version("phonenumbers")]
    except metadata.PackageNotFoundError:
        return [__version__]


@dataclass(slots=True)
class _Preparing:
    """One call of ``prepare``."""

    folder: Path
    pool: Pool
    sources: list[Source]
    excluded: list[Excluded]
    options: dict[str, Any]
    on_progress: OnProgress | None
    grouping: Grouping | None
    chunk_size: int
    bucket_size: int
    id: str = ""
    work: Path = Path()
    buckets: int = 1
    rows: int = 0

    def run(self, max_dropped: float | None) -> tuple[BulkPlan, str]:
        """Return the plan, and a warning about rows that were lost, empty if there is none."""
        self.id = _plan_id(self.options)
        inputs = [self.id, _FORMAT, self.chunk_size, self.bucket_size, *_versions()]
        name = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16]
        # Absolute, for workers with another current directory.
        self.folder = Path(os.path.abspath(self.folder))  # noqa: PTH100 - links stay as they are
        self.work = self.folder / f"{_WORK}{name}"
        plan = self._existing()
        warning = ""
        if plan is None:
            try:
                warning = self._make(max_dropped)
            except FileNotFoundError:
                # Another process that prepares the same plan may have been faster.
                if not (self.work / PLAN).exists() and self._existing() is None:
                    raise
            finally:
                self.pool.settle()
            self._publish()
            plan = BulkPlan.open(self.folder)
        self._clean_up()
        return plan, warning

    def _existing(self) -> BulkPlan | None:
        """Return the plan of the directory if it is the one to make.

        Raises:
            BulkError: It has another plan.
        """
        if not os.path.lexists(self.folder / PLAN):
            return None
        plan = BulkPlan.open(self.folder)
        if plan.id != self.id:
            raise BulkError(
                f"{shown(os.fspath(self.folder))} has the plan {plan.id} of other sources or "
                f"options (this one is {self.id}): choose another directory, or delete it"
            )
        return plan

    def _make(self, max_dropped: float | None) -> str:
        """Make everything in the work folder, unless an earlier run has done so."""
        if (self.work / PLAN).exists():
            return ""
        if not self.work.is_dir():
            for name in (PARTS, ROWS, _DROPPED):
                if os.path.lexists(self.folder / name):
                    raise BulkError(
                        f"{shown(os.fspath(self.folder))} has {name!r} but no plan: choose another "
                        "directory, or delete it"
                    )
            self.work.mkdir(parents=True, exist_ok=True)
        self.sources = converted(self.sources, self.work, self.pool)
        self._choose_buckets()
        excluded = self._exclude()
        chunks = self._clean()
        self.rows = sum(chunk.rows for chunk in chunks)
        places = self._places(chunks)
        warning = self._judge(chunks, places, max_dropped)
        settled, extended = self._deduplicate(chunks, places, excluded)
        self._write(places, settled, extended=extended)
        return warning

    def _report(self, phase: Phase, done: int, total: int) -> None:
        if self.on_progress is not None:
            total_rows = None if phase in ("exclude", "clean") else self.rows
            self.on_progress(PrepareProgress(phase, done, total, self.rows, total_rows))

    # Exclusions.

    def _choose_buckets(self) -> None:
        numbers = sum(each.stamp[0] / each.layout.row_bytes for each in self.sources)
        numbers += sum(each.count for each in self.excluded)
        self.buckets = min(_MOST_BUCKETS, 1 + int(numbers / self.bucket_size))

    def _exclude(self) -> tuple[tuple[str, int], ...]:
        """Scatter the excluded numbers; return the name and the exclusion of each part."""
        names: list[tuple[str, int]] = []
        tasks: list[ExcludedPart] = []
        for index, each in enumerate(self.excluded):
            if each.plan is None:
                key = f"excluded-list-{index:05d}"
                if finished(self.work, key) is None:
                    save_excluded(self.work, key, sorted(each.numbers), self.buckets)
                names.append((key, index))
                continue
            folder = each.plan.directory.absolute()
            for part in each.plan.parts:
                task = ExcludedPart(str(self.work), folder, part, self.buckets)
                tasks.append(task)
                names.append((task.key, index))
        for done, _ in enumerate(self.pool.map(exclude_part, tasks), 1):
            self._report("exclude", done, len(tasks))
        return tuple(names)

    # Chunks.

    def _clean(self) -> list[Chunk]:
        """Clean the chunks; return them in the order of the sources."""
        chunks: list[Chunk] = []
        total = sum(source.stamp[0] for source in self.sources)
        pending: deque[tuple[ChunkTask, Callable[[], Chunk]]] = deque()
        tasks = self._tasks(0, self.sources[0].layout.start, self.chunk_size)
        before = 0
        while True:
            while len(pending) < self.pool.window and (task := next(tasks, None)) is not None:
                pending.append((task, self.pool.submit(clean_chunk, task)))
            if not pending:
                return chunks
            task, result = pending.popleft()
            chunk = result()
            if chunk.end > task.start:
                chunks.append(chunk)
                self.rows += chunk.rows
            if chunk.end != task.end:
                # The chunk does not end with a record, so where the next ones start is wrong too.
                pending.clear()
                # Where it has no complete record, it is too short.
                size = self.chunk_size if chunk.end > task.start else 2 * task.size
                tasks = self._tasks(task.source, chunk.end, size)
            before = sum(source.stamp[0] for source in self.sources[: task.source])
            self._report("clean", before + chunk.end, total)

    def _tasks(self, source: int, start: int, size: int) -> Iterator[ChunkTask]:
        """Cut the sources into chunks, from a place on; the first chunk has another size."""
        for index in range(source, len(self.sources)):
            each = self.sources[index]
            at = start if index == source else each.layout.start
            length = each.stamp[0]
            while at < length:
                end = chunk_end(each.path, each.layout, length, at, size)
                yield ChunkTask(
                    work=str(self.work),
                    name=each.name,
                    source=index,
                    path=each.path,
                    stamp=each.stamp,
                    layout=each.layout,
                    start=at,
                    end=end,
                    size=max(size, end - at),
                    final=end == length,
                    region=self.options["region"],
                    numbers=self.options["numbers"],
                    buckets=self.buckets,
                    grouping=self.grouping,
                )
                at, size = end, self.chunk_size

    def _places(self, chunks: list[Chunk]) -> tuple[Place, ...]:
        places: list[Place] = []
        rows = Counter[int]()
        for chunk in chunks:
            places.append(Place(self.sources[chunk.source].name, 1 + rows[chunk.source]))
            rows[chunk.source] += chunk.records
        return tuple(places)

    def _judge(
        self, chunks: list[Chunk], places: tuple[Place, ...], max_dropped: float | None
    ) -> str:
        """Return a warning about rows that were lost, empty if they are few.

        Raises:
            ContactsError: They are more than were allowed.
        """
        losses = sum(sum(chunk.lost.values()) for chunk in chunks)
        verdict = judge_losses(self.rows, losses, max_dropped)
        if verdict == "accept":
            return ""
        counts = Counter[str]()
        first: dict[str, str] = {}
        for chunk, place in zip(chunks, places, strict=True):
            counts.update(chunk.lost)
            for reason, (index, message) in chunk.first.items():
                first.setdefault(
                    reason, f"row {place.row + index} of {shown(place.file)}, {message}"
                )
        message = (
            f"{losses:,} of {counted(self.rows, 'row')} ({losses / self.rows:.0%}) were dropped "
            "for reasons other than 'duplicate' and 'excluded'"
        )
        for reason, example in first.items():
            message += f"\ndropped {reason}: {counts[reason]:,}; the first: {example}"
        if verdict == "refuse":
            raise ContactsError(message)
        return message

    # Duplicates.

    def _deduplicate(
        self,
        chunks: list[Chunk],
        places: tuple[Place, ...],
        excluded: tuple[tuple[str, int], ...],
    ) -> tuple[list[Settled], bool]:
        """Drop duplicates and excluded numbers; tell whether the parts have extensions."""
        keys = tuple(chunk.key for chunk in chunks)
        total = self.buckets + len(chunks)
        tasks = (
            BucketTask(str(self.work), bucket, keys, excluded) for bucket in range(self.buckets)
        )
        for done, _ in enumerate(self.pool.map(deduplicate, tasks), 1):
            self._report("deduplicate", done, total)
        extended = any(chunk.extensions for chunk in chunks)
        settled = self._settle(keys, places, extended=extended)
        if extended and not any(chunk.extensions for chunk in settled):
            # All extensions are in rows that were dropped.
            extended = False
            settled = self._settle(keys, places, extended=False)
        return settled, extended

    def _settle(
        self, keys: tuple[str, ...], places: tuple[Place, ...], *, extended: bool
    ) -> list[Settled]:
        messages = tuple(each.message for each in self.excluded)
        tasks = (
            SettleTask(str(self.work), chunk, key, places, self.buckets, messages, extended)
            for chunk, key in enumerate(keys)
        )
        settled: list[Settled] = []
        for chunk in self.pool.map(settle_chunk, tasks):
            settled.append(chunk)
            total = self.buckets + len(keys)
            self._report("deduplicate", self.buckets + len(settled), total)
        return settled

    # Parts.

    def _write(self, places: tuple[Place, ...], settled: list[Settled], *, extended: bool) -> None:
        """Write parts, dropped rows and, last, the plan."""
        work = self.work
        for name in (PARTS, ROWS):
            (work / name).mkdir(exist_ok=True)
        columns = self.sources[0].layout.header.columns
        if extended:
            columns = (*columns, unused_name("extension", set(columns)))
        limits = self.options["max_rows"], self.options["max_bytes"]
        files = [place.file for place in places]
        tasks = list(cut_parts(work, settled, files, csv_bytes([columns]), limits))
        parts: list[Part] = []
        for part in self.pool.map(write_part, tasks):
            parts.append(part)
            self._report("write", len(parts), len(tasks))
        store(work / _DROPPED, dropped_rows(work, settled), sync=True)
        dropped = sum(chunk.dropped for chunk in settled)
        plan = BulkPlan(
            directory=self.folder,
            id=self.id,
            created=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            options=self.options,
            totals=Totals(self.rows, sum(part.rows for part in parts), dropped, len(parts)),
            parts=tuple(parts),
        )
        for name in (PARTS, ROWS):
            sync_folder(work / name)
        store(work / PLAN, plan_bytes(plan), sync=True)

    def _publish(self) -> None:
        """Move the finished plan to its directory; ``plan.json`` appears last.

        Another run may do the same at this moment, so what is gone is already there.
        """
        for name in (PARTS, ROWS):
            if not os.path.lexists(self.folder / name):
                with suppress(FileNotFoundError):
                    (self.work / name).rename(self.folder / name)
        for name in (_DROPPED, PLAN):
            sync_folder(self.folder)
            with suppress(FileNotFoundError):
                (self.work / name).replace(self.folder / name)
        sync_folder(self.folder)

    def _clean_up(self) -> None:
        """Delete the work folders; the plan is complete."""
        for each in self.folder.glob(f"{_WORK}*"):
            # Renamed first, so that another run does not find half of it.
            gone = each.with_name(f"{_WORK}{os.urandom(8).hex()}.gone")
            with suppress(OSError):
                each.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
