"""What a caller dialled, in the one form that the rest of the exchange reckons with (NUM, K.5, K.6).

The order of recognition is NUM-4's. Emergency numbers and extensions come first and are the planner's, since they need
the model; here follow feature codes, `+E.164`, the international prefix, national and subscriber form.
"""

from __future__ import annotations

import enum
import re

import msgspec
import phonenumbers

from dialplan.countries import COUNTRIES, LENGTHS_BY_CODE, Country
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


_SEPARATORS = str.maketrans("", "", " -.()/\u00a0")
_WHOLE = re.compile(r"\+?[0-9*#]+", re.ASCII)
_BARE = re.compile(r"[0-9]+", re.ASCII)


def clean(text: str) -> str:
    """The digits without separators (NUM-5), or "" when there is something else in it than ASCII digits, `*`, `#` and
    a leading `+`. A `(0)` after a country code is dropped (K.6): nobody dials it from abroad."""
    stripped = text.strip()
    if "(0)" in stripped and stripped.startswith(("+", "00", "011")):
        stripped = stripped.replace("(0)", "", 1)
    bare = stripped.translate(_SEPARATORS)
    return bare if _WHOLE.fullmatch(bare) else ""


def normalise(text: str, profile: Profile) -> Number:
    """The called number as dialled from a line of that profile. Idempotent (NUM-9): feed it its own `value`."""
    digits = clean(text)
    if not digits:
        return Number(Kind.INCOMPLETE, text)
    if digits[0] in "*#":
        return Number(Kind.FEATURE, digits)
    if digits[0] == "+":
        return _international(digits[1:], digits)
    if not _BARE.fullmatch(digits):
        return Number(Kind.INCOMPLETE, digits)
    if digits == "0":
        return Number(Kind.OPERATOR, digits)
    country = COUNTRIES.get(profile.country)
    if country is None:
        return _by_library(digits, profile)
    if country.service.fullmatch(digits) or digits in country.emergency:
        return Number(Kind.SERVICE, digits)
    if digits.startswith(country.international):
        return _international(digits[len(country.international) :], digits)
    return _national(digits, country, profile)


def _national(digits: str, country: Country, profile: Profile) -> Number:
    rest = digits[len(country.trunk) :]
    if country.trunk and digits.startswith(country.trunk) and len(rest) in country.lengths and rest[0] != "0":
        return Number(Kind.E164, f"+{country.code}{rest}")
    if country.national is not None and country.national.fullmatch(digits):
        return Number(Kind.E164, f"+{country.code}{digits}")
    whole = profile.area_code + digits
    never_first = "01" if country.code == "1" else "0"
    if profile.area_code and len(whole) in country.subscriber and digits[0] not in never_first:
        return Number(Kind.E164, f"+{country.code}{whole}")
    return Number(Kind.INCOMPLETE, digits)


def _international(rest: str, digits: str) -> Number:
    """`rest` is country code and national number. Its length must be possible (K.6); whether it exists is not asked."""
    if not _BARE.fullmatch(rest):
        return Number(Kind.INCOMPLETE, digits)
    lengths = LENGTHS_BY_CODE.get(rest[:2]) or LENGTHS_BY_CODE.get(rest[:1])
    if lengths is not None:
        code = 2 if rest[:2] in LENGTHS_BY_CODE else 1
        possible = len(rest) - code in lengths and rest[code] != "0"
    else:
        possible = _possible("+" + rest)
    return Number(Kind.E164, "+" + rest) if possible else Number(Kind.INCOMPLETE, digits)


def _possible(number: str) -> bool:
    """Whether the library finds the length possible and leaves the number as it is."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return False
    return _judge(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE and _e164(parsed) == number


def _by_library(digits: str, profile: Profile) -> Number:
    """For a country without a row in our tables."""
    try:
        parsed = phonenumbers.parse(digits, profile.country)
        if profile.area_code and _judge(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY:
            parsed = phonenumbers.parse(profile.area_code + digits, profile.country)
    except phonenumbers.NumberParseException:
        return Number(Kind.INCOMPLETE, digits)
    value = _e164(parsed)
    return Number(Kind.E164, value) if _possible(value) else Number(Kind.INCOMPLETE, digits)


def _judge(number: phonenumbers.PhoneNumber) -> int:
    return phonenumbers.is_possible_number_with_reason(number)


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
