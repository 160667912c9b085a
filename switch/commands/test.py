"""`ringplan test`: do the calls that stand under `tests:` go as they should, and which rules does no test touch?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switch.commands.common import JsonOption, console, short_path, write_json

if TYPE_CHECKING:
    from config.testing import Outcome, Run
    from dialplan.coverage import Coverage


def run(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="A YAML file or a folder; else the one that `serve` takes.", show_default=False, metavar="PATH"
        ),
    ] = None,
    only: Annotated[
        str, typer.Option("--only", "-k", help="Only tests whose name has this in it.", metavar="TEXT")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show red tests only.", metavar="")] = False,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Show the rules that no test touches, too.", metavar="")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run the tests that stand in a configuration.

    Nothing is changed and no exchange is asked. The status is 1 when a test is red, or when the configuration has
    errors.
    """
    from config import cases, testing, validate
    from config.compile import model_of
    from config.problems import ConfigError
    from dialplan import coverage as covering
    from switch.arguments import Places
    from switch.commands.check import show_problems

    path = path or Places.find().config
    loaded = validate.load(path)
    try:
        model = model_of(loaded)
        found, problems = cases.cases(loaded, model)
        if problems:
            raise ConfigError(problems)
    except ConfigError as error:
        if json:
            write_json({"good": False, "errors": [str(each) for each in error.problems], "tests": []})
        else:
            show_problems(error.problems, "error", "bold red")
        raise typer.Exit(1) from None
    ran = testing.run(model, [each for each in found if only.lower() in each.name.lower()])
    covered = covering.coverage(model, (each.answer for each in ran.outcomes)) if coverage else None
    if json:
        write_json(_plain(ran, covered))
    else:
        _show(ran, quiet)
        if covered is not None:
            _show_coverage(covered)
        _sum_up(path, ran, covered)
    raise typer.Exit(1 if ran.red or ran.left else 0)


def _plain(ran: Run, covered: Coverage | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "good": not ran.red and not ran.left,
        "tests": [
            {
                "name": each.case.name,
                "file": each.case.mark.file,
                "line": each.case.mark.line,
                "green": each.green,
                "differences": each.differences,
                "explain": each.case.again,
            }
            for each in ran.outcomes
        ],
        "left": ran.left,
    }
    if covered is not None:
        made["coverage"] = {"percent": round(covered.percent, 1), "places": covered.places}
    return made


def _show(ran: Run, quiet: bool) -> None:
    from rich.text import Text

    out = console()
    for each in ran.outcomes:
        if each.green and quiet:
            continue
        mark = ("✓ ", "green") if each.green else ("✗ ", "bold red")
        name = (each.case.name, "" if each.green else "bold")
        out.print(Text.assemble(mark, name, ("  " + _place(each), "dim")), soft_wrap=True)
        for difference in each.differences:
            out.print(
                Text.assemble(
                    f"    {difference.what:<10} wanted ",
                    (difference.wanted, "green"),
                    "  came ",
                    (difference.came, "red"),
                ),
                soft_wrap=True,
            )
        if not each.green:
            out.print(Text(f"    {each.case.again}", "dim"), soft_wrap=True)


def _place(outcome: Outcome) -> str:
    mark = outcome.case.mark
    return f"{short_path(mark.file)}:{mark.line}"


MOST_SHOWN = 3


def _show_coverage(covered: Coverage) -> None:
    from rich.text import Text

    out = console()
    if covered.missed:
        out.print(Text("\nNo test touches", "bold"))
    width = max((len(f"{short_path(each.file)}:{each.line}") for each in covered.missed), default=0)
    for each in covered.missed:
        place = f"{short_path(each.file)}:{each.line}"
        more = len(each.rules) - MOST_SHOWN
        named = ", ".join(each.rules[:MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
        out.print(Text.assemble(f"  {place:<{width}}  ", (named, "dim")), soft_wrap=True)


def _sum_up(path: Path, ran: Run, covered: Coverage | None) -> None:
    out = console()
    red = len(ran.red)
    count = len(ran.outcomes)
    dot = "[bold red]●[/]" if red or ran.left else "[bold green]●[/]"
    came = f"{red} red" if red else "all green" if count else "as none stand under `tests:`"
    said = f"{count} test{'' if count == 1 else 's'}, {came}"
    if ran.left:
        said += f", {ran.left} not run: together they take too long"
    if covered is not None:
        hit = len(covered.places) - len(covered.missed)
        said += f"; {hit} of {len(covered.places)} rules touched ({covered.percent:.0f} %)"
    out.print(f"{dot} {short_path(str(path))}: {said}", soft_wrap=True)
