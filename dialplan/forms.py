"""How carriers write numbers. Within the house a number is E.164 with its `+`; these turn it to what a trunk wants and
back, at the edge.

    form        a US trunk                        a German one
    e164        +12125550100   +493012345678      +12125550100     +493012345678
    digits      12125550100    493012345678       12125550100      493012345678
    00          01112125550100 011493012345678    0012125550100    00493012345678
    national    2125550100     011493012345678    0012125550100    03012345678

In North America the national form is ten digits, without the 1: with it, it is the same as `digits`.
"""

from __future__ import annotations

from functools import lru_cache

import phonenumbers

from dialplan.countries import COUNTRIES
from dialplan.lines import Profile
from dialplan.numbers import Kind, clean, normalise

FORMS = ("e164", "digits", "00", "national")
_REMEMBERED = 512


def write(number: str, form: str, country: str) -> str:
    """`number` as a trunk wants it. What is not `+` and digits (an emergency number, an extension) stays as it is."""
    if form == "e164" or not number.startswith("+") or not number[1:].isdecimal():
        return number
    digits = number[1:]
    if form == "digits":
        return digits
    row = COUNTRIES.get(country)
    if form == "national":
        if row is None:
            return _by_library(number, country)
        if digits.startswith(row.code):
            rest = digits[len(row.code) :]
            return rest if row.code == "1" else row.trunk + rest
    return (row.international if row is not None else "00") + digits


def read(text: str, form: str, country: str) -> str:
    """What a trunk sent, as `+E.164`; as it is when it cannot be read so. `auto` takes whatever fits best."""
    digits = clean(text)
    if not digits or digits.startswith("+") or not digits.isdecimal():
        return digits or text
    if digits != text and ";" in text:
        number = normalise(text, Profile(country))
        if number.kind is Kind.E164:
            return number.value
    return _read(digits, form, country)


@lru_cache(_REMEMBERED)
def _read(digits: str, form: str, country: str) -> str:
    """Of bare digits. Remembered, as it is the same few numbers of the house that carriers send."""
    row = COUNTRIES.get(country)
    international = row.international if row is not None else "00"
    profile = Profile(country)
    if form == "national" or (form == "auto" and _is_national(digits, country, international)):
        number = normalise(digits, profile)
        if number.kind is Kind.E164:
            return number.value
    for prefix in dict.fromkeys((international, "00")):
        if digits.startswith(prefix) and form in ("00", "auto", "national"):
            digits = digits[len(prefix) :]
            break
    else:
        if form in ("00", "national"):
            return digits
    number = normalise("+" + digits, profile)
    return number.value if number.kind is Kind.E164 else digits


def _is_national(digits: str, country: str, international: str) -> bool:
    """Whether digits without a `+` are more likely a national number than one that begins with a country code."""
    if digits.startswith(international):
        return False
    if country in COUNTRIES:
        return True
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, country))
    except phonenumbers.NumberParseException:
        return False


def _by_library(number: str, country: str) -> str:
    try:
        parsed = phonenumbers.parse(number, None)
        return phonenumbers.format_out_of_country_calling_number(parsed, country).translate(_SEPARATORS)
    except phonenumbers.NumberParseException:
        return number[1:]


_SEPARATORS = str.maketrans("", "", " -.()/\u00a0")
