"""Domestic or abroad, free, premium or risky: K.7's cases, the table against toll fraud, and the library as oracle."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dialplan.countries import COUNTRIES
from dialplan.numbers import Kind, Number
from dialplan.regions import Reach, Tariff, classify, country_code, denied
from dialplan.risks import RISKS, expand, risk_of
from tests.support.real_numbers import real_numbers


def e164(value: str) -> Number:
    return Number(Kind.E164, value)


@pytest.mark.parametrize(
    ("country", "number", "region", "reach"),
    [
        ("US", "+12125550100", "US", Reach.DOMESTIC),
        ("US", "+16475550100", "CA", Reach.INTERNATIONAL),
        ("CA", "+16475550100", "CA", Reach.DOMESTIC),
        ("CA", "+12125550100", "US", Reach.INTERNATIONAL),
        ("US", "+17875550100", "PR", Reach.INTERNATIONAL),
        ("US", "+18765550100", "JM", Reach.INTERNATIONAL),
        ("US", "+442079460000", "GB", Reach.INTERNATIONAL),
        ("US", "+12325550100", "", Reach.INTERNATIONAL),
        ("GB", "+442079460000", "GB", Reach.DOMESTIC),
        ("GB", "+447700900123", "GB", Reach.DOMESTIC),
        ("GB", "+441481960123", "GG", Reach.INTERNATIONAL),
        ("GB", "+441534960123", "JE", Reach.INTERNATIONAL),
        ("GB", "+441624960123", "IM", Reach.INTERNATIONAL),
        ("FR", "+33199001234", "FR", Reach.DOMESTIC),
        ("FR", "+262262161234", "RE", Reach.INTERNATIONAL),
        ("FR", "+262269621234", "YT", Reach.INTERNATIONAL),
        ("FR", "+596596101234", "MQ", Reach.INTERNATIONAL),
        ("FR", "+33262161234", "RE", Reach.INTERNATIONAL),
        ("DE", "+4930901820", "DE", Reach.DOMESTIC),
        ("DE", "+431588580", "AT", Reach.INTERNATIONAL),
        ("SE", "+4684650000", "SE", Reach.DOMESTIC),
        ("ES", "+34912345678", "ES", Reach.DOMESTIC),
        ("DE", "+390669812345", "VA", Reach.INTERNATIONAL),
        ("DE", "+88213000000", "001", Reach.INTERNATIONAL),
        ("AU", "+61293744000", "AU", Reach.DOMESTIC),
    ],
)
def test_domestic_is_the_region_of_the_calling_country_k7(country: str, number: str, region: str, reach: Reach) -> None:
    found = classify(e164(number), country)
    assert (found.region, found.reach) == (region, reach)


@pytest.mark.parametrize(
    ("country", "number", "region"),
    [
        ("US", "+16475550100", "CA"),
        ("US", "+17875550100", "PR"),
        ("FR", "+262262161234", "RE"),
        ("FR", "+33262161234", "RE"),
        ("GB", "+441481960123", "GG"),
    ],
)
def test_operators_extend_what_is_domestic_k7(country: str, number: str, region: str) -> None:
    assert classify(e164(number), country, {region}).reach is Reach.DOMESTIC
    assert classify(e164(number), country, {"AQ"}).reach is Reach.INTERNATIONAL


@pytest.mark.parametrize(
    ("country", "number", "reach"),
    [
        ("US", "+18005550199", Reach.DOMESTIC),
        ("CA", "+18885550199", Reach.DOMESTIC),
        ("JM", "+18335550199", Reach.DOMESTIC),
        ("GB", "+18005550199", Reach.INTERNATIONAL),
        ("GB", "+448081570192", Reach.DOMESTIC),
        ("JE", "+448081570192", Reach.DOMESTIC),
        ("DE", "+448081570192", Reach.INTERNATIONAL),
        ("DE", "+498001234567", Reach.DOMESTIC),
        ("FR", "+33800123456", Reach.DOMESTIC),
    ],
)
def test_toll_free_numbers_belong_to_all_who_share_the_code_k7(country: str, number: str, reach: Reach) -> None:
    found = classify(e164(number), country)
    assert (found.tariff, found.reach) == (Tariff.TOLL_FREE, reach)
    assert denied(e164(number), found) is None


@pytest.mark.parametrize(
    ("country", "kind", "value", "reach"),
    [
        ("US", Kind.SERVICE, "411", Reach.SERVICE),
        ("US", Kind.SERVICE, "911", Reach.EMERGENCY),
        ("DE", Kind.SERVICE, "110", Reach.EMERGENCY),
        ("GB", Kind.SERVICE, "101", Reach.SERVICE),
        ("AU", Kind.SERVICE, "131", Reach.SERVICE),
        ("US", Kind.OPERATOR, "0", Reach.INTERNAL),
        ("US", Kind.FEATURE, "*21", Reach.NOWHERE),
        ("US", Kind.INCOMPLETE, "", Reach.NOWHERE),
    ],
)
def test_what_is_no_e164_number_has_a_reach_as_well(country: str, kind: Kind, value: str, reach: Reach) -> None:
    assert classify(Number(kind, value), country).reach is reach


@pytest.mark.parametrize(
    ("country", "number", "rule"),
    [
        ("US", "+19005550100", "+1900"),
        ("US", "+12129761234", "+1212976"),
        ("US", "+18765550100", "+1876"),
        ("FR", "+33899123456", "+3389"),
        ("FR", "+33825123456", "+3382"),
        ("ES", "+34803123456", "+34803"),
        ("ES", "+34905123456", "+34905"),
        ("GB", "+449098790000", "+449"),
        ("GB", "+448711234567", "+44871"),
        ("GB", "+447012345678", "+4470"),
        ("SE", "+469001234567", "+46900"),
        ("SE", "+469391234567", "+46939"),
        ("DE", "+499001123456", "+49900"),
        ("DE", "+491371234567", "+49137"),
        ("DE", "+4911833", "+49118"),
        ("DE", "+870773123456", "+870"),
        ("DE", "+8816123456789", "+881"),
        ("DE", "+88213000000", "+882"),
        ("DE", "+883510000000091", "+883"),
        ("US", "+979123456789", "+979"),
        ("US", "+5371234567", "+53"),
        ("SE", "+25261234567", "+252"),
        ("DE", "+39899123456", "+3989"),
        ("DE", "+43900123456", "+4390"),
    ],
)
def test_premium_and_risky_numbers_are_denied_until_named(country: str, number: str, rule: str) -> None:
    found = classify(e164(number), country)
    assert found.rule == rule
    reason = denied(e164(number), found)
    assert reason == f"{rule} {found.reason}" and found.reason
    assert denied(e164(number), found, [rule]) is None
    assert denied(e164(number), found, [number]) is None
    assert denied(e164(number), found, ["+1234567890123"]) == reason


def test_a_shorter_prefix_names_nothing() -> None:
    premium, part = e164("+448711234567"), e164("+448719999999")
    found = classify(premium, "GB")
    assert denied(premium, found, ["+44", "+448", "+", ""])
    assert denied(premium, found, ["+4487112"]) is None
    assert denied(part, classify(part, "GB"), ["+4487112"])


def test_a_risky_country_is_none_for_who_lives_there() -> None:
    home, premium = e164("+37121234567"), e164("+37190012345")
    assert denied(home, classify(home, "LV")) is None
    assert denied(home, classify(home, "SE")) is not None
    assert denied(home, classify(home, "SE", {"LV"})) is None
    assert denied(premium, classify(premium, "LV")) is not None


@pytest.mark.parametrize("number", ["+12125550100", "+442079460000", "+4930901820", "+33199001234", "+61293744000"])
def test_usual_numbers_are_not_denied(number: str) -> None:
    assert denied(e164(number), classify(e164(number), "SE")) is None


def test_every_row_is_well_formed_and_none_is_hidden_by_its_like() -> None:
    codes = {str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE}
    for prefix, risk in RISKS.items():
        assert prefix.isdecimal() and risk.reason and risk.prefix == prefix
        assert any(prefix[:length] in codes for length in (1, 2, 3)), prefix
        assert risk_of(prefix + "0") in (risk, RISKS.get(prefix + "0"))
    assert list(expand("4484[2-5]")) == ["44842", "44843", "44844", "44845"]
    assert list(expand("80[367]")) == ["803", "806", "807"]


@given(real_numbers([*COUNTRIES, "GG", "JE", "IM", "PR", "JM", "DO", "RE", "YT", "GP", "KZ", "AU", "IT", "AT", "LV"]))
def test_regions_and_tariffs_agree_with_the_library(real: tuple[str, phonenumbers.PhoneNumber]) -> None:
    number, parsed = real
    assume(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number)
    # From mainland France the overseas departments are dialled like this; the library takes some of them for mainland.
    assume(not number.startswith(("+33262", "+33263", "+33269", "+33590", "+33594", "+33596")))
    region, kind = phonenumbers.region_code_for_number(parsed), phonenumbers.number_type(parsed)
    found = classify(e164(number), region or "US")
    if kind == phonenumbers.PhoneNumberType.PREMIUM_RATE:
        assert found.tariff is Tariff.PREMIUM
    elif kind == phonenumbers.PhoneNumberType.TOLL_FREE:
        assert (found.tariff is Tariff.TOLL_FREE and found.reach is Reach.DOMESTIC) or found.rule
    elif region is not None:
        assert found.region == region


@given(st.text(max_size=20), st.sampled_from([*COUNTRIES, "AU", "ZZ", ""]), st.sampled_from(list(Kind)))
def test_classifying_never_raises(value: str, country: str, kind: Kind) -> None:
    number = Number(kind, value)
    denied(number, classify(number, country), ["+1"])
    denied(number, classify(Number(Kind.E164, "+" + value), country))


def test_country_codes() -> None:
    assert [country_code(each) for each in ("US", "GB", "AU", "ZZ", "")] == ["1", "44", "61", "", ""]
