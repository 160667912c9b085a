"""`ringplan tell`: what happens when somebody is called, in plain sentences."""

from __future__ import annotations

from typing import Annotated

import typer

from switch.commands.common import ConfigOption, JsonOption, console, fail, utc_now, write_json

CALLS = "calls"


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
    json: JsonOption = False,
) -> None:
    """Tell in plain sentences what happens when somebody from outside calls NAME.

    Where there are opening hours, both within and outside of them, unless `--at` says when.
    """
    from rich.padding import Padding
    from rich.text import Text

    from dialplan import english, telling
    from dialplan.question import QuestionError
    from switch.commands.explain import BAD_ARGUMENTS, read_model
    from switch.explaining import instant

    if what not in (None, CALLS):
        fail(f"{what!r}: write `{CALLS}`, or nothing", BAD_ARGUMENTS)
    model = read_model(config)
    try:
        to = telling.destination(model, name)
        if what == CALLS:
            line = model.lines.get(to.name)
            if line is None:
                raise QuestionError("name", f"`{name}` is nobody who calls")
            said = telling.tell_calls(model, line)
        else:
            zone = telling.zone(model, to)
            said = telling.tell(model, to, instant(at, zone, utc_now()), fixed=bool(at))
    except QuestionError as error:
        fail(str(error), BAD_ARGUMENTS)
    if json:
        sentences = [{"depth": each.depth, "text": english.sentence(each)} for each in said]
        write_json({"name": str(to), "sentences": sentences})
        return
    out = console()
    for each in said:
        out.print(Padding(Text(english.sentence(each)), (0, 0, 0, 2 * each.depth), expand=False))
