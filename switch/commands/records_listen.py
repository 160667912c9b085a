"""`ringplan records listen`: a recording for an operator's ears. Every time is an event that stays (ACC-2): the running
exchange writes it down first, and without it nobody is given anything."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switch.arguments import Places
from switch.commands.common import ConfigOption, DataOption, RuntimeOption, exchange, fail
from switch.commands.stored import EndedArgument, one_ended, reading, record_store, recordings_folder
from switch.commands.writing import new_file

if TYPE_CHECKING:
    from records.access import Heard
    from records.cdr import CallRecord


def listen(
    call: EndedArgument,
    out: Annotated[Path, typer.Option("--out", help="A new file, for you alone to read.", metavar="FILE")],
    why: Annotated[str, typer.Option("--why", help="Why you listen: stays in the records.", metavar="TEXT")],
    number: Annotated[int, typer.Option("--number", min=1, help="Which, if the call has several.", metavar="N")] = 1,
    user: Annotated[
        str | None,
        typer.Option(
            "--for",
            help="For this user, who is given what they may hear, and no more.",
            metavar="USER",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    runtime: RuntimeOption = None,
) -> None:
    """Copy a recording out, to be heard. That you were given it, and why, stays in the records."""
    from switch.views import AccessedView

    places = Places.find(config, data, runtime)
    with record_store(places) as store, reading():
        record = one_ended(store, call)
    heard = _heard(record, number, user)
    if heard is None:
        fail(f"no recording {number} of call {record.call}" + (f" for {user}" if user else ""))
    file = heard.recorded.file
    source = recordings_folder(places) / file
    if not source.exists():
        fail(f"{source} is not there: it has yet to be made, or was deleted (ringplan records verify)")
    with exchange(runtime) as client:
        client.ask("recording_accessed", AccessedView, call=record.call, file=file, why=why)
    with new_file(out) as to, source.open("rb") as from_:
        shutil.copyfileobj(from_, to)
    typer.echo(f"{out}: recording {number} of call {record.call}")


def _heard(record: CallRecord, number: int, user: str | None) -> Heard | None:
    from records.access import recordings
    from records.viewer import Role, Viewer

    viewer = Viewer(user) if user else Viewer("", Role.ADMIN)
    found = recordings(record, viewer)
    return found[number - 1] if number <= len(found) else None
