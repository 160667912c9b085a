"""The tables in tests/cases/numbers and in the guide, run as cases: what is dialled, and what it is (NUM, K.5, K.6)."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from config import loader
from dialplan.countries import COUNTRIES, has_area_codes
from dialplan.lines import Profile
from dialplan.numbers import Kind, Number, normalise
from dialplan.regions import classify
from dialplan.risks import RISKS, expand

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


GUIDE = (Path(__file__).parents[3] / "docs" / "numbers.md").read_text(encoding="utf-8")


def cells(heading: str) -> list[list[str]]:
    """The rows of the table of the guide that begins so."""
    lines = GUIDE.partition(f"\n| {heading} |")[2].splitlines()[2:]
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize(
    ("country", "area", "dialled", "expected"), cells("country | area code | dialled | is read as")
)
def test_the_guide_tells_how_it_is_read(country: str, area: str, dialled: str, expected: str) -> None:
    test_a_number_as_it_is_dialled(Profile(country, area), dialled, expected)


@pytest.mark.parametrize(("country", "number", "region", "reach"), cells("from | number | region | is"))
def test_the_guide_tells_what_is_domestic_k7(country: str, number: str, region: str, reach: str) -> None:
    found = classify(Number(Kind.E164, number), country)
    assert (found.region, found.reach) == (region, reach)


@pytest.mark.parametrize("row", cells("country | international | trunk prefix | area codes | service numbers"), ids=str)
def test_the_guide_tells_each_countrys_rules(row: list[str]) -> None:
    name, international, trunk, areas, services = row
    country = COUNTRIES[name]
    assert (country.international, country.trunk or "none") == (international, trunk)
    assert has_area_codes(name) == (areas == "yes")
    for each in re.findall(r"\d[\dx ]*", services):
        assert country.service.fullmatch(each.replace(" ", "").replace("x", "5")), each


def test_the_guide_lists_every_prefix_that_is_denied_and_no_other() -> None:
    listed = re.findall(r"`\+([0-9\[\]\-]+)`", GUIDE.partition("\nPremium rate:\n")[2])
    assert sorted(prefix for each in listed for prefix in expand(each)) == sorted(RISKS)
    assert (
        len(cells("country | area code | dialled | is read as")) > 30 and len(cells("from | number | region | is")) > 7
    )
