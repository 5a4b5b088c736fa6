"""The phases of ``prepare``: exclude, clean, deduplicate, write.

Knows their order, and which tasks each has. The work of a task is in ``_chunks``, ``_buckets`` and
``_parts``. Touches no rows, so that one process serves many.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kataven.bulk._buckets import (
    BucketTask,
    ExcludedPart,
    deduplicate,
    exclude_part,
    save_excluded,
)
from kataven.bulk._chunks import Chunk, ChunkTask, clean_chunk
from kataven.bulk._cuts import chunk_end
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
from kataven.bulk._plan_folder import DROPPED
from kataven.bulk._source import shown
from kataven.bulk._sources import converted
from kataven.bulk._work import Phase, Pool, PrepareProgress, finished, store, sync_folder
from kataven.contacts._clean import judge_losses
from kataven.contacts._clean_report import INTENDED
from kataven.contacts._columns import unused_name
from kataven.contacts._problems import counted
from kataven.errors import ContactsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kataven.bulk._chunks import Grouping
    from kataven.bulk._excluded import Excluded
    from kataven.bulk._options import PrepareOptions
    from kataven.bulk._source import Source
    from kataven.bulk._work import OnProgress

__all__ = ["Preparing"]

_MOST_BUCKETS: Final = 4096


@dataclass(slots=True)
class Preparing:
    """One call of ``prepare``.

    Args:
        directory: The absolute path of the plan's directory.
        work: The work folder, in which the plan is made.
        id: The id of the plan.
        in_plan: What the plan says of its options.
        options: The options.
        sources: The sources.
        excluded: The exclusions.
        grouping: Returns the group of a number, None for no groups.
        pool: Where tasks run.
        on_progress: Called after each step, or None.
    """

    directory: Path
    work: Path
    id: str
    in_plan: dict[str, Any]
    options: PrepareOptions
    sources: list[Source]
    excluded: list[Excluded]
    grouping: Grouping | None
    pool: Pool
    on_progress: OnProgress | None
    buckets: int = 1
    rows: int = 0

    def run(self) -> str:
        """Make the plan in the work folder.

        Returns:
            A warning about rows that were lost, empty if there is none.
        """
        self.sources = converted(self.sources, self.work, self.pool)
        self._choose_buckets()
        excluded = self._exclude()
        chunks = self._clean()
        self.rows = sum(chunk.rows for chunk in chunks)
        places = self._places(chunks)
        warning = self._judge(chunks, places)
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
        self.buckets = min(_MOST_BUCKETS, 1 + int(numbers / self.options.bucket_size))

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
        tasks = self._tasks(0, self.sources[0].layout.start, self.options.chunk_size)
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
                size = self.options.chunk_size if chunk.end > task.start else 2 * task.size
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
                    region=self.options.region,
                    numbers=self.options.numbers,
                    buckets=self.buckets,
                    grouping=self.grouping,
                )
                at, size = end, self.options.chunk_size

    def _places(self, chunks: list[Chunk]) -> tuple[Place, ...]:
        places: list[Place] = []
        rows = Counter[int]()
        for chunk in chunks:
            places.append(Place(self.sources[chunk.source].name, 1 + rows[chunk.source]))
            rows[chunk.source] += chunk.records
        return tuple(places)

    def _judge(self, chunks: list[Chunk], places: tuple[Place, ...]) -> str:
        """Return a warning about rows that were lost, empty if they are few.

        Raises:
            ContactsError: They are more than were allowed.
        """
        counts = Counter[str]()
        for chunk in chunks:
            counts.update(chunk.lost)
        # Of a file of dropped rows, those that were dropped on purpose.
        for intended in INTENDED:
            del counts[intended]
        losses = counts.total()
        verdict = judge_losses(self.rows, losses, self.options.max_dropped)
        if verdict == "accept":
            return ""
        first: dict[str, str] = {}
        for chunk, place in zip(chunks, places, strict=True):
            for reason, (index, message) in chunk.first.items():
                if reason in counts:
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
        limits = int(self.options.max_rows), int(self.options.max_bytes)
        files = [place.file for place in places]
        tasks = list(cut_parts(work, settled, files, csv_bytes([columns]), limits))
        parts: list[Part] = []
        for part in self.pool.map(write_part, tasks):
            parts.append(part)
            self._report("write", len(parts), len(tasks))
        store(work / DROPPED, dropped_rows(work, settled), sync=True)
        dropped = sum(chunk.dropped for chunk in settled)
        plan = BulkPlan(
            directory=self.directory,
            id=self.id,
            created=dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            options=self.in_plan,
            totals=Totals(self.rows, sum(part.rows for part in parts), dropped, len(parts)),
            parts=tuple(parts),
        )
        for name in (PARTS, ROWS):
            sync_folder(work / name)
        store(work / PLAN, plan_bytes(plan), sync=True)
