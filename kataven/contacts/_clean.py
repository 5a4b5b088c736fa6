"""``clean``: writes a contact list again, as the Hub accepts it.

No row is lost silently: each is kept or dropped with a reason, and renamed columns are reported.
Guesses neither the encoding of the list nor the country of a number.
"""

from __future__ import annotations

import warnings
from numbers import Real
from typing import TYPE_CHECKING, Final, Literal

from kataven.contacts._cleaning import Cleaning
from kataven.contacts._exclusions import Exclusions, excluded_numbers
from kataven.contacts._files import TempFile, replaced
from kataven.contacts._phones import Phones
from kataven.contacts.reader.text import TextBlocks, check_encoding
from kataven.contacts.source.open import ContactsSource, Progress, check_progress, open_source
from kataven.errors import ContactsError, ContactsWarning

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from kataven.contacts._clean_report import CleanReport

__all__ = ["CleanContacts", "check_options", "clean", "judge_losses"]

# A list as long as this that loses more than this share is probably read in the wrong way.
_MANY_ROWS: Final = 100
_MANY_LOSSES: Final = 0.1
_CHUNK: Final = 1024 * 1024


class CleanContacts(TempFile):
    """A clean list: a seekable binary file at its start, for ``create(contacts=...)``.

    It is a temporary file that is deleted when it is closed or garbage collected.

    Attributes:
        report: What happened to the rows of the source.
    """

    report: CleanReport

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the complete list to a file, wherever the position of this one is.

        Args:
            path: Where to write. An existing file is replaced when the new one is complete.

        Raises:
            FileNotFoundError: The folder does not exist.
            OSError: The file could not be written; an existing one is unchanged.
            ValueError: The list is closed.
        """
        position = self.tell()
        try:
            with replaced(path) as file:
                self.seek(0)
                while chunk := self.read(_CHUNK):
                    file.write(chunk)
        finally:
            self.seek(position)


def clean(
    source: ContactsSource,
    *,
    region: str | None = None,
    drop_duplicates: bool = True,
    exclude: Exclusions | None = None,
    encoding: str | None = None,
    exclude_columns: Iterable[str] | None = None,
    numbers: Literal["valid", "possible"] = "valid",
    region_column: str | None = None,
    max_dropped: float | None = None,
    on_progress: Progress | None = None,
) -> CleanContacts:
    """Write a contact list as the Hub accepts it: UTF-8, commas, numbers in E.164.

    Header names are trimmed, the phone number column (``Phone``, ``mobile``, ...) is renamed to
    ``phone_number``, numbers are normalised, and an extension goes into a column ``extension``. A
    row that cannot be repaired is dropped with a reason. Other cells stay as they are.

    If more than a tenth of at least 100 rows is dropped for reasons other than ``duplicate`` and
    ``excluded``, a ``ContactsWarning`` says how many, and why.

    Args:
        source: A binary file (read from its current position), a path, bytes, an iterable of
            mappings, or a pandas, polars or Arrow table.
        region: The two-letter country code (``US``) of numbers without a country code. It is never
            guessed: without it such numbers are dropped as ``missing_country_code``.
        drop_duplicates: Whether to drop rows whose number is in a row that was kept.
        exclude: A do-not-call list; rows with its numbers are dropped as ``excluded``. Every column
            whose name or content is of phone numbers is read, and each number that an entry may
            mean is excluded.
        encoding: The encoding of the source if there is no byte order mark; None for UTF-8. It is
            never guessed.
        exclude_columns: The names of the columns of the exclusion list to read, and no others; None
            to find them.
        numbers: ``valid`` to keep a number without ``+`` only if it is in use as far as
            phonenumbers knows; ``possible`` to keep one of a possible length too.
        region_column: The name of a column with the country of each row: a name in English or in a
            language of the country, or an ISO code. ``region`` is used only where its cell is
            empty. A row whose country is unknown or ambiguous (Congo, Korea) is dropped as
            ``unknown_region``.
        max_dropped: The greatest share of rows (0 to 1) that may be dropped for reasons other than
            ``duplicate`` and ``excluded``, for a list of any length; None for any share, with the
            warning above.
        on_progress: Called with the bytes of the source that were read and their total (None if
            unknown), after each chunk.

    Returns:
        A seekable binary file at its start, with ``.report``.

    Raises:
        ContactsError: There is no header with a phone number column or with ``region_column``, the
            exclusion list has an entry that is not a number or lacks one of ``exclude_columns``, or
            more rows were dropped than ``max_dropped`` allows.
        FileNotFoundError: The path does not exist.
        ValueError: The file is closed, the region is invalid, ``max_dropped`` is not between 0 and
            1, ``numbers`` is another word, or there is no such encoding.
        LookupError: There is no such encoding (the same error).
        TypeError: It is not a source, or an argument has the wrong type.
        ImportError: A number has to be normalised, or a table is given, and the extra ``contacts``
            is not installed.
    """
    phones = Phones(region, numbers)
    check_encoding(encoding)
    check_options(region_column, max_dropped)
    check_progress(on_progress)
    excluded = excluded_numbers(exclude, phones, exclude_columns)
    with open_source(source, on_progress=on_progress) as file:
        out = CleanContacts()
        try:
            cleaning = Cleaning(
                TextBlocks(file, encoding), phones, excluded, drop_duplicates, region_column
            )
            report = out.report = cleaning.write(out)
            out.seek(0)
            if _lost_too_many(report, max_dropped):
                warnings.warn(report.losses_message(), ContactsWarning, stacklevel=2)
        except BaseException:
            out.close()
            raise
    return out


def check_options(region_column: object, max_dropped: object) -> None:
    """Refuse options of the wrong type or value before anything is read.

    Raises:
        TypeError: ``region_column`` is not a name, or ``max_dropped`` not a number.
        ValueError: ``max_dropped`` is not between 0 and 1.
    """
    if not (region_column is None or isinstance(region_column, str)):
        raise TypeError(f"region_column must be the name of a column, not {region_column!r:.80}")
    if max_dropped is None:
        return
    if isinstance(max_dropped, bool) or not isinstance(max_dropped, Real):
        raise TypeError(f"max_dropped must be a share between 0 and 1, not {max_dropped!r:.80}")
    if not 0 <= float(max_dropped) <= 1:
        raise ValueError(f"max_dropped must be a share between 0 and 1, not {max_dropped!r:.80}")


def judge_losses(
    rows: int, losses: int, max_dropped: float | None
) -> Literal["accept", "warn", "refuse"]:
    """Tell what to do about the rows that were lost.

    Args:
        rows: The number of rows of the list.
        losses: How many were dropped for other reasons than ``duplicate`` and ``excluded``.
        max_dropped: The greatest share that the caller allows, None if many deserve a warning.
    """
    share = losses / rows if rows else 0.0
    if max_dropped is not None:
        return "refuse" if share > max_dropped else "accept"
    return "warn" if rows >= _MANY_ROWS and share > _MANY_LOSSES else "accept"


def _lost_too_many(report: CleanReport, max_dropped: float | None) -> bool:
    """Tell whether so many rows were lost that a warning is due; refuse more than were allowed."""
    verdict = judge_losses(report.rows, report.losses, max_dropped)
    if verdict == "refuse":
        raise ContactsError(report.losses_message(), problems=report.problems())
    return verdict == "warn"
