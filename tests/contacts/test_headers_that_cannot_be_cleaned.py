"""Lists whose first row cannot be a header: clean refuses them and says what to do."""

from __future__ import annotations

import pytest

from kataven import contacts
from kataven.errors import ContactsError

ROW = b"+14155550100,1\n"


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        (b'"phone_number"x,name\n' + ROW, "malformed", "text after a closing quote"),
        (b'"phone_number,name\n' + ROW, "malformed", "opened and never closed"),
        (b"phone_number\rname\n" + ROW, "malformed", "carriage return without a line feed"),
        (b"phone\0_number,name\n" + ROW, "nul", "NUL character"),
        (b"\n\n\n", "empty_file", "only blank lines"),
        (b'\n"SEP=;",x\nphone_number;name\n' + ROW, "missing_header", "note to Excel: delete it"),
    ],
)
def test_header_is_refused_with_its_reason(text, reason, words):
    with pytest.raises(ContactsError, match=words) as caught:
        contacts.clean(text)

    assert [problem.kind for problem in caught.value.problems] == [reason]
