"""What carriers call the columns of their files, and the fields of a file, each text judged once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from config import csv_values
from config.csv_file import Sheet
from config.problems import Wrong

PREFIX = (
    *("prefix", "dialprefix", "dialcode", "dialcodes", "dialingcode", "dialingcodes", "dialedcode", "destinationcode"),
    *("destcode", "destinationprefix", "phoneprefix", "matchprefix", "prefixes", "code", "codes", "digits", "number"),
    *("vorwahl", "indicatif", "prefijo", "prefixe", "pattern", "destination", "dest"),
)
RATE = (
    *("rate", "newrate", "currentrate", "rateperminute", "ratepermin", "ratemin", "rateminute", "price"),
    *("priceperminute", "pricepermin", "pricemin", "perminute", "permin", "cost", "costperminute", "costpermin"),
    *("tariff", "buyrate", "termrate", "preis", "preisprominute", "tarif", "prix", "precio"),
    *(
        f"{word}{currency}"
        for word in ("rate", "price")
        for currency in ("usd", "eur", "gbp", "usdmin", "eurmin", "gbpmin")
    ),
)
SINCE = (
    "effectivedate",
    "effective",
    "effectivefrom",
    "validfrom",
    "startdate",
    "activationdate",
    "since",
    "gultigab",
)


class Fields:
    """The fields of a sheet, each text judged once."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self._columns = sheet.columns
        self._known: dict[str, dict[str, Any]] = {role: {} for role in sheet.columns}

    def get(self, line: int, fields: list[str], role: str, check: Callable[[str], Any], default: Any) -> Any:
        """The value; `default` where there is no such column or nothing in it; None when it is wrong, which is
        reported."""
        column = self._columns.get(role)
        if column is None or column >= len(fields):
            return default
        text = fields[column]
        known = self._known[role]
        value = known.get(text)
        if value is None:
            try:
                value = known[text] = check(text) if text.strip() else default
            except Wrong as wrong:
                self.sheet.wrong(wrong.code, line, role, wrong.message, wrong.hint)
        return value

    def prefixes(self, line: int, fields: list[str]) -> tuple[str, ...] | None:
        """Those of a row; None when they are wrong."""
        column = self._columns["prefix"]
        try:
            return csv_values.prefixes(fields[column] if column < len(fields) else "")
        except Wrong as wrong:
            self.sheet.wrong(wrong.code, line, "prefix", wrong.message, wrong.hint)
            return None
