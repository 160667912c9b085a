"""Numbers that cost the caller much: premium rate, and where toll fraud goes. Data, with a reason for each row.

Whoever breaks into an exchange sells calls to numbers that pay for being called, so these are refused until an operator
names them (`denied` in regions.py). The table is no proof of innocence for the rest of the world: quotas are the other
half. A prefix is E.164 without its `+`; `[2-5]` stands for one digit of several.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec


class Risk(msgspec.Struct, frozen=True, gc=False):
    """Why a prefix is refused. `premium`: whoever is called is paid for it, in the caller's own country as well."""

    prefix: str
    reason: str
    premium: bool


_PREMIUM = (
    ("1900", "premium rate in North America"),
    ("338[1-9]", "special tariff in France (081 to 089)"),
    ("3480[367]", "premium rate in Spain"),
    ("34905", "votes and contests in Spain"),
    ("34907", "premium data in Spain"),
    ("4470", "personal numbers in Britain, forwarded at the caller's cost"),
    ("449", "premium rate in Britain (09)"),
    ("4484[2-5]", "shared revenue in Britain (084)"),
    ("4487[0-3]", "shared revenue in Britain (087)"),
    ("46649", "premium rate in Sweden"),
    ("46900", "premium rate in Sweden"),
    ("46939", "premium rate in Sweden"),
    ("46944", "premium rate in Sweden"),
    ("4699", "mass calling and premium rate in Sweden"),
    ("49118", "directory enquiries in Germany"),
    ("4913[78]", "votes and contests in Germany"),
    ("49190", "premium rate in Germany (closed, still sold abroad)"),
    ("49900", "premium rate in Germany"),
    ("979", "international premium rate"),
)

_NO_COUNTRY = (
    ("870", "satellite (Inmarsat)"),
    ("878", "personal numbers of no country"),
    ("881", "satellite (Iridium, Globalstar)"),
    ("882", "networks of no country, satellite among them"),
    ("883", "networks of no country"),
)

_ONE_RING = "dialled like a domestic number of North America, and used to be rung back at the caller's cost"
_NORTH_AMERICAN = (
    ("1242", "Bahamas"),
    ("1246", "Barbados"),
    ("1264", "Anguilla"),
    ("1268", "Antigua and Barbuda"),
    ("1284", "British Virgin Islands"),
    ("1345", "Cayman Islands"),
    ("1441", "Bermuda"),
    ("1473", "Grenada"),
    ("1649", "Turks and Caicos Islands"),
    ("1658", "Jamaica"),
    ("1664", "Montserrat"),
    ("1721", "Sint Maarten"),
    ("1758", "Saint Lucia"),
    ("1767", "Dominica"),
    ("1784", "Saint Vincent and the Grenadines"),
    ("18[024]9", "Dominican Republic"),
    ("1868", "Trinidad and Tobago"),
    ("1869", "Saint Kitts and Nevis"),
    ("1876", "Jamaica"),
)

_ADVERTISED = "for years among the countries whose numbers are sold for revenue share fraud"
_SOLD = (
    ("53", "Cuba"),
    ("216", "Tunisia"),
    ("220", "Gambia"),
    ("224", "Guinea"),
    ("231", "Liberia"),
    ("232", "Sierra Leone"),
    ("252", "Somalia"),
    ("261", "Madagascar"),
    ("263", "Zimbabwe"),
    ("355", "Albania"),
    ("370", "Lithuania"),
    ("371", "Latvia"),
    ("372", "Estonia"),
    ("387", "Bosnia and Herzegovina"),
    ("994", "Azerbaijan"),
)

_COSTLY = "high rates and hardly any traffic but fraud"
_REMOTE = (
    ("222", "Mauritania"),
    ("235", "Chad"),
    ("236", "Central African Republic"),
    ("239", "Sao Tome and Principe"),
    ("240", "Equatorial Guinea"),
    ("243", "Congo (Kinshasa)"),
    ("245", "Guinea-Bissau"),
    ("246", "Diego Garcia"),
    ("247", "Ascension"),
    ("257", "Burundi"),
    ("269", "Comoros"),
    ("290", "Saint Helena"),
    ("291", "Eritrea"),
    ("500", "Falkland Islands"),
    ("509", "Haiti"),
    ("592", "Guyana"),
    ("597", "Suriname"),
    ("670", "East Timor"),
    ("672", "Norfolk Island and Antarctica"),
    ("674", "Nauru"),
    ("675", "Papua New Guinea"),
    ("676", "Tonga"),
    ("677", "Solomon Islands"),
    ("678", "Vanuatu"),
    ("680", "Palau"),
    ("681", "Wallis and Futuna"),
    ("682", "Cook Islands"),
    ("683", "Niue"),
    ("685", "Samoa"),
    ("686", "Kiribati"),
    ("688", "Tuvalu"),
    ("690", "Tokelau"),
    ("691", "Micronesia"),
    ("692", "Marshall Islands"),
    ("850", "North Korea"),
    ("960", "Maldives"),
)


def expand(pattern: str) -> Iterator[str]:
    """The prefixes that a row stands for: `4484[2-5]` is four."""
    match = re.search(r"\[([0-9\-]+)\]", pattern)
    if match is None:
        yield pattern
        return
    for digit in "0123456789":
        if re.match(match[0], digit):
            yield from expand(pattern[: match.start()] + digit + pattern[match.end() :])


def _rows() -> Iterator[Risk]:
    for premium, reason, rows in (
        (True, "", _PREMIUM),
        (False, "", _NO_COUNTRY),
        (False, _ONE_RING, _NORTH_AMERICAN),
        (False, _ADVERTISED, _SOLD),
        (False, _COSTLY, _REMOTE),
    ):
        for pattern, what in rows:
            for prefix in expand(pattern):
                yield Risk(prefix, f"{what}: {reason}" if reason else what, premium)


RISKS: Mapping[str, Risk] = MappingProxyType({risk.prefix: risk for risk in _rows()})
_LENGTHS = tuple(sorted({len(prefix) for prefix in RISKS}, reverse=True))


def risk_of(digits: str) -> Risk | None:
    """The most exact row for an E.164 number without its `+`."""
    for length in _LENGTHS:
        risk = RISKS.get(digits[:length])
        if risk is not None:
            return risk
    return None
