"""`ringplan quota`: who has called how much outside; let somebody call again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from switch.commands.common import JsonOption, RuntimeOption, ask, console, table

if TYPE_CHECKING:
    from switch.views import QuotasView

Name = Annotated[str, typer.Argument(help="A user or a line, or all: all together.", metavar="NAME")]
NameOrNone = Annotated[
    str | None, typer.Argument(help="A user or a line, or all: all together.", metavar="NAME", show_default=False)
]

app = typer.Typer(
    help="Who has called how much outside; let somebody call again.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("show")
def show(name: NameOrNone = None, runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """How much of their quotas lines have used; those that have used nothing are left out."""
    from switch.views import QuotasView

    _print(ask(runtime, json, "quota", QuotasView, name=name or ""))


@app.command("reset")
def reset(name: Name, runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """What a line has called outside so far does not count any more. The journal has who did that."""
    from switch.views import QuotasView

    _print(ask(runtime, json, "quota_reset", QuotasView, name=name))


def _print(view: QuotasView) -> None:
    from rich.text import Text

    out = console()
    if not view.quotas:
        out.print("Nothing of a quota is used.")
        return
    shown = table("Line", "Quota", "Used", "Limit", "")
    for each in view.quotas:
        full = each.used >= each.limit
        state = Text("refused", "bold red") if full else Text("80 %", "yellow") if each.used >= 0.8 * each.limit else ""
        shown.add_row(Text(each.line), each.what, f"{each.used:g}", f"{each.limit:g}", state)
    out.print(shown)
