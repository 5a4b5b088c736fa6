"""The directory of a plan while it is made: the work folder in it, and when the plan appears.

Several processes may make the same plan there at once, and each of them may be killed. Does not
know how a plan is made.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from kataven.bulk._plan import PARTS, PLAN, ROWS, BulkPlan
from kataven.bulk._source import shown
from kataven.bulk._work import sync_folder
from kataven.errors import BulkError

__all__ = ["DROPPED", "PlanFolder"]

DROPPED: Final = "dropped.csv"
"""The file with the dropped rows of a plan."""

_WORK: Final = ".work-"


class PlanFolder:
    """The directory of one plan.

    Args:
        directory: The directory.
        plan_id: The plan to make.
        work_key: What tells its work folder from others.

    Attributes:
        directory: The absolute path of the directory, for workers with another current directory.
        work: The work folder.
    """

    def __init__(self, directory: str | os.PathLike[str], plan_id: str, work_key: str) -> None:
        self.directory = Path(os.path.abspath(directory))  # noqa: PTH100 - links stay as they are
        self.work = self.directory / f"{_WORK}{work_key}"
        self._plan_id = plan_id

    def existing(self) -> BulkPlan | None:
        """Return the plan of the directory if it is the one to make.

        Raises:
            BulkError: It has another plan.
        """
        if not os.path.lexists(self.directory / PLAN):
            return None
        plan = BulkPlan.open(self.directory)
        if plan.id != self._plan_id:
            raise BulkError(
                f"{shown(os.fspath(self.directory))} has the plan {plan.id} of other sources or "
                f"options (this one is {self._plan_id}): choose another directory, or delete it"
            )
        return plan

    def is_made(self) -> bool:
        """Tell whether the plan is complete in the work folder."""
        return (self.work / PLAN).exists()

    def create_work(self) -> None:
        """Create the work folder, unless an earlier run has done so.

        Raises:
            BulkError: The directory has files that are not of a plan.
        """
        if self.work.is_dir():
            return
        for name in (PARTS, ROWS, DROPPED):
            if os.path.lexists(self.directory / name):
                raise BulkError(
                    f"{shown(os.fspath(self.directory))} has {name!r} but no plan: choose another "
                    "directory, or delete it"
                )
        self.work.mkdir(parents=True, exist_ok=True)

    def publish(self) -> None:
        """Move the finished plan to its directory; ``plan.json`` appears last.

        Another run may do the same at this moment, so what is gone is already there.
        """
        for name in (PARTS, ROWS):
            if not os.path.lexists(self.directory / name):
                with suppress(FileNotFoundError):
                    (self.work / name).rename(self.directory / name)
        for name in (DROPPED, PLAN):
            sync_folder(self.directory)
            with suppress(FileNotFoundError):
                (self.work / name).replace(self.directory / name)
        sync_folder(self.directory)

    def clean_up(self) -> None:
        """Delete the work folders; the plan is complete."""
        for each in self.directory.glob(f"{_WORK}*"):
            # Renamed first, so that another run does not find half of it.
            gone = each.with_name(f"{_WORK}{os.urandom(8).hex()}.gone")
            with suppress(OSError):
                each.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
