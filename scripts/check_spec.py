"""Check whether a vendor's document differs from openapi.yaml, without changing anything.

    python scripts/check_spec.py URL_OR_FILE

For a scheduled job, or by hand. To import the document, save it and run scripts/update_spec.py.

Exit codes: 0 no difference for users, 10 compatible differences, 20 breaking ones, 1 something that
the script needs is not installed, 2 wrong usage, 3 the document cannot be used, 4 it could not be
fetched.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tools import imported

with imported():
    import httpx
    from problems import ScriptError
    from spec import compare, document, findings, project, report
    from spec.importer import import_document

ROOT = Path(__file__).resolve().parent.parent

_TIMEOUT_S = 30
_MAX_BYTES = 20 * 1024 * 1024


class NotFetchedError(Exception):
    """The document could not be fetched; the message says why."""


def fetch(url: str) -> str:
    """Fetch a document.

    Raises:
        NotFetchedError: If it does not arrive completely.
    """
    body = bytearray()
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_S, follow_redirects=True) as response:
            if response.status_code != httpx.codes.OK:
                raise NotFetchedError(f"the server returned {response.status_code}")
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise NotFetchedError(f"it is larger than {_MAX_BYTES} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotFetchedError(str(error) or type(error).__name__) from None
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotFetchedError("it is not UTF-8 text") from None


def check(root: Path, source: str) -> int:
    """Compare a document with openapi.yaml and print the differences.

    Returns:
        The exit code: 0, 10 or 20.

    Raises:
        NotFetchedError: If it could not be fetched.
        ScriptError: If it cannot be used.
    """
    web = urlsplit(source).scheme in {"http", "https"}
    text = fetch(source) if web else project.text_of(Path(source))
    name = urlsplit(source).path.rpartition("/")[2] or "the document"
    present = project.current(root)
    theirs = import_document(document.load(text, name), name, project.rules(root), present)
    changes = compare.compare(present, theirs.document)
    if not changes:
        print(f"{source} agrees with openapi.yaml.")
        return 0
    print(f"{source} differs from openapi.yaml:")
    methods = {**findings.sdk_methods(present), **findings.sdk_methods(theirs.document)}
    sections = {"Assumptions that give way": theirs.gave_way, "To look at": theirs.notes}
    print(report.as_text(changes, sections, project.version(root), methods))
    print("Nothing was changed. To import the document: python scripts/update_spec.py FILE")
    return report.EXIT_CODES[report.as_json(changes)["rank"]]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the command line.

    Args:
        arguments: The arguments; those of the process by default.
        root: The project.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        description="Check whether a vendor's document differs from openapi.yaml.",
        epilog="exit codes: 0 no difference for users, 10 compatible differences, 20 breaking "
        "ones, 1 a tool is not installed, 2 wrong usage, 3 the document cannot be used, 4 it could "
        "not be fetched",
    )
    parser.add_argument("source", metavar="URL_OR_FILE")
    options = parser.parse_args(arguments)
    scheme = urlsplit(options.source).scheme
    if scheme not in {"http", "https"} and not Path(options.source).is_file():
        parser.error(f"{options.source} is neither an http(s) URL nor a file")
    try:
        return check(root, options.source)
    except NotFetchedError as error:
        print(f"error: {options.source} could not be fetched: {error}", file=sys.stderr)
        print("Whether it differs is not known.", file=sys.stderr)
        return 4
    except ScriptError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return 3
    except RecursionError:
        print(f"error: {options.source} {document.CIRCULAR}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
