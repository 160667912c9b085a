"""`ringplan trace`: what went over the wire in one call, or when a telephone registered."""

from __future__ import annotations

from typing import Annotated

import typer

from switch.commands.common import JsonOption, RuntimeOption, ask, console, local_time, utc_now


def trace(
    call: Annotated[
        str,
        typer.Argument(
            help="A call, as `ringplan calls` or `history` names it, or a SIP Call-ID; or the authentication name of a "
            "telephone, for its latest registrations, refused ones too.",
            metavar="CALL",
        ),
    ],
    runtime: RuntimeOption = None,
    full: Annotated[
        bool, typer.Option("--full", "-f", help="The whole messages below the ladder.", metavar="")
    ] = False,
    json: JsonOption = False,
) -> None:
    """The SIP ladder of a recent call, all its legs together; or of a telephone's latest registrations.

    Passwords, digest answers, keys and keyed digits are taken out, so it can be shown to others.
    """
    from rich.text import Text

    from switch.trace import draw, ladder
    from switch.views import TraceView

    view = ask(runtime, json, "trace", TraceView, call=call)
    out = console()
    if not view.messages:
        out.print(f"Call {view.call}: none of its messages is kept. They are in memory, and do not outlive a restart.")
        raise typer.Exit(1)
    begin = view.messages[0].at
    what = f"Registrations of {view.call}" if view.registrations else f"Call {view.call}"
    out.print(Text.assemble((what, "bold"), f"  {local_time(begin, utc_now())}, times in seconds"))
    if view.caller:
        out.print(Text(f"{view.caller} calls {view.called}" + (f": {view.result}" if view.result else "")))
    if view.incomplete:
        out.print("Its beginning is forgotten already.", style="yellow")
    for index, line in enumerate(draw(ladder(view.messages), out.width)):
        out.print(Text(line, "bold" if index == 0 and "▶" not in line and "◀" not in line else ""))
    if full:
        for message in view.messages:
            arrow = (
                f"{message.remote} ──▶ {message.local}" if message.incoming else f"{message.local} ──▶ {message.remote}"
            )
            offset = (message.at - begin).total_seconds()
            out.print(Text(f"\n{offset:.3f} s  {message.transport.upper()}  {arrow}", "bold cyan"))
            out.print(Text(message.text.replace("\r\n", "\n").rstrip()), soft_wrap=True)
