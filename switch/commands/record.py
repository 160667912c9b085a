"""`ringplan record`: recording of a call that is up."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from switch.commands.common import CallArgument, JsonOption, RuntimeOption, ask


class What(enum.StrEnum):
    """What is to become of it."""

    ON = "on"
    OFF = "off"
    PAUSE = "pause"
    RESUME = "resume"


def record(
    call: CallArgument,
    what: Annotated[What, typer.Argument(help="on, off, pause or resume.", metavar="WHAT")],
    runtime: RuntimeOption = None,
    json: JsonOption = False,
) -> None:
    """Record a call that is up, whatever its telephones may do themselves. Who is to be told by the rules of those who
    talk is told first."""
    from switch.views import RecordView

    view = ask(runtime, json, "record", RecordView, call=call, what=what.value)
    if view.announcing:
        typer.echo(f"announced now, and recorded as soon as it is heard: call {view.call}")
    else:
        typer.echo(f"recording {view.state}: call {view.call}" + (f", file {view.file}" if view.file else ""))
