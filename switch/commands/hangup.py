"""`ringplan hangup`: end a call."""

from __future__ import annotations

import typer

from switch.commands.common import CallArgument, JsonOption, RuntimeOption, ask


def hangup(
    call: CallArgument,
    runtime: RuntimeOption = None,
    json: JsonOption = False,
) -> None:
    """End a call that is up, on all its telephones."""
    from switch.views import CallView

    ended = ask(runtime, json, "hangup", CallView, call=call)
    typer.echo(f"ended: {ended.caller} with {ended.called}, call {ended.call}")
