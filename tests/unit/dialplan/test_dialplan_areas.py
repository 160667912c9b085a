"""Area codes: stored without the trunk 0 (K.3), and refused where they are impossible (NUM-6)."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan.areas import area_of, why_not
from dialplan.countries import COUNTRIES


@pytest.mark.parametrize(
    ("country", "typed", "stored"),
    [
        ("GB", "020", "20"),
        ("GB", "20", "20"),
        ("DE", "030", "30"),
        ("SE", "08", "8"),
        ("SE", "0", ""),
        ("US", "669", "669"),
        ("AU", "02", "2"),
        ("IT", "06", "06"),
        ("RU", "812", "812"),
        ("XX", "1", "1"),
    ],
)
def test_an_area_code_is_stored_without_its_0_k3(country: str, typed: str, stored: str) -> None:
    assert area_of(typed, country) == stored


POSSIBLE = (
    *("US-669", "US-232", "CA-416", "PR-787", "SE-8", "SE-31", "GB-20", "GB-1224"),
    *("DE-30", "DE-2041", "AU-2", "IT-06"),
)


@pytest.mark.parametrize("code", POSSIBLE)
def test_area_codes_that_there_are(code: str) -> None:
    country, area = code.split("-")
    assert why_not(area, country) == ""


@pytest.mark.parametrize(
    ("country", "area", "why"),
    [
        ("US", "069", "three digits, the first from 2 to 9"),
        ("US", "66", "three digits, the first from 2 to 9"),
        ("US", "411", "three digits, the first from 2 to 9"),
        ("US", "416", "416 is in CA"),
        ("CA", "212", "212 is in US"),
        ("US", "876", "876 is in JM"),
        ("SE", "999", "no number in SE begins with it"),
        ("GB", "99", "no number in GB begins with it"),
        ("GB", "7700", "no number in GB begins with it"),
        ("DE", "10", "no number in DE begins with it"),
        ("DE", "99999", "no number in DE begins with it"),
        ("IT", "6", "no number in IT begins with it"),
        ("SE", "", "the 0 alone is no area code"),
    ],
)
def test_area_codes_that_there_are_not(country: str, area: str, why: str) -> None:
    assert why_not(area, country) == why


@given(st.sampled_from([*COUNTRIES, "AU", "PR", "XX"]), st.from_regex(r"[0-9]{0,5}", fullmatch=True))
def test_any_area_is_judged(country: str, area: str) -> None:
    why_not(area_of(area, country), country)


@pytest.mark.parametrize("country", ["SE", "GB", "DE", "AU"])
def test_the_area_code_of_the_librarys_example_is_possible(country: str) -> None:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.FIXED_LINE)
    assert example is not None
    length = phonenumbers.length_of_geographical_area_code(example)
    national = phonenumbers.national_significant_number(example)
    assert length and why_not(national[:length], country) == ""
