"""The country of each row decides how its number is read, and is never guessed."""

import phonenumbers
import pytest

from kataven import contacts
from kataven.contacts._countries import Countries
from kataven.contacts._number_refusals import Refused
from kataven.errors import ContactsError

# Not installed where only an archive is tested.
pd = pytest.importorskip("pandas")


def test_the_country_of_a_row_is_that_of_its_number() -> None:
    text = (
        "Phone, Country \n020 7946 0018,United Kingdom\n(415) 555-0100,US\n030 123456,deutschland\n"
        "(415) 555-0101,\n01 23 45 67 89,FRA\n+14155550102, \n"
    )
    for region, kept in (("US", 6), (None, 5)):
        with contacts.clean(text.encode(), region=region, region_column="Country") as cleaned:
            numbers = [line.split(",")[0] for line in cleaned.read().decode().splitlines()[1:]]
            assert cleaned.report.kept == len(numbers) == kept
        assert numbers[:3] == ["+442079460018", "+14155550100", "+4930123456"]
        assert numbers[-2:] == ["+33123456789", "+14155550102"]
        if region is None:
            assert dict(cleaned.report.counts) == {"missing_country_code": 1}


@pytest.mark.parametrize(
    ("country", "shown"),
    [("Congo", "CD or CG"), ("Korea", "KP or KR"), ("Virgin Islands", "VG or VI"),
     ("China (Taiwan)", "CN or TW"), ("Denmark (Greenland)", "DK or GL"),
     ("Germany (Bavaria)", "is not a country"), ("Atlantis", "is not a country"), ("??", "is not a country"), ("ZZ", "is not a country")],
)  # fmt: skip
def test_an_unknown_or_ambiguous_country_drops_the_row(country: str, shown: str) -> None:
    # Also with region=, which is only for empty cells.
    text = f"phone,country\n030 123456,{country}\n"
    with contacts.clean(text.encode(), region="DE", region_column="country") as cleaned:
        (row,) = cleaned.report.dropped
    assert (row.reason, row.value) == ("unknown_region", "030 123456")
    assert f"'{country}'" in row.message
    assert shown in row.message


def test_the_column_of_countries_must_exist() -> None:
    rows = [{"phone": "030 123456", "Land": "Germany"}]
    with contacts.clean(pd.DataFrame(rows), region_column="Land") as cleaned:
        assert cleaned.report.kept == 1
    with pytest.raises(ContactsError, match="no column 'Country'; its columns are 'phone', 'Land'"):
        contacts.clean(rows, region_column="Country")
    with pytest.raises(ContactsError, match="more than one column 'c'"):
        contacts.clean(b"phone,c,c\n", region_column="c")
    with pytest.raises(TypeError, match="region_column must be the name of a column"):
        contacts.clean(rows, region_column=1)  # type: ignore[arg-type]


NAMES = {
    "US": "us|USA|U.S.A.|u.s.|United States|the United States of America|America",
    "GB": "UK|gbr|Great Britain|England|Northern Ireland",
    "DE": "Germany|Deutschland|DEUTSCHLAND|Germany (DE)|Deutschland (Germany)|Federal Republic of Germany",
    "CZ": "Czechia|Czech Republic|Česká republika|ceska republika",
    "CH": "Switzerland|Schweiz|Suisse|Svizzera",
    "ES": "España|Espana|Spain",
    "TR": "Turkey|Türkiye|Turkiye",
    "CD": "Democratic Republic of the Congo|Congo (Kinshasa)|Congo, The Democratic Republic of the",
    "CG": "Republic of the Congo|Congo-Brazzaville|COG",
    "KR": "South Korea|Korea (KR)|Korea (KOR)|Korea, Republic of|Republic of Korea|대한민국",
    "KP": "North Korea|Korea (North)|Democratic People's Republic of Korea",
    "GR": "Greece|Ελλάδα|Hellas",
    "JP": "日本|Nippon",
    "AD": "AND|Andorra",
    "CI": "Côte d'Ivoire|Cote d\u2019Ivoire|Ivory Coast",
    "LC": "St. Lucia|Saint Lucia",
    "BS": "The Bahamas|Bahamas",
    "SX": "Sint Maarten",
    "VI": "U.S. Virgin Islands|Virgin Islands, U.S.",
}


@pytest.mark.parametrize("region", NAMES)
def test_a_country_is_known_by_its_names_and_codes(region: str) -> None:
    countries = Countries()
    for name in NAMES[region].split("|"):
        assert countries.region(name) == region


def test_every_region_of_phonenumbers_is_known_by_its_code_and_no_name_hides_another() -> None:
    countries = Countries()
    for region in phonenumbers.SUPPORTED_REGIONS:
        assert countries.region(region.lower()) == region
    ambiguous = {name: found for name, found in countries._names.items() if len(found) > 1}
    assert ambiguous == {
        ("congo",): ["CD", "CG"],
        ("korea",): ["KP", "KR"],
        ("islands", "virgin"): ["VG", "VI"],
    }
    assert set(countries._codes.values()) == set(phonenumbers.SUPPORTED_REGIONS)
    assert isinstance(countries.region("x" * 500), Refused)
    assert "x" * 81 not in countries.region("x" * 500).message  # type: ignore[union-attr]
