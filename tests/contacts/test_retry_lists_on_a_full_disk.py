"""A retry list that the folder for temporary files has no room for."""

from __future__ import annotations

import errno
import resource
from contextlib import contextmanager

import pytest

from kataven.contacts._retry import RetryCollector
from tests.support.measure import open_files


@contextmanager
def full_disk():
    """Let no file of this process grow, as on a full disk; only the soft limit, so it ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contacts(count):
    return [
        {"phone_number": f"+1415555{i:04d}", "custom_fields": {"note": "x" * 500}}
        for i in range(count)
    ]


def test_contacts_that_cannot_be_collected_say_where_space_is_missing():
    before = open_files()
    collector = RetryCollector()

    with full_disk(), pytest.raises(OSError, match="set TMPDIR to another folder") as caught:
        for _ in range(20):
            collector.add(contacts(1000))
    collector.close()

    assert caught.value.errno == errno.EFBIG
    assert open_files() <= before


def test_a_list_that_cannot_be_written_leaves_no_open_file():
    before = open_files()
    collector = RetryCollector()
    collector.add(contacts(5000))

    with full_disk(), pytest.raises(OSError, match="and call retry_list again"):
        collector.finish()

    assert open_files() <= before
