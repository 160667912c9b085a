"""Public holidays of countries and their regions, by ISO 3166: `SE`, `GB-ENG`.

The rules (Easter, substitute days, what a parliament decided for one year) are those of the `holidays` library; here
they become plain dates for a span of years, so that the planner needs neither rules nor library. Days that a law makes
equal to a holiday, as Sweden's Midsummer Eve, are among them.
"""

from __future__ import annotations

import functools
import re
import warnings
from datetime import date

SPAN = range(2024, 2041)  # the years for which holidays are known


@functools.lru_cache(maxsize=64)
def public_holidays(name: str) -> tuple[tuple[date, str], ...]:
    """The holidays of SPAN with their names in English. Raises LookupError when nobody knows that country or region."""
    import holidays  # a quarter of a second when it is first read, and most configurations need none

    country, _, region = name.partition("-")
    try:
        with warnings.catch_warnings(action="ignore"):  # of years without data, which the linter tells
            plain = holidays.country_holidays(country, subdiv=region or None)
            kinds = tuple({"public", "de_facto"} & set(plain.supported_categories))
            found = holidays.country_holidays(
                country, subdiv=region or None, years=SPAN, categories=kinds or None, language="en_US"
            )
    except NotImplementedError:
        raise LookupError(name) from None
    return tuple((day, text) for day, text in sorted(found.items()) if day.year in SPAN)


def plain_names(text: str) -> tuple[str, ...]:
    """What falls on a day, without what is said of the day itself: `Boxing Day (observed)` is Boxing Day."""
    return tuple(re.sub(r"\s*\([^()]*\)\Z", "", name) for name in text.split("; "))


def regions(country: str) -> tuple[str, ...]:
    """The names of a country's regions that have calendars of their own."""
    import holidays

    try:
        return tuple(f"{country}-{each}" for each in holidays.country_holidays(country).subdivisions)
    except NotImplementedError:
        return ()
