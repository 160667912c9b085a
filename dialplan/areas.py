"""Area codes: which ones a country can have (NUM-6), and how they are stored (K.3)."""

from __future__ import annotations

import re
from functools import lru_cache

from phonenumbers import PhoneMetadata

from dialplan.countries import BY_CODE, COUNTRIES
from dialplan.regions import country_code, region_of_area

_NORTH_AMERICAN = re.compile(r"[2-9](?!11)\d\d", re.ASCII)
_FILLINGS = tuple(f"{first:03}{last * 9}" for first in range(1000) for last in "05")


def area_of(area: str, country: str) -> str:
    """Without its trunk prefix 0 (K.3: typed with it, it is accepted and stripped). Italy's 0 is no prefix."""
    row = COUNTRIES.get(country)
    if row is not None:
        trunk = row.trunk
    else:
        data = PhoneMetadata.metadata_for_region(country)
        trunk = (data.national_prefix or "") if data is not None else ""
    return area.removeprefix(trunk) if trunk == "0" else area


@lru_cache(512)
def why_not(area: str, country: str) -> str:
    """Why that area code (as it is stored) is impossible in the country, for people; "" when it is possible.

    In North America one that nobody has yet is possible, since new ones are opened every year.
    """
    if not area:
        return "the 0 alone is no area code"
    if country_code(country) == BY_CODE["1"].code:
        if not _NORTH_AMERICAN.fullmatch(area):
            return "three digits, the first from 2 to 9"
        region = region_of_area(area)
        return "" if region in ("", country) else f"{area} is in {region}"
    data = PhoneMetadata.metadata_for_region(country)
    fixed, usual = (data.fixed_line, data.general_desc) if data is not None else (None, None)
    if fixed is None or usual is None or not fixed.national_number_pattern:
        return ""
    pattern = re.compile(fixed.national_number_pattern)
    lengths = [each for each in usual.possible_length if each > len(area)]
    filled = ((area + filling)[:length] for length in lengths for filling in _FILLINGS)
    return "" if any(pattern.fullmatch(each) for each in filled) else f"no number in {country} begins with it"
