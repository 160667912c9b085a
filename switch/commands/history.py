"""`ringplan history`: calls that have ended, from the record store. Works without a running exchange."""

from __future__ import annotations

import csv
import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switch.arguments import Places
from switch.commands.common import (
    ConfigOption,
    DataOption,
    JsonOption,
    console,
    duration,
    fail,
    keep_whole,
    local_time,
    table,
    utc_now,
    write_json,
)

if TYPE_CHECKING:
    from records.cdr import CallRecord

COLOURS = {"answered": "green", "failed": "bold red", "unreachable": "red", "refused": "red", "busy": "yellow"}
CSV_FIELDS = (
    *("call", "started_at", "rang_at", "answered_at", "ended_at", "duration_s", "ring_s", "talk_s", "device", "line"),
    *("trunk", "caller_number", "caller_name", "dialled", "number", "answered_target", "service", "emergency"),
    *("result", "reason", "sip_status", "recovered", "sip_call_id", "model"),
)


def history(
    last: Annotated[int, typer.Option("--last", "-n", min=1, max=100_000, help="How many calls.")] = 20,
    number: Annotated[str | None, typer.Option(help="Only calls of this number, calling or called.")] = None,
    line: Annotated[str | None, typer.Option(help="Only calls from or to this line.")] = None,
    since: Annotated[
        datetime.datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"], help="From then on, local time."),
    ] = None,
    result: Annotated[str | None, typer.Option(help="Only these: answered, busy, no_answer, …")] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="One line a call, for a spreadsheet.")] = False,
) -> None:
    """Calls that have ended, the newest first."""
    begin = since.astimezone() if since else None
    found = _read(Places.find(config, data), last, number=number, line=line, since=begin, result=result)
    if json:
        write_json([_plain(record) | {"legs": record.legs, "because": record.because} for record in found])
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, CSV_FIELDS)
        writer.writeheader()
        writer.writerows(_plain(record) for record in found)
    elif not found:
        console().print("No calls.")
    else:
        _show(found)


def _read(places: Places, last: int, **wanted: Any) -> list[CallRecord]:
    from sqlalchemy.exc import SQLAlchemyError

    from records.store import Store

    url = _url(places)
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).exists():
        return []
    store = Store(url)
    try:
        return store.history(last, **wanted)
    except (SQLAlchemyError, OSError) as error:
        fail(f"the record store cannot be read: {getattr(error, 'orig', None) or error}")
    finally:
        store.close()


def _url(places: Places) -> str:
    """Of the store that the configuration names. Where that cannot be read (it may be for the service's eyes alone, or
    broken today), the file in the data folder is the best guess."""
    from config import compile as compiling
    from config.problems import ConfigError
    from switch.blueprint import records_url

    try:
        return records_url(compiling.compile(places.config), places)
    except (ConfigError, OSError):
        return f"sqlite:///{places.records}"


def _plain(record: CallRecord) -> dict[str, Any]:
    return {name: _text(getattr(record, name)) for name in CSV_FIELDS}


def _text(value: Any) -> Any:
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime.datetime) else value


def _show(found: list[CallRecord]) -> None:
    from rich.text import Text

    now = utc_now()
    out = console()
    wide = out.width >= 100
    answered_by = ("Answered by",) if wide else ()
    shown = table("When", "From", "To", *answered_by, "Result", "Talk", "Call", right=("Talk",))
    for record in found:
        caller = record.caller_number or record.line or record.trunk or "?"
        ending = record.result if record.result == "answered" else record.reason.replace("_", " ")
        shown.add_row(
            local_time(record.started_at, now),
            Text(caller),
            Text(record.number or record.dialled),
            *([Text(record.service or record.answered_target.partition(":")[2])] if wide else ()),
            Text(ending, COLOURS.get(record.result, "")) + Text(" ↺" if record.recovered else "", "cyan"),
            duration(record.talk_s) if record.answered_at else "–",
            Text(record.call, "dim"),
        )
    keep_whole(shown, "When", "Talk", "Call")
    out.print(shown)
    if any(record.recovered for record in found):
        out.print("↺ outlived a restart of the exchange", style="dim")
