"""Whatever a number looks like, it is read as itself or refused, and as an exclusion it holds.

Random valid numbers of many regions, in the writings that people and programs use.
"""

import random
from collections import Counter
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from kataven.contacts._phones import Phone, Phones

WITH_00 = (
    "GB DE FR IT ES PT NL BE AT CH SE NO DK FI PL CZ HU RO GR TR UA LV LT BG IN CN MY PH VN NZ AR "
    "PE ZA EG SA AE QA GA CI SM MX CL"
)
# Each region with the prefix that people there dial to call abroad.
PREFIXES = {
    **dict.fromkeys(WITH_00.split(), "00"),
    **dict.fromkeys(("RU", "KZ", "BY"), "810"),
    **dict.fromkeys(("HK", "KR", "TH", "SG"), "001"),
    "US": "011",
    "JP": "010",
    "ID": "008",
    "AU": "0011",
    "BR": "0015",
    "CO": "009",
    "NG": "009",
    "KE": "000",
    "IL": "012",
}
TYPES = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)


def number_of(region: str, rng: random.Random) -> str:
    """Return a random valid number of a region in E.164."""
    while True:
        example = phonenumbers.example_number_for_type(region, rng.choice(TYPES))
        assert example is not None, region
        digits = list(phonenumbers.national_significant_number(example))
        for index in range(rng.randint(0, 3), len(digits)):
            digits[index] = rng.choice("0123456789")
        number = f"+{example.country_code}{''.join(digits)}"
        if len(number) <= 16:
            parsed = phonenumbers.parse(number)
            e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
            if e164 == number and phonenumbers.is_valid_number_for_region(parsed, region):
                return number


def writings(number: str, region: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield writings of a number: their name, the text, and the region to read it in."""
    parsed = phonenumbers.parse(number)
    written = phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL)
    code, prefix = str(parsed.country_code), PREFIXES[region]
    rest = written.removeprefix(f"+{code}")
    yield "E.164", number, None
    yield "00", f"00 {written[1:]}", None
    yield "00, in its region", f"00{number[1:]}", region
    yield "the region's own prefix", f"{prefix} {written[1:]}", region
    yield "national", national, region
    yield "national, digits", "".join(filter(str.isdigit, national)), region
    yield "brackets", f"(+{code}) {rest}", None
    yield "zero in brackets", f"+{code} (0) {rest}", None
    yield "dots", written.replace(" ", ".").replace("-", "."), None
    yield "marks", f"\u202a{written}\u202c".replace(" ", "\xa0").replace("-", "\u2011"), None
    yield "lost plus", number[1:], region
    yield "lost plus, spaces", written[1:], region


def kept(rounds: int, seed: int) -> tuple[Counter[str], Counter[str]]:
    """Read many writings; return how many of each there were, and how many were kept."""
    rng = random.Random(seed)
    written: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for region, prefix in PREFIXES.items():
        phones = {region: Phones(region), None: Phones()}
        for _ in range(rounds):
            number = number_of(region, rng)
            # A list may contain numbers of other regions too.
            abroad = number_of(rng.choice(list(PREFIXES)), rng)
            cases = [(*each, number) for each in writings(number, region)]
            cases.append(("lost plus, elsewhere", abroad[1:], region, abroad))
            cases.append(("prefix, elsewhere", f"{prefix}{abroad[1:]}", region, abroad))
            for name, text, where, meant in cases:
                found = phones[where].read(text)
                written[name] += 1
                if isinstance(found, Phone):
                    assert found.number == meant, (name, text, where)
                    read[name] += 1
                assert meant in phones[where].readings(text), (name, text, where)
    return written, read


def test_a_number_is_read_as_itself_or_refused_and_its_exclusion_holds() -> None:
    written, read = kept(rounds=2, seed=20)
    for name, count in written.items():
        # A few have a second reading; the others are not refused for nothing.
        assert read[name] > 0.8 * count, name


@pytest.mark.slow
def test_many_numbers_are_read_as_themselves_or_refused() -> None:
    for seed in range(4):
        written, read = kept(rounds=15, seed=seed)
        assert read["E.164"] == written["E.164"]
        assert min(read[name] / count for name, count in written.items()) > 0.8


LABELS = ("", "", "Tel. ", "Tel. Nr.: ", "mobile: ", "Ida ", "Büro: ", "(home) ")
NOTES = ("", "", " (mobile)", " privat", " (Ida)", ".", " *")
SEPARATORS = (" / ", "/", ", ", "; ", "\n", " oder ", " & ", "|", "  ")


def entries(regions: str, rounds: int, seed: int) -> Iterator[tuple[str, str, list[str]]]:
    """Yield entries of a do-not-call list with one to three numbers, labels and notes."""
    rng = random.Random(seed)
    for region in regions.split() * rounds:
        numbers = [number_of(region, rng) for _ in range(rng.randint(1, 3))]
        texts: list[str] = []
        for number in numbers:
            written = [
                text for _, text, where in writings(number, region) if where or text[0] == "+"
            ]
            national = next(
                text for name, text, _ in writings(number, region) if name == "national"
            )
            written += [national.replace(" ", "/", 1), national.replace(" ", "/")]
            texts.append(f"{rng.choice(LABELS)}{rng.choice(written)}{rng.choice(NOTES)}")
        yield region, rng.choice(SEPARATORS).join(texts), numbers


def test_every_number_of_an_entry_is_excluded_or_the_entry_is_refused() -> None:
    refused = written = 0
    for region, text, numbers in entries("DE AT GB FR IT ES PL SE FI BE ID JP RU AR", 20, seed=3):
        found = Phones(region).readings(text)
        written += 1
        refused += not found
        assert not found or found.issuperset(numbers), (text, region)
    assert refused < 0.2 * written
