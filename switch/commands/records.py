"""`ringplan records`: calls that have ended, all of them: written out for other programs. Needs no running exchange.

Other verbs of `records` add themselves to `app` from files of their own (`switch/commands/__init__.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from switch.arguments import Places
from switch.commands import staff
from switch.commands.common import ConfigOption, DataOption
from switch.commands.stored import (
    LineOption,
    MaskOption,
    NumberOption,
    SinceOption,
    UntilOption,
    configured,
    each_record,
    masking,
    record_store,
    wanted,
)
from switch.commands.writing import Form, OutOption, write_out

if TYPE_CHECKING:
    from records.cdr import CallRecord

app = typer.Typer(
    help="The records of calls: write them out, prove them, delete them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _verbs() -> None:
    """The records of calls: write them out, prove them, delete them."""


@app.command("export")
def export(
    form: Annotated[
        Form, typer.Option("--format", help="csv: a line a call; jsonl: a line of JSON a call, with its legs.")
    ] = Form.CSV,
    out: OutOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    user: Annotated[
        str | None, typer.Option(help="Only calls that this user has a part in.", metavar="USER", show_default=False)
    ] = None,
    line: LineOption = None,
    number: NumberOption = None,
    mask: MaskOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Write out calls that have ended, the oldest first. However many there are, they need no memory."""
    places = Places.find(config, data)
    compiled = configured(places)
    whose = staff.known(compiled, user) if user is not None else None
    shown = masking(places, mask, export=True, compiled=compiled)
    with record_store(places, compiled) as store:
        found = each_record(store, wanted(since, until, number=number, line=line, user=whose))
        write_out(_text(map(shown, staff.doubted(found, compiled, whose)), form), out)


def _text(found: Iterable[CallRecord], form: Form) -> Iterator[str]:
    from records.export import COLUMNS, csv_text, json_lines, row, whole

    return csv_text(map(row, found), COLUMNS) if form is Form.CSV else json_lines(map(whole, found))
