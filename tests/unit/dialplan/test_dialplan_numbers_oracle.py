"""`phonenumbers` as the oracle of the seven countries' tables: thousands of valid numbers in each form of dialling."""

from __future__ import annotations

import random

import phonenumbers
import pytest
from hypothesis import assume, given

from dialplan.countries import COUNTRIES
from dialplan.lines import Profile
from dialplan.numbers import Kind, Number, normalise
from tests.support.real_numbers import real_numbers

E164 = phonenumbers.PhoneNumberFormat.E164


def forms(country: str, national: str) -> list[str]:
    """As it is dialled in its country, from another one, and everywhere."""
    row = COUNTRIES[country]
    spaced = " ".join(national[at : at + 3] for at in range(0, len(national), 3))
    dialled = [
        row.trunk + national,
        f"{row.trunk}{spaced}",
        f"{row.international}{row.code}{national}",
        f"+{row.code}{national}",
        f"+{row.code} {spaced}",
    ]
    if row.trunk == "0":
        dialled.append(f"+{row.code} (0){spaced}")
    return dialled


def agree(country: str, national: str) -> None:
    for text in forms(country, national):
        theirs = phonenumbers.format_number(phonenumbers.parse(text, country), E164)
        assert normalise(text, Profile(country)) == Number(Kind.E164, theirs), text


def overseas(country: str, national: str) -> bool:
    """What the library takes for mainland France, and is not."""
    return national[:3] in COUNTRIES[country].elsewhere


@pytest.mark.parametrize("country", COUNTRIES)
def test_four_hundred_valid_numbers_of_each_country_num_6(country: str) -> None:
    chance = random.Random(country)
    row = COUNTRIES[country]
    lengths = sorted(each for each in row.lengths if 7 <= each <= 12)
    found = 0
    for _ in range(100_000):
        national = str(chance.randrange(1, 10)) + "".join(chance.choices("0123456789", k=chance.choice(lengths) - 1))
        number = phonenumbers.PhoneNumber(country_code=int(row.code), national_number=int(national))
        if not overseas(country, national) and phonenumbers.is_valid_number(number):
            agree(country, national)
            found += 1
            if found == 400:
                return
    pytest.fail(f"only {found} valid numbers")


@given(real_numbers(list(COUNTRIES)))
def test_real_numbers_are_read_as_the_library_reads_them(real: tuple[str, phonenumbers.PhoneNumber]) -> None:
    number, parsed = real
    country = phonenumbers.region_code_for_number(parsed)
    national = phonenumbers.national_significant_number(parsed)
    assume(country in COUNTRIES and not overseas(country, national))
    assume(phonenumbers.format_number(parsed, E164) == number)
    # What is shorter, dialled in its country, may be a service number: then it is not this one.
    assume(normalise(COUNTRIES[country].trunk + national, Profile(country)).kind is not Kind.SERVICE)
    agree(country, national)


@given(real_numbers(["SE", "GB", "DE"], ("fixed_line",)))
def test_a_subscriber_number_is_that_of_its_area_num_2(real: tuple[str, phonenumbers.PhoneNumber]) -> None:
    """Any number of a fixed line, dialled without its area code from a line that has it."""
    number, parsed = real
    length = phonenumbers.length_of_geographical_area_code(parsed)
    national = phonenumbers.national_significant_number(parsed)
    country = phonenumbers.region_code_for_number(parsed)
    subscriber = national[length:]
    assume(length and country in COUNTRIES and len(subscriber) >= 4 and len(national) <= 13 and subscriber[0] != "0")
    got = normalise(subscriber, Profile(country, national[:length]))
    assume(got.kind is not Kind.SERVICE)
    assert got == Number(Kind.E164, number)


@given(real_numbers(["US", "CA"], ("fixed_line",)))
def test_seven_digits_are_those_of_the_area_num_2(real: tuple[str, phonenumbers.PhoneNumber]) -> None:
    number, _ = real
    area, subscriber = number[2:5], number[5:]
    assume(len(number) == 12 and not (subscriber.startswith("310")))
    for country in ("US", "CA"):
        assert normalise(subscriber, Profile(country, area)) == Number(Kind.E164, number)
