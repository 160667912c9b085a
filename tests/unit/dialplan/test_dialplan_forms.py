"""How trunks write numbers, out and in (issue 3): `+`, digits, with the international prefix, national."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan.countries import COUNTRIES
from dialplan.forms import FORMS, read, write


@pytest.mark.parametrize(
    ("country", "number", "written"),
    [
        ("US", "+12125550100", ("+12125550100", "12125550100", "01112125550100", "2125550100")),
        ("US", "+493012345678", ("+493012345678", "493012345678", "011493012345678", "011493012345678")),
        ("DE", "+493012345678", ("+493012345678", "493012345678", "00493012345678", "03012345678")),
        ("DE", "+12125550100", ("+12125550100", "12125550100", "0012125550100", "0012125550100")),
        ("ES", "+34911234567", ("+34911234567", "34911234567", "0034911234567", "911234567")),
        ("NL", "+31201234567", ("+31201234567", "31201234567", "0031201234567", "0201234567")),
    ],
)
def test_each_form_out_and_back(country: str, number: str, written: tuple[str, ...]) -> None:
    assert tuple(write(number, form, country) for form in FORMS) == written
    for form, text in zip(FORMS, written, strict=True):
        assert read(text, form, country) == number


@pytest.mark.parametrize("number", ["911", "112", "201", "urn:service:sos", "*98", ""])
@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_outside_number_stays_as_it_is(number: str, form: str) -> None:
    assert write(number, form, "DE") == number


@pytest.mark.parametrize(
    ("country", "text", "number"),
    [
        ("US", "2125550100", "+12125550100"),
        ("US", "12125550100", "+12125550100"),
        ("US", "+442079460000", "+442079460000"),
        ("US", "442079460000", "+442079460000"),
        ("DE", "03012345678", "+493012345678"),
        ("DE", "493012345678", "+493012345678"),
        ("DE", "00442079460000", "+442079460000"),
        ("GB", "+44 (0)20 7946 0000", "+442079460000"),
        ("US", "030901820;phone-context=+49", "+4930901820"),
        ("US", "2125550100;phone-context=example.com", "+12125550100"),
        ("US", "201", "201"),
        ("US", "alice", "alice"),
        ("US", "", ""),
    ],
)
def test_auto_takes_what_fits(country: str, text: str, number: str) -> None:
    assert read(text, "auto", country) == number


@given(
    st.sampled_from(sorted(COUNTRIES)),
    st.sampled_from(["+12125550100", "+442079460000", "+34911234567", "+33123456789", "+46812345678", "+493012345678"]),
    st.sampled_from(FORMS),
)
def test_what_was_written_is_read_back(country: str, number: str, form: str) -> None:
    assert read(write(number, form, country), form, country) == number


@given(st.text(max_size=20), st.sampled_from([*FORMS, "auto"]), st.sampled_from(["US", "DE", "NL"]))
def test_nothing_that_a_carrier_sends_is_an_error(text: str, form: str, country: str) -> None:
    read(text, form, country)
    write(text, form if form in FORMS else "e164", country)
