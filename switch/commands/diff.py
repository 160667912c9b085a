"""`ringplan diff`: which calls would go another way with another configuration."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switch.arguments import Places
from switch.commands.common import DataOption, JsonOption, console, fail, utc_now, write_json
from switch.commands.moments import EXAMPLES, moment
from switch.commands.stored import checked_moment, read_records

if TYPE_CHECKING:
    from dialplan.model import Model
    from switch.diffing import Asked, Group, Report

EXIT_CHANGED = 1
EXIT_UNUSABLE = 2
LIVE = "live"
MOST_CALLS = 1_000_000
SHOWN_PROBLEMS = 5


def diff(
    old: Annotated[str, typer.Argument(help="A configuration (file or folder), or `live`.", metavar="OLD")],
    new: Annotated[str, typer.Argument(help="Another one, or `live`.", metavar="NEW")],
    calls: Annotated[
        Path | None,
        typer.Option(
            help="A list of calls: CSV with the columns at, from and to, or what `history --json` writes.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option("--last", "-n", min=1, max=MOST_CALLS, help="The latest calls that have ended.", metavar="N"),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help=f"The calls from then on, local time: {EXAMPLES}.", metavar="WHEN", callback=checked_moment),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many sorts of changes are shown.", metavar="N")] = 20,
    check: Annotated[bool, typer.Option("--check", help="End with status 1 when a call changes.", metavar="")] = False,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Decide calls with two configurations, and show which would go another way, and how.

    The calls are past ones: a list, or those of the record store, with the facts and the instant that they had. Without
    any, every number of both configurations is called, at every time of the week that matters. No exchange is asked.
    """
    from switch.diffing import differences

    if calls is not None and (last is not None or since is not None):
        raise typer.BadParameter("--calls is a list of its own; without it, --last and --since choose")
    places = Places.find(data=data)
    before, after = _model(old, places), _model(new, places)
    asked = _asked(before, after, places, calls, last, since)
    report = differences(before, after, asked)
    if json:
        write_json(_plain(report, before, after, limit))
    else:
        _show(report, before, after, limit, past=bool(calls or last or since))
    raise typer.Exit(EXIT_CHANGED if check and report.changed else 0)


def _model(named: str, places: Places) -> Model:
    from config import compile as compiling
    from config import validate
    from config.problems import ConfigError
    from switch import configuration, models

    if named == LIVE:
        kept = configuration.kept(places.data)
        if kept is None:
            fail(f"no configuration is live in {places.data}, or it may not be read", EXIT_UNUSABLE)
        return kept.model
    path = Path(named)
    once = models.find(places.data, named) if not path.exists() else None
    if once is not None:
        return once
    if not path.exists():
        said = f"{named} is no file and no folder, not `{LIVE}`, and names no decisions that were live here"
        fail(said, EXIT_UNUSABLE)
    try:
        return compiling.model_of(validate.load(path))
    except ConfigError as error:
        fail(f"{named} cannot be used", EXIT_UNUSABLE, tuple(map(str, error.problems)))
    except OSError as error:
        fail(f"{named} cannot be read: {error.strerror or error}", EXIT_UNUSABLE)


def _asked(
    old: Model, new: Model, places: Places, calls: Path | None, last: int | None, since: str | None
) -> Iterable[Asked]:
    from dialplan.sample import usual_zone
    from switch import call_lists
    from switch.diffing import from_list, from_records, made_up

    if calls is not None:
        try:
            found = call_lists.read(calls)
        except call_lists.CallListError as error:
            fail(str(error), EXIT_UNUSABLE)
        except OSError as error:
            fail(f"{calls} cannot be read: {error.strerror or error}", EXIT_UNUSABLE)
        for problem in found.problems[:SHOWN_PROBLEMS]:
            typer.echo(problem, err=True)
        if found.problems:
            typer.echo(f"ringplan: {len(found.problems)} rows are left out", err=True)
        return from_list(found.calls, old, new, usual_zone(old))
    now = utc_now()
    if last is None and since is None:
        return made_up(old, new, now.date())
    begin = moment(since, now) if since is not None else None
    return from_records(read_records(places, last or MOST_CALLS, since=begin, legs=False))


def _plain(report: Report, old: Model, new: Model, limit: int) -> dict[str, Any]:
    groups = report.ordered()
    return {
        "old_decisions": old.version,
        "new_decisions": new.version,
        "calls": report.calls,
        "changed": report.changed,
        "impossible": report.impossible,
        "kinds": {kind.value: count for kind, count in report.kinds.most_common()},
        "groups": groups[:limit],
        "groups_left_out": max(0, len(groups) - limit),
        "calls_left_out": report.left_out + sum(group.count for group in groups[limit:]),
    }


def _show(report: Report, old: Model, new: Model, limit: int, *, past: bool) -> None:
    from rich.text import Text

    out = console()
    what = "past calls" if past else "calls tried, from inside and outside to every number"
    out.print(f"{report.calls} {what}\nold decisions {old.version}, new decisions {new.version}", style="dim")
    if report.impossible:
        out.print(f"{report.impossible} that nobody could make in either are left out", style="dim")
    if not report.changed:
        out.print(Text.assemble(("●", "bold green"), " Every call goes the same way."))
        return
    changed = f" {report.changed} of {report.calls} calls would change:"
    out.print(Text.assemble(("●", "bold yellow"), changed))
    for kind, count in report.kinds.most_common():
        out.print(Text(f"{count:>8}  {kind.value}"))
    groups = report.ordered()
    for group in groups[:limit]:
        out.print()
        _show_group(group)
    rest = groups[limit:]
    left = report.left_out + sum(group.count for group in rest)
    if left:
        more = f"and {left} calls more in {len(rest)} other ways: --limit {len(groups)} shows them"
        out.print(Text(f"\n{more}", "dim"), soft_wrap=True)


def _show_group(group: Group) -> None:
    from rich.text import Text

    out = console()
    example = group.example
    calls = "1 call" if group.count == 1 else f"{group.count} calls"
    out.print(Text(calls, "bold"))
    changes = example.changes if group.count == 1 else group.changes
    for change in changes:
        where = f" ({change.where})" if change.where else ""
        out.print(
            Text.assemble(f"  {change.kind.value}{where}: ", change.old, (" → ", "dim"), change.new), soft_wrap=True
        )
    such = "" if group.count == 1 else "such as "
    named = f", call {example.name}" if example.name else ""
    said = f"    {such}{_time(example.at)}, {example.caller} calls {example.called}{named}"
    out.print(Text(said, "dim"), soft_wrap=True)
    if group.count > 1 and example.changes != group.changes:
        out.print(Text(f"    {'; '.join(map(str, example.changes))}", "dim"), soft_wrap=True)


def _time(at: datetime.datetime) -> str:
    return f"{at:%a %Y-%m-%d %H:%M} {at.tzname() or ''}".rstrip()
