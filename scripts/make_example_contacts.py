"""Writes examples/contacts.csv: 500 invented contacts, like an export of a CRM.

Deterministic: every run writes the same file. All phone numbers are in ranges reserved for fiction.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Final

TARGET: Final = Path(__file__).parent.parent / "examples" / "contacts.csv"
ROWS: Final = 500
HEADER: Final = (
    "record_id,first_name,last_name,company,city,phone_number,email,lifecycle_stage,note"
)

FIRST: Final = (
    "Amélie Björn Chloé Dario Eszter Fatima George Hannah İbrahim João Katarzyna Łukasz Māra Noël "
    "Øyvind Priya Quentin Renée Søren Tomás Ursula Věra Wei Ximena Yūki Zoë Anne-Marie Mary Li"
)
LAST: Final = (
    "Ångström Brown Çelik Dvořák Evans Fernández Grüber Hughes Iversen Jansen Kowalski Larsen "
    "Müller Núñez O'Neill Petrović Quist Rossi Šimić Taylor Unger Van-Dijk Walker Xu Young Zhang"
)
COMPANIES: Final = (
    "Harbour Freight, Ltd.",
    "Café Central",
    'The "Blue Door" Bakery',
    "Müller & Söhne GmbH",
    "Northwind Roofing, Inc.",
    "Acme Dental",
    "Lopez, Park and Partners",
    "",
    "Fjord Kayaks AS",
    "Sunrise Solar",
)
CITIES: Final = ("London", "Zürich", "São Paulo", "Austin, TX", "Kraków", "Malmö", "Québec", "")
STAGES: Final = ("lead", "customer", "opportunity", "subscriber", "")
NOTES: Final = (
    "",
    "",
    "",
    "Asked to be called after 5 pm",
    "Prefers e-mail, but said a call is fine",
    'Said: "call me next week"',
    "Moved house; new address to follow",
    "Speaks français and English",
    "First line\nsecond line, as pasted from a mail",
    "Renewal due, 10% discount offered",
)
# Area codes of the North American plan: each reserves 555-0100 to 555-0199 for fiction.
AREAS: Final = (202, 212, 303, 312, 404, 415, 503, 617, 702, 808)
# Unusual but valid E.164 numbers, also reserved for fiction: freephone, premium, other countries.
ODD: Final = (
    "+18005550199",
    "+448081570123",
    "+449098790123",
    "+443069990123",
    "+441134960123",
    "+61491570156",
    "+61255501234",
    "+353209100123",
    "+33199001234",
    "+33639980123",
    "+46313900612",
    "+46701740605",
    "+493023125123",
)


def numbers(draw: random.Random) -> list[str]:
    """Draw one number for each row.

    Args:
        draw: The random number generator.

    Returns:
        ``ROWS`` distinct numbers in E.164 format, shuffled.
    """
    found: set[str] = set(ODD)
    while len(found) < ROWS:
        kind = draw.random()
        if kind < 0.6:
            found.add(f"+1{draw.choice(AREAS)}55501{draw.randrange(100):02d}")
        elif kind < 0.85:
            found.add(f"+442079460{draw.randrange(1000):03d}")
        else:
            found.add(f"+447700900{draw.randrange(1000):03d}")
    drawn = sorted(found)
    draw.shuffle(drawn)
    return drawn


def main() -> None:
    """Write the file."""
    draw = random.Random(7)  # noqa: S311 - not used for secrets
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER.split(","))
        for index, number in enumerate(numbers(draw)):
            first, last = draw.choice(FIRST.split()), draw.choice(LAST.split())
            email = f"{first}.{last}".lower().encode("ascii", "ignore").decode() + "@example.com"
            row = [
                str(48_100 + index),
                first,
                last,
                draw.choice(COMPANIES),
                draw.choice(CITIES),
                number,
                email if draw.random() > 0.1 else "",
                draw.choice(STAGES),
                draw.choice(NOTES),
            ]
            writer.writerow(row)


if __name__ == "__main__":
    main()
