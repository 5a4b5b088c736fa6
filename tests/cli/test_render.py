"""How durations and fractions are formatted."""

from __future__ import annotations

import pytest

from kataven.cli.render import percent, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "?"),
        (0.0, "0 s"),
        (0.4, "0 s"),
        (99.4, "99 s"),
        (99.6, "2 min"),
        (120, "2 min"),
        (5_969, "99 min"),
        (5_970, "1 h 40 min"),
        (86_400, "24 h 00 min"),
    ],
)
def test_span_uses_a_suitable_unit(seconds, text):
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(None, "?"), (0.0, "0 %"), (0.58, "58 %"), (0.999, "99 %"), (1.0, "100 %")],
)
def test_percent_rounds_down_so_that_only_1_is_100(fraction, text):
    assert percent(fraction) == text
