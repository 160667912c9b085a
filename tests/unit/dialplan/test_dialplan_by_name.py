"""DIR-1: dialling by name, and who is not listed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan import by_name
from dialplan.lines import Line, Profile

PROFILE = Profile("US", "669")


def lines(*names: str, hidden: str = "") -> dict[str, Line]:
    return {
        f"u{number}": Line(id=f"u{number}", name=name, profile=PROFILE, listed=name != hidden)
        for number, name in enumerate(names)
    }


@pytest.mark.parametrize(
    ("word", "keys"),
    [
        ("Berg", "2374"),
        ("O'Neill", "663455"),
        ("Müller", "685537"),
        ("Groß", "47677"),
        ("Łukasz", "585279"),
        ("李", ""),
    ],
)
def test_a_name_as_keys(word, keys):
    assert by_name.keys(word) == keys


@pytest.mark.parametrize(
    ("digits", "who"),
    [
        ("237", ["Anna Berg", "Bert Berg"]),
        ("23747", []),
        ("23742662", ["Anna Berg"]),
        ("26622374", ["Anna Berg"]),
        ("2378", ["Bert Berg"]),
        ("826", ["Jan van Dyk"]),
        ("395", ["Jan van Dyk"]),
        ("5268263", ["Jan van Dyk"]),
        ("999", []),
        ("", []),
    ],
)
def test_found_by_the_last_name_the_first_or_both(digits, who):
    house = lines("Bert Berg", "Anna Berg", "Jan van Dyk", "", "李")
    assert [line.name for line in by_name.found(house, digits)] == who


def test_who_is_not_listed_is_not_found():
    assert by_name.found(lines("Anna Berg", "Bert Berg", hidden="Anna Berg"), "2374")[0].name == "Bert Berg"
    assert len(by_name.found(lines("Anna Berg", hidden="Anna Berg"), "2374")) == 0


@given(st.lists(st.text(max_size=20), max_size=8), st.text("23456789", max_size=6))
def test_whatever_the_names_are_only_listed_ones_are_found_and_all_that_begin_so(names, digits):
    house = lines(*names)
    found = by_name.found(house, digits)
    assert all(line.listed and line.name for line in found)
    for line in house.values():
        last = by_name.keys(line.name.split()[-1]) if line.name.split() else ""
        if digits and last.startswith(digits):
            assert line in found
