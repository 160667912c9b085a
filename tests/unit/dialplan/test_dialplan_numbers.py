"""Normalisation: NUM's own examples, every country's forms, and `phonenumbers` as the oracle."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dialplan.countries import COUNTRIES, emergency_numbers, is_country
from dialplan.lines import Profile
from dialplan.numbers import Kind, Number, normalise

US = Profile("US", "669")
PROFILES = {
    "US": US,
    "CA": Profile("CA", "416"),
    "FR": Profile("FR"),
    "ES": Profile("ES"),
    "SE": Profile("SE", "8"),
    "GB": Profile("GB", "20"),
    "DE": Profile("DE", "30"),
}


@pytest.mark.parametrize(
    ("country", "dialled", "number"),
    [
        ("US", "555-5555", "+16695555555"),
        ("US", "(212) 555-5555", "+12125555555"),
        ("US", "12125555555", "+12125555555"),
        ("US", "+442079460000", "+442079460000"),
        ("US", "011442079460000", "+442079460000"),
        ("US", "+44 (0)20 7946 0000", "+442079460000"),
        ("CA", "555.0100", "+14165550100"),
        ("FR", "01 23 45 67 89", "+33123456789"),
        ("FR", "00 49 30 901820", "+4930901820"),
        ("ES", "912 345 678", "+34912345678"),
        ("SE", "08-123 456 78", "+46812345678"),
        ("SE", "12345678", "+46812345678"),
        ("GB", "020 7946 0000", "+442079460000"),
        ("GB", "79460000", "+442079460000"),
        ("DE", "030 901820", "+4930901820"),
        ("DE", "901820", "+4930901820"),
        ("DE", "+43 1 58858", "+43158858"),
    ],
)
def test_what_is_dialled_becomes_e164(country: str, dialled: str, number: str) -> None:
    got = normalise(dialled, PROFILES[country])
    assert (got.kind, got.value) == (Kind.E164, number)


@pytest.mark.parametrize(
    ("country", "dialled"),
    [("US", "411"), ("US", "988"), ("GB", "101"), ("GB", "118500"), ("DE", "116117"), ("SE", "1177"), ("FR", "3939")],
)
def test_service_numbers_stay_as_they_are(country: str, dialled: str) -> None:
    got = normalise(dialled, PROFILES[country])
    assert (got.kind, got.value) == (Kind.SERVICE, dialled)


@pytest.mark.parametrize(
    ("country", "dialled"),
    [
        ("US", ""),
        ("US", "5555"),
        ("US", "+1212555"),
        ("US", "bob"),
        ("US", "٢١٢٥٥٥٥٥٥٥"),
        ("US", "12#4"),
        ("FR", "123456789"),
        ("FR", "12345678"),
        ("SE", "+0123456"),
        ("DE", "+"),
        ("DE", "+999123456789"),
    ],
)
def test_what_is_no_number_is_incomplete(country: str, dialled: str) -> None:
    assert normalise(dialled, PROFILES[country]).kind is Kind.INCOMPLETE


def test_subscriber_numbers_need_an_area_code() -> None:
    assert normalise("5555555", Profile("US")).kind is Kind.INCOMPLETE


def test_feature_codes_are_told_apart() -> None:
    assert normalise("*21#", US).kind is Kind.FEATURE


@pytest.mark.parametrize("country", [*PROFILES, "AU"])
def test_0_alone_is_the_operator_k5(country: str) -> None:
    assert normalise("0", PROFILES.get(country, Profile(country))) == Number(Kind.OPERATOR, "0")


def test_a_country_without_a_row_goes_by_the_library() -> None:
    assert normalise("02 9374 4000", Profile("AU")).value == "+61293744000"
    assert normalise("11", Profile("AU")).kind is Kind.INCOMPLETE
    assert emergency_numbers("AU") >= {"000", "112"}
    assert is_country("AU") and not is_country("UK")


@pytest.mark.parametrize("country", COUNTRIES)
def test_the_country_table_agrees_with_the_library(country: str) -> None:
    row = COUNTRIES[country]
    assert int(row.code) == phonenumbers.country_code_for_region(country)
    example = phonenumbers.example_number(country)
    assert example is not None
    national = phonenumbers.national_significant_number(example)
    assert normalise(row.trunk + national, PROFILES[country]).value == f"+{row.code}{national}"
    assert normalise(row.international + row.code + national, PROFILES[country]).value == f"+{row.code}{national}"


@given(
    st.sampled_from(sorted({c.code for c in COUNTRIES.values()})), st.from_regex(r"[1-9][0-9]{3,13}", fullmatch=True)
)
def test_possible_lengths_agree_with_the_library(code: str, national: str) -> None:
    # The library forgives a national prefix after the country code; K.6 forgives a `(0)` only.
    assume(not (code == "1" and national.startswith("1")))
    # What is dialled with another carrier, or would call for help, is no number though it has the length of one.
    assume(not national.startswith({"49": "10", "34": ("1", "2", "3")}.get(code, "-")))
    assume(not (code == "1" and national[1:3] == "11"))
    number = f"+{code}{national}"
    parsed = phonenumbers.parse(number, None)
    possible = phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE
    assert (normalise(number, US).kind is Kind.E164) == possible


@given(
    st.sampled_from(sorted(PROFILES)),
    st.one_of(st.from_regex(r"\+?[0-9]{1,16}", fullmatch=True), st.text(alphabet="0123456789+*#()-. /a٣", max_size=18)),
)
def test_normalising_twice_changes_nothing(country: str, dialled: str) -> None:
    once = normalise(dialled, PROFILES[country])
    assert normalise(once.value, PROFILES[country]) == once


@given(st.from_regex(r"[0-9]{1,14}", fullmatch=True), st.data())
def test_separators_never_matter(digits: str, data: st.DataObject) -> None:
    dialled = "".join(d + data.draw(st.sampled_from(["", " ", "-", ".", "/"])) for d in digits)
    assert normalise(dialled, US) == normalise(digits, US)


@pytest.mark.parametrize(
    ("profile", "dialled", "number"),
    [
        (Profile("GB", "20"), "2125550100;phone-context=+1", "+12125550100"),
        (Profile("GB", "20"), "555-0100;phone-context=+1-669", "+16695550100"),
        # A context may be longer than the area code: RFC 3966 gives it the beginning of a number.
        (Profile("US", "669"), "863-1234;phone-context=+1-914-555", "+19148631234"),
        (Profile("US", "669"), "030901820;phone-context=+49", "+4930901820"),
        (Profile("US", "669"), "901820;phone-context=+4930", "+4930901820"),
        (Profile("US", "669"), "0293744000;phone-context=+61", "+61293744000"),
        (Profile("GB", "20"), "011442079460000;phone-context=+1", "+442079460000"),
        # The number says itself where it is; a domain says nothing that we do not know.
        (US, "+442079460000;phone-context=+1", "+442079460000"),
        (US, "5550100;phone-context=example.com", "+16695550100"),
        (Profile("AU"), "0293744000;phone-context=+61", "+61293744000"),
    ],
)
def test_a_number_is_read_where_its_phone_context_says_k6(profile: Profile, dialled: str, number: str) -> None:
    assert normalise(dialled, profile) == Number(Kind.E164, number)


@pytest.mark.parametrize(
    "dialled", ["110;phone-context=+49", "5550100;phone-context=+999", "1;phone-context=+", "1;phone-context=+1"]
)
def test_what_cannot_be_called_from_here_is_incomplete(dialled: str) -> None:
    once = normalise(dialled, US)
    assert once.kind is Kind.INCOMPLETE and normalise(once.value, US) == once


@pytest.mark.parametrize(
    ("dialled", "kind", "value"),
    [
        ("411;phone-context=+1", Kind.SERVICE, "411"),
        ("0;phone-context=+1", Kind.OPERATOR, "0"),
        ("*21;phone-context=+1", Kind.FEATURE, "*21"),
    ],
)
def test_what_is_ours_stays_so_in_our_own_context(dialled: str, kind: Kind, value: str) -> None:
    assert normalise(dialled, US) == Number(kind, value)


@pytest.mark.parametrize(
    "pasted",
    ["212\u2011555\u20110100", "\u202a(212) 555-0100\u202c", "212\u202f555\u202f0100", "212\u2013555 0100\u200b"],
)
def test_what_is_pasted_along_with_a_number_is_ignored(pasted: str) -> None:
    assert normalise(pasted, US).value == "+12125550100"


def test_a_foreign_0_in_brackets_is_dropped_and_no_other_k6() -> None:
    assert normalise("011 44 (0)20 7946 0000", US).value == "+442079460000"
    assert normalise("(0)20 7946 0000", PROFILES["GB"]).value == "+442079460000"
    # Italy's 0 is a part of the number.
    assert normalise("+39 (0)6 6982 0000", US).value == "+390669820000"
    assert normalise("0039(0)6 6982 0000", PROFILES["DE"]).value == "+390669820000"


def test_a_service_number_of_a_country_without_a_row() -> None:
    assert normalise("1194", Profile("AU")) == Number(Kind.SERVICE, "1194")


@given(
    st.sampled_from([*PROFILES, "AU", "IT", "ZZ"]), st.text(max_size=24), st.text(alphabet="+0123456789-.", max_size=12)
)
def test_nothing_that_is_dialled_can_raise(country: str, dialled: str, context: str) -> None:
    for text in (dialled, f"{dialled};phone-context={context}", f"0{context};phone-context=+{context}"):
        once = normalise(text, PROFILES.get(country, Profile(country, "2")))
        assert normalise(once.value, PROFILES.get(country, Profile(country, "2"))) == once


@pytest.mark.parametrize("dialled", ["0752316374", "1322309011", "1905685195"])
def test_a_country_without_a_table_shares_the_tables_of_its_country_code(dialled: str) -> None:
    """NUM-9: what a line in Jamaica cannot dial, it cannot dial by its own value either."""
    jamaica = Profile("JM", "876")
    first = normalise(dialled, jamaica)
    assert first.kind is Kind.INCOMPLETE and normalise(first.value, jamaica) == first
    assert normalise("5550100", jamaica) == Number(Kind.E164, "+18765550100")
