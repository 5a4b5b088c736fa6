"""``prepare`` with sizes so small that a short list has many chunks and buckets."""

import os
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from kataven.bulk import BulkPlan, PrepareProgress
from kataven.bulk._options import PrepareOptions
from kataven.bulk._prepare import make_plan as _make_plan


def make_plan(
    source: Any,
    *,
    directory: str | os.PathLike[str],
    executor: Executor | None = None,
    on_progress: Callable[[PrepareProgress], object] | None = None,
    **options: Any,
) -> tuple[BulkPlan, str]:
    """As ``prepare``, whose options may also be ``grouping``, ``chunk_size`` and ``bucket_size``."""
    return _make_plan(source, directory, PrepareOptions(**options), executor, on_progress)
