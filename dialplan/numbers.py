"""What a caller dialled, in the one form that the rest of the exchange reckons with (NUM, K.5, K.6).

The order of recognition is NUM-4's. Emergency numbers and extensions come first and are the planner's, since they need
the model; here follow feature codes, `+E.164`, service numbers, the international prefix, national and subscriber form.
`docs/numbers.md` shows it country by country.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import msgspec
import phonenumbers
from phonenumbers import shortnumberinfo

from dialplan.countries import BY_CODE, COUNTRIES, Country
from dialplan.lines import Profile


class Kind(enum.StrEnum):
    """What a number is. `INCOMPLETE` is anything that cannot be a number, for which 484 is the answer (K.6).
    `OPERATOR` is `0` alone, which rings the site's operator (K.5)."""

    E164 = "e164"
    SERVICE = "service"
    OPERATOR = "operator"
    FEATURE = "feature"
    INCOMPLETE = "incomplete"


class Number(msgspec.Struct, frozen=True, gc=False):
    """A number and its form. `value` is `+…` for E164, the bare digits otherwise."""

    kind: Kind
    value: str


# What people write between digits, and what is pasted along with a number: dashes, thin spaces, marks of direction.
_IGNORED = (
    " -.()/\u00a0\u2007\u2009\u200b\u200e\u200f\u2010\u2011\u2012\u2013\u202a\u202c\u202d\u202f\u2066\u2069\u2212"
)
_SEPARATORS = str.maketrans("", "", _IGNORED)
_WHOLE = re.compile(r"\+?[0-9*#]+", re.ASCII)
_BARE = re.compile(r"[0-9]+", re.ASCII)
# Italy's numbers keep their 0 abroad.
_FOREIGN_ZERO = re.compile(r"((?:\+|00|011)[ \-./\u00a0]*(?!39\b)[1-9]\d{0,2}[ \-./\u00a0]*)\(0\)", re.ASCII)
_CONTEXT = ";phone-context="


def clean(text: str) -> str:
    """The digits without separators (NUM-5), or "" when there is something else in it than ASCII digits, `*`, `#` and
    a leading `+`. A `(0)` after a country code is dropped (K.6): nobody dials it from abroad. So is a phone-context."""
    if _WHOLE.fullmatch(text):
        return text
    if _CONTEXT in text:
        text = text.partition(_CONTEXT)[0]
    text = text.strip()
    if "(0)" in text:
        text = _FOREIGN_ZERO.sub(r"\1", text, count=1)
    bare = text.translate(_SEPARATORS)
    return bare if _WHOLE.fullmatch(bare) else ""


def normalise(text: str, profile: Profile) -> Number:
    """The called number as dialled from a line of that profile. Idempotent (NUM-9): feed it its own `value`.

    `2125550100;phone-context=+1` is what a tel: address says (RFC 3966): a number as it is dialled at that place.
    """
    digits = clean(text)
    if not digits:
        return Number(Kind.INCOMPLETE, text)
    if digits[0] in "*#":
        return Number(Kind.FEATURE, digits)
    if digits[0] == "+":
        return _international(digits[1:], digits)
    if not _BARE.fullmatch(digits):
        return Number(Kind.INCOMPLETE, digits)
    if _CONTEXT in text:
        place = clean(text.partition(_CONTEXT)[2])
        if place.startswith("+"):
            return _at(digits, place[1:], profile) or Number(Kind.INCOMPLETE, text)
    return _local(digits, profile)


def _local(digits: str, profile: Profile) -> Number:
    """Digits as they are dialled in that country."""
    if digits == "0":
        return Number(Kind.OPERATOR, digits)
    country = COUNTRIES.get(profile.country)
    if country is None:
        return _by_library(digits, profile.country, profile.area_code)
    if country.service.fullmatch(digits) or digits in country.emergency:
        return Number(Kind.SERVICE, digits)
    if digits.startswith(country.international):
        return _international(digits[len(country.international) :], digits)
    return _national(digits, country, profile)


def _national(digits: str, country: Country, profile: Profile) -> Number:
    rest = digits[len(country.trunk) :]
    if country.trunk and digits.startswith(country.trunk) and _possible(rest, country):
        return _e164_of(rest, country)
    if country.national is not None and country.national.fullmatch(digits):
        return _e164_of(digits, country)
    whole = profile.area_code + digits
    if profile.area_code and len(whole) in country.subscriber and digits[0] not in country.never:
        return Number(Kind.E164, f"+{country.code}{whole}")
    return Number(Kind.INCOMPLETE, digits)


def _e164_of(national: str, country: Country) -> Number:
    code = country.elsewhere.get(national[:3], country.code) if country.elsewhere else country.code
    return Number(Kind.E164, f"+{code}{national}")


def _possible(national: str, country: Country) -> bool:
    return len(national) in country.lengths and not national.startswith(country.never)


def _international(rest: str, digits: str) -> Number:
    """`rest` is country code and national number. Its length must be possible (K.6); whether it exists is not asked."""
    if not _BARE.fullmatch(rest):
        return Number(Kind.INCOMPLETE, digits)
    country = BY_CODE.get(rest[:2]) or BY_CODE.get(rest[:1])
    if country is None:
        value = _known("+" + rest)
        return Number(Kind.E164, value) if value else Number(Kind.INCOMPLETE, digits)
    if _possible(rest[len(country.code) :], country):
        return Number(Kind.E164, "+" + rest)
    return Number(Kind.INCOMPLETE, digits)


def _at(digits: str, place: str, profile: Profile) -> Number | None:
    """A number as it is dialled at a place, which is a country code and maybe an area code or the beginning of a
    number (RFC 3966 section 5.1.5). A service number of another country cannot be reached from here."""
    code = next((place[:length] for length in (1, 2, 3) if place[:length] in _REGIONS), "")
    own = COUNTRIES.get(profile.country)
    at_home = own.code == code if own is not None else _REGIONS.get(code, "") == profile.country
    region = profile.country if at_home else _REGIONS.get(code, "")
    area = place[len(code) :][:6]
    for length in range(len(area), -1, -1):
        number = _local(digits, Profile(region, area[:length]))
        if number.kind is Kind.E164 or (at_home and number.kind is not Kind.INCOMPLETE):
            return number
    return None


_REGIONS: Mapping[str, str] = MappingProxyType(
    {str(code): regions[0] for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()}
)


# What the library knows, for countries without a row in our tables. A pure function of the text, so it may remember.


@lru_cache(2048)
def _known(number: str) -> str:
    """A number with its `+` as the library writes it; "" where its length is not possible."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return ""
    if phonenumbers.is_possible_number_with_reason(parsed) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return ""
    value = _e164(parsed)
    return value if value == number or _known(value) == value else ""


@lru_cache(2048)
def _by_library(digits: str, country: str, area_code: str) -> Number:
    try:
        parsed = phonenumbers.parse(digits, country)
        if shortnumberinfo.is_valid_short_number_for_region(parsed, country):
            return Number(Kind.SERVICE, digits)
        if area_code and (
            phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY
        ):
            parsed = phonenumbers.parse(area_code + digits, country)
    except phonenumbers.NumberParseException:
        return Number(Kind.INCOMPLETE, digits)
    value = _known(_e164(parsed))
    # Its country code may be one of our tables', which know better what cannot be (NUM-9).
    return _international(value[1:], digits) if value else Number(Kind.INCOMPLETE, digits)


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
