"""`ringplan transfer`: send a call on."""

from __future__ import annotations

from typing import Annotated

import typer

from switch.commands.common import CallArgument, JsonOption, RuntimeOption, ask


def transfer(
    call: CallArgument,
    to: Annotated[str, typer.Argument(help="The number to ring, as the line dials it that is replaced.", metavar="TO")],
    runtime: RuntimeOption = None,
    json: JsonOption = False,
) -> None:
    """Send a call on to another number.

    The side from outside stays in the call, or else the caller; the other is replaced when somebody answers.
    """
    from switch.views import TransferView

    made = ask(runtime, json, "transfer", TransferView, call=call, to=to)
    name = made.by.partition(":")[2]
    typer.echo(f"{made.to} is rung in place of {name}, who stays in the call until somebody answers: call {made.call}")
