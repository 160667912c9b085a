"""`ringplan set`: what holds for a user at the moment, besides the configuration."""

from __future__ import annotations

from typing import Annotated

import typer

from switch.commands.common import JsonOption, RuntimeOption, ask, console, table


def wishes(
    line: Annotated[str, typer.Argument(help="A user or a line, or device:NAME.", metavar="NAME")],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="dnd on|off · forward busy|no_answer|outage|always DESTINATION|off|default · forward delay 20s · "
            "group NAME in|out · reset; of a telephone: lock on|off",
            metavar="WHAT",
            show_default=False,
        ),
    ] = None,
    runtime: RuntimeOption = None,
    json: JsonOption = False,
) -> None:
    """Set what holds for a user from the next call on; without WHAT, show it.

    A destination is `voicemail`, `user:ben`, an extension, a number, `ring_group:desk`, `attendant:main` …; `off` does
    not forward whatever is configured, `default` goes back to that. What the configuration locks stays.
    A locked telephone rings, and calls for help alone: `ringplan set device:lobby lock on`.
    """
    from rich.text import Text

    from switch.views import WishesView

    view = ask(runtime, json, "set", WishesView, line=line, words=words or [])
    out = console()
    out.print(Text(f"{view.line}, {view.name}" if view.name else view.line, "bold"))
    if view.locked is not None:
        out.print(Text("locked: it rings, and calls for help alone" if view.locked else "not locked"))
        return
    shown = table("Setting", "Now", "By", "Configured")
    shown.add_row("do not disturb", "on" if view.dnd else "off", "user" if view.dnd else "", "off")
    for each in view.forwards:
        by = "locked" if each.locked else "user" if each.set_by_user else ""
        shown.add_row(f"forward {each.condition}", Text(each.to), by, Text(each.configured))
    by = "locked" if view.after_locked else "user" if view.after_set_by_user else ""
    shown.add_row("forward delay", f"{view.after_s:g} s", by, f"{view.after_configured_s:g} s")
    for group in view.groups:
        away = group in view.out_of
        shown.add_row(Text(f"group {group}"), "out" if away else "in", "user" if away else "", "in")
    out.print(shown)
