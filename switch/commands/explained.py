"""How an explained call looks in a terminal: rules, a time axis of who rings, what holds, and how it ends."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from switch.commands.common import GAP, common_folder, console, short_path, table, within
from switch.commands.spoken import ENDINGS, HEARD, OUTCOMES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from dialplan.explanation import Bar, Event, Explanation, Rule
    from switch.retold import Retold

LEAST_AXIS = 16
NOT_FOLLOWED = " cannot be followed: counts as absent"
RINGS = "rings already"
_STYLES = {
    "answered": "green",
    "no_answer": "yellow",
    "busy": "yellow",
    "rejected": "yellow",
    "outage": "red",
    "stopped": "dim",
}
CAUSES = {486: "busy", 408: "no answer", 503: "out of reach", 302: "always", 480: "closed"}


def show(found: Explanation) -> None:
    """Print it."""
    out = console()
    _head(out, found)
    _rules(out, found)
    _axis(out, found)
    _otherwise(out, found)
    _facts(out, found)


def show_past(told: Retold) -> None:
    """Print how a past call's decision compares with what its record says."""
    from rich.text import Text

    out = console()
    if told.agrees:
        out.print(Text.assemble(("●", "bold green"), f" Call {told.call} was decided so: the record says the same."))
    else:
        why = "the planner of this version decides otherwise, or the record lacks something"
        out.print(Text.assemble(("●", "bold red"), f" Call {told.call} was decided otherwise: {why}."), soft_wrap=True)
        out.print(Text("What its record says:", "dim"))
        for rule, verdict in told.recorded:
            out.print(Text(f"  {rule} -> {verdict}"), soft_wrap=True)
    if not told.facts_known:
        out.print(Text("The facts that it was decided with cannot be read.", "yellow"), soft_wrap=True)
    for rule, verdict in told.besides:
        out.print(Text(f"Besides the planner: {rule} -> {verdict}"), soft_wrap=True)


def _head(out: Console, found: Explanation) -> None:
    from rich.text import Text

    at = datetime.datetime.fromisoformat(found.at)
    who = found.caller_number or found.caller_name or found.on or found.caller.removeprefix("trunk:")
    dialled = found.dialled
    number = f" → {found.number}" if found.number not in ("", dialled) else ""
    out.print(Text.assemble((who, "bold"), " calls ", (dialled, "bold"), (number, "bold cyan")))
    by = f"trunk {found.caller.removeprefix('trunk:')}" if found.caller.startswith("trunk:") else found.caller
    line = f", line {found.on}" if found.on and found.on != found.caller else ""
    when = f"{at:%a %d %b %Y, %H:%M}".replace(" 0", " ")
    out.print(Text(f"{by}{line} · {when} in {found.zone}", "dim"), soft_wrap=True)
    folder = _folder(found)
    folder = short_path(folder) if folder else ""
    out.print(Text(f"decisions {found.decisions}" + (f" · {folder}" if folder else ""), "dim"), soft_wrap=True)
    if found.emergency:
        out.print(Text("An emergency call: nothing stands before it.", "bold red"))


def _rules(out: Console, found: Explanation) -> None:
    from rich.text import Text

    shown = table("Where", "Rule", "Says")
    folder = _folder(found) or "."
    rules = folded(found.rules)
    places = [f"{within(each.file, folder)}:{each.line}" if each.line else "built in" for each in rules]
    width = out.width
    shown.columns[0].max_width = max(14, width // 4)
    shown.columns[1].max_width = max(18, width * 3 // 7)
    for column in shown.columns:
        column.no_wrap = False
        column.overflow = "fold"
    last = ""
    for place, each in zip(places, rules, strict=True):
        where = "" if place == last else place
        last = place
        shown.add_row(Text(where, "dim"), Text(each.rule), Text(each.verdict))
    # Long verdicts must not take room from the rules, which one wants to search for.
    room = width
    for column in shown.columns[:2]:
        longest = max(map(len, map(str, (column.header, *column.cells))))
        column.min_width = column.max_width = min(column.max_width or longest, longest)
        room -= column.min_width + GAP
    shown.columns[2].max_width = max(LEAST_AXIS, room)
    out.print()
    out.print(shown)


def folded(rules: Iterable[Rule]) -> list[Rule]:
    """With one line for what says the same several times: the forwards of a group's member which lead to one who rings
    already, or are not followed there, whatever their condition."""
    kept: list[Rule] = []
    for each in rules:
        kept.append(each)
        if len(kept) > 2 and each.verdict == f"{kept[-3].verdict}{NOT_FOLLOWED}":
            before, there = kept[-3:-1]
            if before.rule == each.rule and there.verdict == RINGS and before.verdict == f"to {there.rule}":
                kept[-3:] = [replace(before, verdict=f"{before.verdict}, who rings already")]
        if len(kept) > 1:
            before, last = kept[-2:]
            owner, _, condition = last.rule.rpartition(".")
            same = (before.verdict, before.file, before.line) == (last.verdict, last.file, last.line)
            if same and owner.endswith(".forward") and before.rule.startswith(f"{owner}."):
                kept[-2:] = [replace(before, rule=f"{before.rule}, {condition}")]
    return kept


def _folder(found: Explanation) -> str:
    return common_folder(each.file for each in found.rules if each.line)


def _axis(out: Console, found: Explanation) -> None:
    from rich.text import Text

    from dialplan.explanation import Bar

    width = out.width
    rows: list[tuple[float, Bar | Event]] = [(bar.start_s, bar) for bar in found.bars]
    rows += [(event.at_s, event) for event in found.events]
    rows.sort(key=lambda row: row[1].order)
    whole_s = max([found.lasts_s, *(bar.end_s for bar in found.bars)], default=0.0)
    names = [_who(bar) for bar in found.bars]
    said = [_outcome(bar) for bar in found.bars]
    who = min(max(map(len, names), default=0), width // 3)
    right = min(max(map(len, said), default=0), width // 3)
    axis = max(LEAST_AXIS, min(48, width - 9 - who - right - 4))
    out.print()
    for at_s, row in rows:
        clock = Text(f"{_clock(at_s):>7}  ", "dim")
        if isinstance(row, Bar):
            name = _who(row)
            name = name if len(name) <= who else name[: who - 1] + "…"
            line = Text.assemble(clock, name.ljust(who), "  ", _bar(row, axis, whole_s), "  ", _outcome(row))
            out.print(line, no_wrap=True, overflow="ellipsis", crop=True)
        else:
            out.print(Text.assemble(clock, _event(row)), soft_wrap=False)


def _bar(bar: Bar, width: int, whole_s: float) -> Text:
    from rich.text import Text

    scale = width / whole_s if whole_s else 0.0
    start = min(int(bar.start_s * scale), width - 1)
    end = min(max(start + 1, round(bar.end_s * scale)), width)
    style = _STYLES.get(bar.outcome, "")
    drawn = "╌" if bar.nobody else "━"
    return Text.assemble(" " * start, (drawn * (end - start), style), " " * (width - end))


def _who(bar: Bar) -> str:
    if bar.target.startswith("trunk:"):
        return f"{bar.target.removeprefix('trunk:')} {bar.number}".strip()
    name = bar.target.removeprefix("line:")
    return f"{bar.name} ({name})" if bar.name and bar.name.lower() != name.lower() else bar.name or name


def _outcome(bar: Bar) -> str:
    rang = bar.end_s - bar.start_s
    seconds = f"{_tenths(rang)} s" if rang else ""
    said = "no telephone" if bar.nobody and bar.target.startswith("line:") else OUTCOMES[bar.outcome]
    return f"{seconds}, {said}" if seconds else said


def _event(event: Event) -> Text:
    from rich.text import Text

    match event.what:
        case "forward":
            who = event.name or event.by
            cause = CAUSES.get(event.cause, str(event.cause))
            return Text.assemble(("↪ ", "cyan"), f"forwarded by {who}: {cause} ", (f"({event.cause})", "dim"))
        case "service":
            return Text.assemble(("● ", "green"), event.detail)
        case "ask":
            return Text.assemble(("… ", "cyan"), f"the planner is asked again: {event.detail}")
        case "announce":
            return Text.assemble(("♪ ", "cyan"), f"the caller hears: {HEARD.get(event.detail, event.detail)}")
    status = f" ({event.status})" if event.status else ""
    return Text.assemble(("■ ", "bold"), f"ends: {ENDINGS.get(event.detail, event.detail)}", (status, "dim"))


def _otherwise(out: Console, found: Explanation) -> None:
    from rich.text import Text

    if not found.otherwise:
        return
    out.print(Text("\nOtherwise", "bold"))
    for each in found.otherwise:
        when = " or ".join(OUTCOMES[outcome] for outcome in each.outcomes)
        out.print(Text(f"  {each.of}: {when} → {each.to}"), soft_wrap=True)


def _facts(out: Console, found: Explanation) -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    holds = found.holds
    if holds.outside:
        shown = holds.caller_id or "no number"
        grid.add_row("Caller ID", f"{shown}, withheld" if holds.withheld else shown)
    if holds.limited_by:
        grid.add_row("Limit", f"{_span(holds.limit_s)}, by the rules of {holds.limited_by}")
    if holds.recorded_by:
        told = {"none": "nobody is told", "all": "all are told"}.get(holds.announce, f"the {holds.announce} is told")
        grid.add_row("Recorded", f"by the rules of {' and '.join(holds.recorded_by)}; {told}")
    if found.account:
        grid.add_row("Account", found.account)
    grid.add_row("Ends", Text(_end(found), "green" if found.ending.result == "answered" else "yellow"))
    out.print()
    out.print(grid)


def _end(found: Explanation) -> str:
    ending = found.ending
    by = found.holds.by.removeprefix("line:").replace("trunk:", "trunk ")
    if not ending.reason:
        return f"answered by {by} after {_tenths(found.lasts_s)} s" if by else "as the planner answers"
    said = ENDINGS.get(ending.reason, ending.reason)
    return f"{said} ({ending.status}) after {_tenths(found.lasts_s)} s"


def _tenths(seconds: float) -> str:
    """What telephones really did has more digits than anybody reads."""
    return f"{round(seconds, 1):g}"


def _span(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


def _clock(seconds: float) -> str:
    whole = int(seconds)
    if seconds != whole:
        return f"{seconds:.1f}s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
