"""Tell whether the vendor's document differs from ours. It never changes anything.

    python scripts/check_spec.py URL_OR_FILE

For a scheduled job, or by hand. To take a difference over: save the document and run
scripts/update_spec.py on it.

Exit codes: 0 the same for users, 10 compatible differences, 20 breaking ones, 2 wrong usage, 3 the
document cannot be used, 4 it could not be fetched.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from spec import compare, document, normalise, places, project, report
from spec.problems import SpecError

ROOT = Path(__file__).resolve().parent.parent

_TIMEOUT_S = 30
_MOST_BYTES = 20 * 1024 * 1024


class NotFetchedError(Exception):
    """The document did not arrive; its text says why."""


def fetch(url: str) -> str:
    """Fetch a document.

    Raises:
        NotFetchedError: If it does not arrive whole.
    """
    body = bytearray()
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_S, follow_redirects=True) as response:
            if response.status_code != httpx.codes.OK:
                raise NotFetchedError(f"the server answered {response.status_code}")
            for piece in response.iter_bytes():
                body += piece
                if len(body) > _MOST_BYTES:
                    raise NotFetchedError(f"it is larger than {_MOST_BYTES} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotFetchedError(str(error) or type(error).__name__) from None
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotFetchedError("it is no UTF-8 text") from None


def check(root: Path, source: str) -> int:
    """Compare a document with ours and print the differences.

    Returns:
        The exit code: 0, 10 or 20.

    Raises:
        NotFetchedError: If it could not be fetched.
        SpecError: If it cannot be used.
    """
    web = urlsplit(source).scheme in {"http", "https"}
    text = fetch(source) if web else project.text_of(Path(source))
    name = urlsplit(source).path.rpartition("/")[2] or "the document"
    tables = project.tables(root)
    naming = places.Places(tables.covered)
    theirs = normalise.normalise(document.load(text, name), name, tables)
    changes = compare.compare(project.current(root), theirs.document, naming)
    if not changes:
        print(f"{source} says what openapi.yaml says.")
        return 0
    print(f"{source} differs from openapi.yaml:")
    print(report.as_text(changes, theirs.notes, project.version(root), naming))
    print("Nothing was changed. To take it over: python scripts/update_spec.py FILE")
    return report.EXIT_CODES[report.as_json(changes)["rank"]]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description="Tell whether the vendor's document differs from ours; change nothing.",
        epilog="exit codes: 0 the same for users, 10 compatible, 20 breaking, 2 wrong usage, "
        "3 a document that cannot be used, 4 it could not be fetched",
    )
    parser.add_argument("source", metavar="URL_OR_FILE")
    options = parser.parse_args()
    scheme = urlsplit(options.source).scheme
    if scheme not in {"http", "https"} and not Path(options.source).is_file():
        parser.error(f"{options.source} is neither an http(s) URL nor a file")
    try:
        return check(ROOT, options.source)
    except NotFetchedError as error:
        print(f"error: {options.source} could not be fetched: {error}", file=sys.stderr)
        print("So nothing is known of whether it differs.", file=sys.stderr)
        return 4
    except SpecError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
