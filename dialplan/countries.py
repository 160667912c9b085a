"""National numbering plans as small tables, so that a usual number costs no library call.

Each row says how people in that country write numbers. `phonenumbers` is the oracle that the tests hold these rows
against, and what `numbers.py` falls back on for a country that has no row. Emergency sets are SPEC K.4's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
import phonenumbers
from phonenumbers import shortnumberinfo


class Country(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One numbering plan.

    `code` is the country code, `international` the prefix for calls abroad, `trunk` the national prefix. A national
    number without its prefix matches `national`. `lengths` are the possible lengths of a national number, and `never`
    how none begins; `subscriber` the lengths of area code and subscriber number together, empty in a closed plan
    (NUM-6). `service` matches the carrier's service numbers (K.5), which are sent unchanged. `elsewhere` are national
    prefixes whose numbers have another country code in E.164. `main_emergency` stands for `urn:service:sos`.
    """

    code: str
    international: str
    trunk: str
    national: re.Pattern[str] | None
    lengths: frozenset[int]
    subscriber: frozenset[int]
    service: re.Pattern[str]
    emergency: frozenset[str]
    main_emergency: str
    never: tuple[str, ...] = ("0",)
    elsewhere: Mapping[str, str] = MappingProxyType({})


_NORTH_AMERICA = Country(
    code="1",
    international="011",
    trunk="1",
    national=re.compile(r"(?!.11)[2-9]\d{9}"),
    lengths=frozenset({10}),
    subscriber=frozenset({10}),
    service=re.compile(r"[2-8]11|988"),
    emergency=frozenset({"911", "112", "933"}),
    main_emergency="911",
    # Where a carrier is given ten digits, 911 and what follows must not reach it.
    never=("0", "1", *(f"{n}11" for n in range(2, 10))),
)

# Carriers' own numbers of seven digits, which belong to no area code.
_CANADA = msgspec.structs.replace(_NORTH_AMERICA, service=re.compile(r"[2-8]11|988|310\d{4}"))

# Dialled like a mainland number, and numbers of other country codes.
_OVERSEAS = {
    **dict.fromkeys(("262", "263", "269", "639", "692", "693"), "262"),
    **dict.fromkeys(("590", "690", "691"), "590"),
    **dict.fromkeys(("594", "694"), "594"),
    **dict.fromkeys(("596", "696", "697"), "596"),
}

COUNTRIES: Mapping[str, Country] = MappingProxyType(
    {
        "US": _NORTH_AMERICA,
        "CA": _CANADA,
        "FR": Country(
            code="33",
            international="00",
            trunk="0",
            national=None,
            lengths=frozenset({9}),
            subscriber=frozenset(),
            service=re.compile(r"10\d\d|3\d{3}|116\d{3}|118\d{3}"),
            emergency=frozenset({"112", "15", "17", "18", "114", "115", "119", "191", "196", "197"}),
            main_emergency="112",
            elsewhere=MappingProxyType(_OVERSEAS),
        ),
        "ES": Country(
            code="34",
            international="00",
            trunk="",
            national=re.compile(r"[4-9]\d{8}"),
            lengths=frozenset({9}),
            subscriber=frozenset(),
            service=re.compile(r"01\d|02[0148]|06[05-7]|088|1\d{3}|116\d{3}|118\d\d"),
            emergency=frozenset({"112", "061", "062", "080", "085", "091", "092"}),
            main_emergency="112",
            never=("0", "1", "2", "3"),
        ),
        "SE": Country(
            code="46",
            international="00",
            trunk="0",
            national=None,
            lengths=frozenset({6, 7, 8, 9, 10, 12}),
            subscriber=frozenset({7, 8, 9}),
            service=re.compile(r"1177|11313|11414|116\d{3}|118\d{3}"),
            emergency=frozenset({"112", "90000"}),
            main_emergency="112",
        ),
        "GB": Country(
            code="44",
            international="00",
            trunk="0",
            national=None,
            lengths=frozenset({7, 9, 10}),
            subscriber=frozenset({9, 10}),
            service=re.compile(r"10[015]|11[19]|12[1-3]|15[059]|19[15]|147\d|1571|116\d{3}|118\d{3}"),
            emergency=frozenset({"999", "112"}),
            main_emergency="999",
        ),
        "DE": Country(
            code="49",
            international="00",
            trunk="0",
            national=None,
            lengths=frozenset(range(4, 16)),
            subscriber=frozenset(range(5, 14)),
            service=re.compile(r"115|116\d{3}|118\d{2,3}"),
            emergency=frozenset({"112", "110"}),
            main_emergency="112",
            # 010xx is no area code but chooses another carrier, who would take what follows as dialled: a way abroad.
            never=("0", "10"),
        ),
    }
)

BY_CODE: Mapping[str, Country] = MappingProxyType({c.code: c for c in COUNTRIES.values()})


def is_country(name: str) -> bool:
    """Whether it is an ISO 3166 code (two capital letters) that has a numbering plan."""
    return name in COUNTRIES or name in phonenumbers.SUPPORTED_REGIONS


def has_area_codes(country: str) -> bool:
    """Whether a default area code means anything there (K.3). Unknown plans are given the benefit of the doubt."""
    row = COUNTRIES.get(country)
    return row is None or bool(row.subscriber)


def emergency_numbers(country: str) -> frozenset[str]:
    """Every emergency number of the country. Slow (a thousand look-ups) where it has no row: for compiling only."""
    row = COUNTRIES.get(country)
    if row is not None:
        return row.emergency
    short = [f"{n:0{width}}" for width in (2, 3) for n in range(10**width)]
    return frozenset(n for n in short if shortnumberinfo.is_emergency_number(n, country)) | {"112"}


def main_emergency(country: str) -> str:
    """The number that `urn:service:sos` stands for there."""
    row = COUNTRIES.get(country)
    return row.main_emergency if row is not None else "112"
