"""`ringplan hangup`: end a call."""

from __future__ import annotations

from typing import Annotated

import typer

from switch.commands.common import JsonOption, RuntimeOption, ask


def hangup(
    call: Annotated[
        str, typer.Argument(help="A call, as `ringplan calls` names it; its beginning is enough.", metavar="CALL")
    ],
    runtime: RuntimeOption = None,
    json: JsonOption = False,
) -> None:
    """End a call that is up, on all its telephones."""
    from switch.views import CallView

    ended = ask(runtime, json, "hangup", CallView, call=call)
    typer.echo(f"ended: {ended.caller} with {ended.called}, call {ended.call}")
