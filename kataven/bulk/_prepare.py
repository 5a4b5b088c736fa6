"""``prepare``: one list of any length becomes a plan, on any executor.

Knows the arguments, and checks them before anything is read. The phases are in ``_phases``, and
when the plan appears is in ``_plan_folder``.
"""

from __future__ import annotations

import datetime as dt
import os
import warnings
from concurrent.futures import Executor
from numbers import Integral
from typing import TYPE_CHECKING, Literal

from kataven.bulk._excluded import find_excluded
from kataven.bulk._hours import check_windows, zone_group
from kataven.bulk._opening import never_warning
from kataven.bulk._options import PrepareOptions, plan_id
from kataven.bulk._phases import Preparing
from kataven.bulk._plan import BulkPlan
from kataven.bulk._plan_folder import PlanFolder
from kataven.bulk._sources import find_sources
from kataven.bulk._work import Pool
from kataven.contacts._clean import check_options
from kataven.contacts._phones import Phones
from kataven.contacts._rules import MAX_ROWS, PART_BYTES
from kataven.contacts.reader.text import check_encoding
from kataven.errors import ContactsWarning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kataven.bulk._excluded import BulkExclusions
    from kataven.bulk._sources import BulkSource
    from kataven.bulk._work import OnProgress

__all__ = ["make_plan", "prepare"]


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
    max_bytes: int = PART_BYTES,
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
            all sources have the same names after cleaning, in any order. As by ``clean``, a file of
            dropped rows is read without the columns that were added to it, and its duplicates and
            excluded numbers are dropped again.
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
    options = PrepareOptions(
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
    )
    plan, warning = make_plan(source, directory, options, executor, on_progress)
    if warning:
        warnings.warn(warning, ContactsWarning, stacklevel=2)
    return plan


def make_plan(
    source: BulkSource,
    directory: str | os.PathLike[str],
    options: PrepareOptions,
    executor: Executor | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[BulkPlan, str]:
    """Do the work of ``prepare``.

    Returns:
        The plan, and a warning about rows that were lost or are never called, empty if there is
        none.
    """
    hours = None if options.windows is None else check_windows(options.windows)
    phones = Phones(options.region, options.numbers)
    check_encoding(options.encoding)
    check_options(options.region_column, options.max_dropped)
    limits = {"max_rows": options.max_rows, "max_bytes": options.max_bytes}
    _check(directory, executor, on_progress, **limits)
    sources = find_sources(source, options.encoding, options.region_column)
    excluded = find_excluded(options.exclude, phones, options.exclude_columns)
    in_plan = options.in_plan(hours, sources, excluded)
    made = plan_id(in_plan)
    folder = PlanFolder(directory, made, options.work_key(made))
    preparing = Preparing(
        directory=folder.directory,
        work=folder.work,
        id=made,
        in_plan=in_plan,
        options=options,
        sources=sources,
        excluded=excluded,
        grouping=zone_group if options.grouping is None and hours is not None else options.grouping,
        pool=Pool(executor),
        on_progress=on_progress,
    )
    plan, lost = _made_in(folder, preparing)
    warned = [lost, never_warning(plan, dt.datetime.now(dt.UTC).timestamp())]
    return plan, "\n".join(filter(None, warned))


def _made_in(folder: PlanFolder, preparing: Preparing) -> tuple[BulkPlan, str]:
    """Return the plan, which is made unless it exists, and a warning about rows that were lost."""
    plan = folder.existing()
    warning = ""
    if plan is None:
        try:
            if not folder.is_made():
                folder.create_work()
                warning = preparing.run()
        except FileNotFoundError:
            # Another process that prepares the same plan may have been faster.
            if not folder.is_made() and folder.existing() is None:
                raise
        finally:
            preparing.pool.settle()
        folder.publish()
        plan = BulkPlan.open(folder.directory)
    folder.clean_up()
    return plan, warning


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
