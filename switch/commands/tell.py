"""`ringplan tell`: what happens when somebody is called, in plain sentences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switch.commands.common import (
    EXIT_BAD_ARGUMENTS,
    ConfigOption,
    JsonOption,
    RuntimeOption,
    console,
    exchange,
    fail,
    utc_now,
    write_json,
)

if TYPE_CHECKING:
    from switch.views import ToldView

CALLS = "calls"
UNSEEN = "What users have set (do-not-disturb, forwards) is seen with --live only."


def tell(
    name: Annotated[
        str,
        typer.Argument(help="A user, an extension, one of our numbers, a ring group, an attendant …", metavar="NAME"),
    ],
    what: Annotated[
        str | None, typer.Argument(help="`calls`: what NAME may call.", metavar="[calls]", show_default=False)
    ] = None,
    at: Annotated[str, typer.Option("--at", help="At that time only, as 2026-12-24T18:05.", metavar="TIME")] = "",
    config: ConfigOption = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="Ask the running exchange, which knows what users have set.", metavar=""),
    ] = False,
    runtime: RuntimeOption = None,
    json: JsonOption = False,
) -> None:
    """Tell in plain sentences what happens when somebody from outside calls NAME.

    Where there are opening hours, both within and outside of them, unless `--at` says when. What users have set for
    themselves is seen with `--live` only.
    """
    from rich.padding import Padding
    from rich.text import Text

    if what not in (None, CALLS):
        fail(f"{what!r}: write `{CALLS}`, or nothing", EXIT_BAD_ARGUMENTS)
    calls = what == CALLS
    told = _live(runtime, name, calls, at) if live else _offline(config, name, calls, at)
    if told.wrong:
        fail(told.wrong, EXIT_BAD_ARGUMENTS)
    if json:
        write_json({"name": told.name, "live": live, "sentences": told.sentences})
        return
    out = console()
    for each in told.sentences:
        out.print(Padding(Text(each.text), (0, 0, 0, 2 * each.depth), expand=False))
    if not (live or calls):
        out.print(Text(UNSEEN, "dim"))


def _offline(config: Path | None, name: str, calls: bool, at: str) -> ToldView:
    from dialplan.question import QuestionError
    from switch.commands.explain import read_model
    from switch.explaining import told
    from switch.views import ToldView

    model = read_model(config)
    try:
        return told(model, name, calls, at, utc_now())
    except QuestionError as error:
        return ToldView(wrong=str(error))


def _live(runtime: Path | None, name: str, calls: bool, at: str) -> ToldView:
    from switch.views import ToldView

    with exchange(runtime) as client:
        return client.ask("tell", ToldView, name=name, calls=calls, at=at)
