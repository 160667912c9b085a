"""`ringplan records`: calls that have ended, all of them: written out for other programs. Needs no running exchange.

Other verbs of `records` add themselves to `app` from files of their own (`switch/commands/__init__.py`)."""

from __future__ import annotations

import contextlib
import enum
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from switch.arguments import Places
from switch.commands.common import ConfigOption, DataOption, fail, utc_now
from switch.commands.moments import moment
from switch.commands.stored import MaskOption, SinceOption, UntilOption, each_record, masking, record_store

if TYPE_CHECKING:
    from records.cdr import CallRecord

app = typer.Typer(
    help="The records of calls: write them out, prove them, delete them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Form(enum.StrEnum):
    """How records are written."""

    CSV = "csv"
    JSONL = "jsonl"


@app.callback()
def _verbs() -> None:
    """The records of calls: write them out, prove them, delete them."""


@app.command("export")
def export(
    form: Annotated[
        Form, typer.Option("--format", help="csv: a line a call; jsonl: a line of JSON a call, with its legs.")
    ] = Form.CSV,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="A new file, for you alone to read; else standard output.", metavar="FILE", show_default=False
        ),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    user: Annotated[
        str | None, typer.Option(help="Only calls that this user has a part in.", metavar="USER", show_default=False)
    ] = None,
    line: Annotated[str | None, typer.Option(help="Only calls from or to this line.", metavar="LINE")] = None,
    number: Annotated[
        str | None, typer.Option(help="Only calls of this number, calling or called.", metavar="NUMBER")
    ] = None,
    mask: MaskOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
) -> None:
    """Write out calls that have ended, the oldest first. However many there are, they need no memory."""
    from records.store.questions import Wanted

    now = utc_now()
    wanted = Wanted(
        number=number,
        line=line,
        user=user,
        since=moment(since, now) if since else None,
        until=moment(until, now) if until else None,
    )
    places = Places.find(config, data)
    shown = masking(places, mask, export=True)
    with record_store(places) as store:
        write_out(_text(map(shown, each_record(store, wanted)), form), out)


def write_out(texts: Iterable[str], out: Path | None) -> None:
    """To standard output, or into a new file for its owner alone, which is taken away when it cannot be completed.
    Ends the verb where that cannot be had."""
    try:
        with _opened(out) as file:
            for text in texts:
                file.write(text)
    except BrokenPipeError:  # whoever read it has enough: Typer ends the verb then
        raise
    except FileExistsError:
        fail(f"{out} is there already")
    except OSError as error:
        fail(f"{out or 'standard output'}: {error.strerror or error}")


@contextlib.contextmanager
def _opened(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _text(found: Iterable[CallRecord], form: Form) -> Iterator[str]:
    from records.export import COLUMNS, csv_text, json_lines, row, whole

    return csv_text(map(row, found), COLUMNS) if form is Form.CSV else json_lines(map(whole, found))
