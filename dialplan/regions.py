"""Where a number is and what kind of call it makes: domestic or abroad, free, premium, or a usual way of toll fraud.

Permissions ask this (OUT-1, OUT-2) of the normalised number, and again after each forward and transfer (OUT-5). By K.7
a number is domestic when its region by national numbering data is the calling country; an operator may add regions
(Canada, Puerto Rico, the French overseas departments, the Channel Islands). What is worked out here costs a few
microseconds; `phonenumbers` is asked about a country code that several countries share and for which there is no table.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from types import MappingProxyType

import msgspec
import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from dialplan.countries import COUNTRIES
from dialplan.numbers import Kind, Number
from dialplan.risks import risk_of


class Reach(enum.StrEnum):
    """How far a call goes. `INTERNAL` is the house's own operator, `NOWHERE` what is no number (a feature code, an
    incomplete one)."""

    INTERNAL = "internal"
    EMERGENCY = "emergency"
    SERVICE = "service"
    DOMESTIC = "domestic"
    INTERNATIONAL = "international"
    NOWHERE = "nowhere"


class Tariff(enum.StrEnum):
    """What a call costs in kind. `RISK` are destinations of toll fraud, which are no premium numbers by themselves."""

    USUAL = "usual"
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    RISK = "risk"


class Classified(msgspec.Struct, frozen=True, gc=False):
    """What a number is to a caller of one country.

    `region` is an ISO 3166 code, `001` for numbers of no country, empty where it is unknown or shared. `rule` is the
    prefix (with its `+`) by which the number is denied until an operator names it, and `reason` says why; both empty
    for a usual number.
    """

    reach: Reach
    region: str = ""
    tariff: Tariff = Tariff.USUAL
    rule: str = ""
    reason: str = ""


_INTERNAL = Classified(Reach.INTERNAL)
_EMERGENCY = Classified(Reach.EMERGENCY)
_SERVICE = Classified(Reach.SERVICE)
_NOWHERE = Classified(Reach.NOWHERE)


def classify(number: Number, country: str, domestic_regions: Collection[str] = frozenset()) -> Classified:
    """What `number` is for who calls from `country`; `domestic_regions` count as home besides it (K.7).

    Total: it never raises, whatever was dialled. An emergency number is one by the country's own table (K.4); that an
    operator has added others is the planner's to know.
    """
    if number.kind is not Kind.E164:
        return _short(number, country)
    digits = number.value[1:]
    code = _country_code(digits)
    tariff, rule, reason = _tariff(digits, code)
    home = country_code(country)
    if code == "1" and (tariff is Tariff.TOLL_FREE or digits.startswith("1900")):
        region, domestic = "", home == "1"
    else:
        region = _region(digits, code)
        domestic = region == country or region in domestic_regions
        # A toll-free number of a shared country code belongs to all who share it.
        domestic = domestic or (tariff is Tariff.TOLL_FREE and code == home)
    return Classified(Reach.DOMESTIC if domestic else Reach.INTERNATIONAL, region, tariff, rule, reason)


def denied(number: Number, found: Classified, allow: Collection[str] = ()) -> str | None:
    """Which rule against toll fraud forbids the number, for people; None when it may be called.

    `allow` are prefixes in E.164 with `+` which the operator has named. One lifts a rule when it names the rule's
    prefix or a part of it: `+44` opens no premium number in Britain, `+44871` does. A risky destination at home, or in
    a region that counts as home, is no risk; a premium number is one anywhere.
    """
    if not found.rule or (found.tariff is Tariff.RISK and found.reach is Reach.DOMESTIC):
        return None
    for prefix in allow:
        if prefix.startswith(found.rule) and number.value.startswith(prefix):
            return None
    return f"{found.rule} {found.reason}"


@lru_cache(512)
def country_code(country: str) -> str:
    """The country code of an ISO 3166 region: `1` for US; "" when it has none."""
    row = COUNTRIES.get(country)
    if row is not None:
        return row.code
    code = phonenumbers.country_code_for_region(country)
    return str(code) if code else ""


def region_of_area(area: str) -> str:
    """The region of a North American area code; "" when nobody has it."""
    return _AREA_CODES.get(area, "")


def _short(number: Number, country: str) -> Classified:
    if number.kind is Kind.OPERATOR:
        return _INTERNAL
    if number.kind is not Kind.SERVICE:
        return _NOWHERE
    row = COUNTRIES.get(country)
    return _EMERGENCY if row is not None and number.value in row.emergency else _SERVICE


def _country_code(digits: str) -> str:
    """E.164 country codes are prefix-free: one digit (1 and 7), two or three."""
    for length in (1, 2, 3):
        if digits[:length] in _REGIONS:
            return digits[:length]
    return ""


def _tariff(digits: str, code: str) -> tuple[Tariff, str, str]:
    risk = risk_of(digits)
    if risk is not None and risk.premium:
        return Tariff.PREMIUM, "+" + risk.prefix, risk.reason
    if code == "1" and digits[4:7] == "976":
        return Tariff.PREMIUM, "+" + digits[:7], "pay-per-call exchange in North America"
    national = digits[len(code) :]
    free, premium = _patterns(code)
    if premium is not None and premium.fullmatch(national):
        return Tariff.PREMIUM, f"+{code}{national[:2]}", "premium rate"
    if risk is not None:
        return Tariff.RISK, "+" + risk.prefix, risk.reason
    if free is not None and free.fullmatch(national):
        return Tariff.TOLL_FREE, "", ""
    return Tariff.USUAL, "", ""


@lru_cache(256)
def _patterns(code: str) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    """Toll-free and premium numbers of all who share a country code, by the library's data."""
    free: set[str] = set()
    premium: set[str] = set()
    for region in _REGIONS.get(code, ()):
        data = (
            PhoneMetadata.metadata_for_nongeo_region(int(code))
            if region == "001"
            else PhoneMetadata.metadata_for_region(region)
        )
        if data is not None:
            for found, kind in ((free, data.toll_free), (premium, data.premium_rate)):
                if kind is not None and kind.national_number_pattern:
                    found.add(kind.national_number_pattern)
    return _either(free), _either(premium)


def _either(patterns: set[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{each})" for each in sorted(patterns))) if patterns else None


# Regions

_REGIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {str(code): regions for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()}
)

# National prefixes that are not the first country's of their code. The longest comes first where two of one code meet.
# Under +33 stand the overseas departments as they are dialled from France, though their codes are others.
_SHARED: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "44": (
            *((prefix, "GG") for prefix in ("1481", "7781", "7839", "79111", "79117")),
            *((prefix, "JE") for prefix in ("1534", "7509", "77003", "77007", "77008", "7797", "7829", "7937")),
            *((prefix, "IM") for prefix in ("1624", "74576", "7524", "7624")),
        ),
        "7": (("6", "KZ"), ("7", "KZ")),
        "33": (
            *((prefix, "RE") for prefix in ("262", "263", "692", "693")),
            *((prefix, "YT") for prefix in ("269", "639")),
            *((prefix, "GP") for prefix in ("590", "690", "691")),
            *((prefix, "GF") for prefix in ("594", "694")),
            *((prefix, "MQ") for prefix in ("596", "696", "697")),
        ),
    }
)


def _region(digits: str, code: str) -> str:
    if code == "1":
        return _AREA_CODES.get(digits[1:4], "")
    regions = _REGIONS.get(code, ("",))
    shared = _SHARED.get(code)
    if shared is not None:
        national = digits[len(code) :]
        return next((region for prefix, region in shared if national.startswith(prefix)), regions[0])
    return regions[0] if len(regions) == 1 else _by_library(digits) or regions[0]


@lru_cache(1024)
def _by_library(digits: str) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse("+" + digits, None)) or ""
    except phonenumbers.NumberParseException:
        return ""


def _area_codes() -> Mapping[str, str]:
    """Region by area code of North America, from the library's data. An area code that nobody has, has no region."""
    found: dict[str, str] = {}
    for region in _REGIONS["1"]:
        data = PhoneMetadata.metadata_for_region(region)
        lead = re.compile(data.leading_digits) if data is not None and data.leading_digits else None
        kinds = [] if data is None else [data.fixed_line, data.mobile, data.voip, data.personal_number, data.uan]
        patterns = [re.compile(k.national_number_pattern) for k in kinds if k is not None and k.national_number_pattern]
        for area in map(str, range(200, 1000)):
            own = lead.fullmatch(area) if lead else any(each.fullmatch(area + "2345678") for each in patterns)
            if own:
                found.setdefault(area, region)
    return MappingProxyType(found)


_AREA_CODES = _area_codes()
