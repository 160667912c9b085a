"""One finished call for a person: who, how it ended, its legs, and why it went where it went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dialplan.model import Model, render
from dialplan.rates import shown
from records.charges import Charge, Ticket, tickets
from switch import models
from switch.arguments import Places
from switch.commands.common import console, counted, duration, local_time, short_path, table, utc_now
from switch.commands.course import course

if TYPE_CHECKING:
    from rich.table import Table

    from records.cdr import CallRecord, LegRecord, Passed, Recorded, Transfer


def show(record: CallRecord, places: Places) -> None:
    """Print it."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts(record):
        grid.add_row(name, Text(value))
    out.print(Text.assemble((f"Call {record.call}", "bold"), f"  {local_time(record.started_at, utc_now())}"))
    out.print(grid)
    if record.path or record.talks:
        out.print(Text("\nCourse", "bold"))
        out.print(_course(record))
    if record.because:
        out.print(Text("\nWhy", "bold"))
        for line in reasons(record, places):
            out.print(Text(f"  {line}"), soft_wrap=True)
    if record.legs:
        out.print()
        legs = table("Leg", "Rang", "Talk", "Ended")
        for leg in record.legs:
            who = "the caller" if leg.leg == 0 else leg.target.partition(":")[2] or leg.contact
            talk = _talk(leg)
            legs.add_row(Text(who), "yes" if leg.rang_at or leg.answered_at else "no", talk, Text(_leg_ending(leg)))
        out.print(legs)
    out.print(
        Text(f"\nIts SIP messages, while they are remembered: ringplan trace {record.call}", "dim"), soft_wrap=True
    )


def _course(record: CallRecord) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(style="dim", justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for since, length, what in course(record):
        grid.add_row("  " + since, f"+{length}" if length else "", Text(what))
    return grid


def facts(record: CallRecord) -> list[tuple[str, str]]:
    """What is known of the call, a name and a value each; what is not known is left out."""
    said = [record.caller_number or "anonymous", record.caller_name]
    who = f"telephone {record.device}" if record.device else f"trunk {record.trunk}" if record.trunk else ""
    called = record.number or record.dialled
    found = [
        ("caller", ", ".join(dict.fromkeys(each for each in (*said, who) if each))),
        ("called", called + (f" (dialled {record.dialled})" if record.dialled not in ("", called) else "")),
    ]
    if record.hidden:
        found.append(("hidden", "the caller asks not to be shown"))
    if record.forwards:
        found.append(("forwarded", _forwarded(record)))
    found += [("forwarded", _passed(each)) for each in record.passed]
    found += [("transferred", _transferred(each)) for each in record.transfers]
    if by := answered_by(record):
        found.append(("answered by", ", then ".join(by)))
    result = record.result.replace("_", " ")
    reason = record.reason.replace("_", " ")
    found.append(("result", ", ".join(dict.fromkeys((result, reason))) + f" (SIP {record.sip_status})"))
    rang = f"rang {duration(record.ring_s)}"
    of_it = ((record.held_s, "on hold"), (record.parked_s, "parked"))
    within = " and ".join(f"{duration(seconds)} {how}" for seconds, how in of_it if seconds >= 1)
    talked = f", up {duration(record.talk_s)}, of it {within}" if within else f", talked {duration(record.talk_s)}"
    found.append(("time", rang + (talked if record.answered_at else "")))
    found += [("recorded", _recorded(each)) for each in record.recordings]
    found += [("account", each) for each in _accounts(record)]
    found += [line for each in record.charges for line in _charged(each)]
    if record.emergency:
        found.append(("emergency", "yes"))
    if record.recovered:
        found.append(("restart", "it outlived a restart of the exchange"))
    return found


def answered_by(record: CallRecord) -> tuple[str, ...]:
    """Whom the caller has talked with, the first one first: a person, to whom else the call was sent on, a service of
    ours. A menu leads to a person; any other service is what a person's call went on to, as a park slot."""
    moved = [each.target for each in record.transfers if each.outcome == "done" and each.target.startswith("line:")]
    people = [each.partition(":")[2] for each in (record.answered_target, *moved)]
    menu = record.service.startswith("attendant:")
    return tuple(filter(None, (record.service, *people) if menu else (*people, record.service)))


_UNRECORDED = {
    "failed": "it failed",
    "limit": "it was as long as may be",
    "announcement": "those to be told could not be",
    "refused": "that is not permitted",
}


def _recorded(each: Recorded) -> str:
    """One recording: into which file of the folder of recordings, at whose wish, who was told, and why it ended."""
    who = "automatic" if each.by == "policy" else f"asked for by {each.by.partition(':')[2] or each.by}"
    told = f"{len(each.announced)} told" if each.announced else ""
    pauses = counted(each.pauses, "pause") if each.pauses else ""
    why = " ".join(filter(None, (_UNRECORDED.get(each.why, ""), f"({each.detail})" if each.detail else "")))
    return ", ".join(filter(None, (each.file or "no", who, told, pauses, why)))


def _forwarded(record: CallRecord) -> str:
    """By whom last, for whom the call was meant, and how often it was forwarded."""
    last, first = record.forwards[0], record.forwards[-1]
    times = sum(each.count for each in record.forwards)
    who = ", ".join(each for each in (last.number, last.name) if each) or "somebody"
    text = f"by {who} ({last.reason.replace('-', ' ')})"
    if first is not last:
        text += f"; first called {first.number or first.name or 'somebody'}"
    return text + (f"; {times} times" if times > 1 else "")


_CAUSES = {486: "busy", 408: "no answer", 503: "out of reach", 302: "always", 480: "closed"}


def _passed(each: Passed) -> str:
    """One forward of ours: by whom, why, to what."""
    who = ", ".join(known for known in (each.by, each.name) if known)
    inside = " (in its group)" if each.branch else ""
    return f"by {who}: {_CAUSES.get(each.cause, str(each.cause))}, to {each.to}{inside}"


_OUTCOMES = {
    "done": "",
    "failed": ", which failed",
    "cancelled": ", which was called off",
    "returned": ", which failed: back to who had transferred it",
}


def _transferred(each: Transfer) -> str:
    """One transfer: by whom, how, to what, and what came of it."""
    verb = "taken over" if each.kind == "taken" else each.kind.replace("_", "-")
    how = {"code": " (by keys)", "operator": " (by the operator)"}.get(each.how, "")
    status = f" with {each.status}" if each.status >= 300 else ""
    to = each.target.partition(":")[2] or each.to or "nobody"
    other = f", from call {each.other}" if each.other else ""
    outcome = _OUTCOMES.get(each.outcome, ", not over")
    return f"by {each.by.partition(':')[2]}, {verb}{how}, to {to}{outcome}{status}{other}"


def _accounts(record: CallRecord) -> list[str]:
    """The account codes that it was charged to, the last one first: that one owns the call (CST-5)."""
    if len(record.accounts) < 2:
        return [record.account] if record.account else []
    now = utc_now()
    *before, last = record.accounts
    return [f"{last.account}, since {local_time(last.at, now)}{_by(last.by)}"] + [
        f"{each.account} before, since {local_time(each.at, now)}{_by(each.by)}" for each in reversed(before)
    ]


def _by(who: str) -> str:
    kind, _, name = who.partition(":")
    return f", brought from call {name}" if kind == "call" else f" by {name}" if name else ""


def _charged(charge: Charge) -> Iterator[tuple[str, str]]:
    """One carrier's leg: what it cost whom; and the parts of those who talked, where there were several (CRC-6)."""
    to = f"{charge.number} ({charge.destination})" if charge.destination else charge.number
    whose = f"paid by {charge.payer}" if charge.payer else ""
    billed = f"{duration(charge.billed_ms / 1000)} charged" if charge.billed_ms and not charge.units else ""
    said = "an estimate" if charge.estimate else "as the carrier says"
    known = said if charge.cost is not None else ""
    yield "cost", ", ".join(filter(None, (_money(charge), f"to {to}", billed, whose, known)))
    talked = tickets(charge)
    if len(talked) > 1:
        for each in talked:
            who = each.name or each.to.partition(":")[2] or "nobody"
            yield "of that", ", ".join((who, duration(each.lasted_ms / 1000), _money(each)))


def _money(of: Charge | Ticket) -> str:
    if of.cost is None:
        return "not known"
    units = f" for {counted(of.units, 'unit')}" if of.units else ""
    return f"{shown(of.cost)} {of.currency}".rstrip() + units


def reasons(record: CallRecord, places: Places) -> list[str]:
    """The decision, a line for each rule that was asked, with the file and line where it stood when that is known."""
    model = models.find(places.data, record.model)
    lines = render(model or _without_places(), record.because, short_path)
    return [*lines, "(where these rules stood is not known any more)"] if model is None else lines


def _without_places() -> Model:
    from dialplan.lines import Profile
    from dialplan.model import Emergency

    return Model(profile=Profile("US"), emergency=Emergency())


def _talk(leg: LegRecord) -> str:
    if leg.answered_at is None or leg.ended_at is None:
        return "–"
    return duration((leg.ended_at - leg.answered_at).total_seconds())


def _leg_ending(leg: LegRecord) -> str:
    reason = leg.reason.replace("_", " ")
    said = ", ".join(each for each in (f"SIP {leg.sip_status}" if leg.sip_status else "", leg.cause) if each)
    return f"{reason} ({said})" if said else reason
