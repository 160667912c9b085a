"""From `rate_files:` and the CSV files that they name to what calls cost. See `compile_routes`."""

from __future__ import annotations

from config import csv_file, csv_values
from config.csv_fields import PREFIX, RATE, SINCE, Fields
from config.csv_file import Sheet
from config.problems import Mark, Problem
from config.schema_routes import RateFile
from config.validate import Loaded
from dialplan.prefixes import MOST_ROWS, pack
from dialplan.rates import MINUTE_MS, RATE_WIDTH, UNIT_WIDTH, RateDeck, RateTable
from dialplan.routes import UNKNOWN

RATE_COLUMNS = {
    "prefix": PREFIX,
    "rate": RATE,
    "destination": (
        *("destination", "destinationname", "dest", "description", "name", "codename", "countryname", "country"),
        *("location", "region", "zone", "breakout", "ziel"),
    ),
    "minimum": (
        *("minimum", "min", "minimumduration", "minduration", "mintime", "minimumtime", "initialincrement"),
        *("firstincrement", "initialinterval", "firstinterval", "interval1", "initialtime", "initial", "duration"),
    ),
    "increment": (
        *("increment", "billingincrement", "billingincrements", "increments", "interval", "subsequentincrement"),
        *("nextincrement", "nextinterval", "subsequentinterval", "recurringincrement", "intervaln", "int", "billing"),
        *("billingunit", "pulse", "takt", "billingterms"),
    ),
    "connection fee": (
        *("connectionfee", "connectfee", "connectcharge", "connectioncharge", "setupfee", "setup", "sf"),
        *("callsetupfee", "flagfall", "fee"),
    ),
    "effective date": SINCE,
    "unit": (
        *("unit", "unitseconds", "unitduration", "unitlength", "secondsperunit", "chargingunit", "meterpulse"),
        *("pulseduration", "taktdauer", "einheit", "sekundenproeinheit", "unite", "unidad"),
    ),
    "unit price": (
        *("unitprice", "priceperunit", "unitcost", "costperunit", "unitcharge", "chargeperunit", "pulseprice"),
        *("preisproeinheit", "prixunitaire"),
    ),
}


def rates(loaded: Loaded, problems: list[Problem]) -> RateTable:
    """All files of rates, a deck a trunk. Never raises; what is wrong is added to the `problems`."""
    decks: dict[str, RateDeck] = {}
    places: dict[str, Mark] = {}
    for at, written in enumerate(loaded.settings.rate_files):
        if not loaded.sound("rate_files", at, "file") or not loaded.sound("rate_files", at, "trunk"):
            continue
        mark = loaded.mark("rate_files", at, "file")
        trunk = written.trunk or ""
        first = places.setdefault(trunk, mark)
        if first is not mark:
            whose = f"trunk `{trunk}` has" if trunk else "all trunks together have"
            problems.append(
                Problem("duplicate-rate", mark, f"{whose} a file of rates already", f"at {first.file}:{first.line}")
            )
            continue
        sheet = csv_file.read(loaded.folder, written.file, RATE_COLUMNS, ("prefix", "rate"), mark)
        if isinstance(sheet, list) and sheet[0].code == "bad-csv":
            units = csv_file.read(loaded.folder, written.file, RATE_COLUMNS, ("prefix", "unit"), mark)
            sheet = units if not isinstance(units, list) else sheet
        if isinstance(sheet, list):
            problems += sheet
        else:
            if written.unit_price is not None and "unit" not in sheet.columns:
                place = loaded.mark("rate_files", at, "unit_price")
                message = f"{written.file} has no column `unit` that says how many seconds one lasts"
                problems.append(Problem("conflicting-keys", place, message))
            decks[trunk] = _deck(written, sheet)
            problems += sheet.problems
    return RateTable(decks)


def _deck(written: RateFile, sheet: Sheet) -> RateDeck:
    found: dict[str, list[tuple[int, ...]]] = {}
    destinations: dict[str, int] = {}
    reading = Fields(sheet)
    get = reading.get
    usual = written.increment or (1, 1)
    own_minimum = "minimum" in sheet.columns
    units = _Units(written, sheet, reading) if "unit" in sheet.columns else None

    def day(text: str) -> int:
        return csv_values.day(text, written.dates)

    for line, fields in sheet.rows():
        prefixes = reading.prefixes(line, fields)
        rate = get(line, fields, "rate", csv_values.amount, UNKNOWN)
        step = get(line, fields, "increment", csv_values.increment, usual)
        minimum = get(line, fields, "minimum", csv_values.seconds, UNKNOWN) if own_minimum else UNKNOWN
        fee = get(line, fields, "connection fee", csv_values.amount, 0)
        since = get(line, fields, "effective date", day, 0)
        name = get(line, fields, "destination", str.strip, "")
        if prefixes is None or rate is None or step is None or minimum is None or fee is None or since is None:
            continue
        unit: tuple[int, ...] = ()
        if units is not None:
            found_unit = units.row(line, fields, rate)
            if found_unit is None:
                continue
            price, unit_ms = unit = found_unit
            if unit_ms:
                rate, step = -(-price * MINUTE_MS // unit_ms), (0, 1)
        if rate == UNKNOWN:
            sheet.wrong("missing-key", line, "rate", "a rate is missing", "write 0 where it costs nothing")
            continue
        least, increment = step
        if minimum != UNKNOWN:
            least = minimum
        elif least is None:
            least = increment
        row = (rate, fee, least, increment, destinations.setdefault(name, len(destinations)), since, *unit, line)
        for prefix in prefixes:
            there = found.get(prefix)
            if there is None:
                found[prefix] = [row]
                continue
            first = next((each[-1] for each in there if each[5] == since), 0)
            if first:
                message = f"prefix `{prefix or '*'}` has a rate already"
                sheet.wrong("duplicate-rate", line, "prefix", message, f"at line {first}")
            elif len(there) >= MOST_ROWS:
                sheet.wrong("too-large", line, "prefix", f"more than {MOST_ROWS} rates for one prefix")
            else:
                there.append(row)
    rows = pack(found, RATE_WIDTH if units is None else UNIT_WIDTH)
    return RateDeck(written.file, written.currency, rows, tuple(destinations), written.rounding, written.decimals)


class _Units:
    """What a file says of charge units: of each that many seconds cost so much."""

    def __init__(self, written: RateFile, sheet: Sheet, reading: Fields) -> None:
        self._sheet = sheet
        self._get = reading.get
        self._usual = written.unit_price if written.unit_price is not None else UNKNOWN

    def row(self, line: int, fields: list[str], rate: int) -> tuple[int, int] | None:
        """Price and milliseconds of a row's unit; zeros where it goes by time; None when something is wrong."""
        unit_ms = self._get(line, fields, "unit", csv_values.milliseconds, 0)
        price = self._get(line, fields, "unit price", csv_values.amount, self._usual)
        if unit_ms is None or price is None:
            return None
        if not unit_ms:
            return 0, 0
        if rate != UNKNOWN:
            message = "a rate for a minute, and a charge unit"
            self._sheet.wrong("conflicting-keys", line, "unit", message, "leave one of the two empty")
            return None
        if price == UNKNOWN:
            hint = "write `unit_price` for the file, or fill a column `unit price`"
            self._sheet.wrong("missing-key", line, "unit", "nothing says what a charge unit costs", hint)
            return None
        return price, unit_ms
