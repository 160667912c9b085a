"""The tables in tests/cases/numbers and in the guide, run as cases: what is dialled, and what it is (NUM, K.5, K.6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config import loader
from dialplan.countries import COUNTRIES
from dialplan.lines import Profile
from dialplan.numbers import Kind, normalise

TABLES = sorted((Path(__file__).parents[2] / "cases" / "numbers").glob("*.yaml"))


def read(file: Path) -> Any:
    return loader.plain(loader.load(file).tree)


def rows() -> list[Any]:
    found = []
    for file in TABLES:
        table = read(file)
        assert table["summary"]
        profile = Profile(table["country"], table.get("area_code", ""))
        found += [pytest.param(profile, *row, id=f"{table['country']}-{row[0]}") for row in table["numbers"].items()]
    return found


def test_every_country_has_its_table() -> None:
    assert {read(file)["country"] for file in TABLES} == set(COUNTRIES)


@pytest.mark.parametrize(("profile", "dialled", "expected"), rows())
def test_a_number_as_it_is_dialled(profile: Profile, dialled: str, expected: str) -> None:
    got = normalise(dialled, profile)
    assert (got.value if got.kind is Kind.E164 else got.kind) == expected
    assert normalise(got.value, profile) == got
