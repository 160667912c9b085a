"""`ringplan report`: who telephoned how much, what was recorded, how callers fared in queues. It needs no exchange.

The figures are those of `records.reports`; names, groups and sites are the configuration's of today.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switch.arguments import Places
from switch.commands import staff
from switch.commands.common import (
    GAP,
    ConfigOption,
    DataOption,
    JsonOption,
    console,
    counted,
    duration,
    fail,
    keep_whole,
    local_time,
    table,
    utc_now,
    write_json,
)
from switch.commands.moments import moment
from switch.commands.stored import (
    MaskOption,
    SinceOption,
    UntilOption,
    configured,
    each_record,
    masking,
    reading,
    record_store,
)

if TYPE_CHECKING:
    from records.cdr import CallRecord
    from records.reports.recordings import RecordedCall, RecordingReport, RecordingRow
    from records.reports.users import Ranked, UserReport
    from records.store import Store
    from records.store.questions import Wanted
    from records.viewer import Viewer

USUAL_SINCE = "7d"
BAD_ARGUMENTS = 2
GIVE_WAY = ("Park", "Hold", "Site", "Mean", "Ext", "Voicemail", "Others")
"""Columns of the report on users that a narrow screen does without, the first one first."""
NAME_WIDTH = 16
CsvOption = Annotated[bool, typer.Option("--csv", help="For a spreadsheet.", metavar="")]

app = typer.Typer(
    help="Who telephoned how much, what was recorded, how callers fared in queues.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Of(enum.StrEnum):
    """What a report on recordings has a line for."""

    USERS = "users"
    CALLS = "calls"
    FILES = "files"


class By(enum.StrEnum):
    """Pieces of time."""

    HOUR = "hour"
    DAY = "day"


@app.command("users")
def users(
    since: SinceOption = None,
    until: UntilOption = None,
    site: Annotated[
        str | None, typer.Option(help="Only users of this site.", metavar="SITE", show_default=False)
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(help="These users beside each other, as anna,ben.", metavar="USERS", show_default=False),
    ] = None,
    rank: Annotated[
        str | None,
        typer.Option(help="The users of --site by one measure, as completed.", metavar="MEASURE", show_default=False),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Calls, missed calls, times: one line a user; of the last seven days, unless told otherwise."""
    from records.reports import users as reports

    if rank is not None and rank not in reports.MEASURES:
        fail(f"there is no measure {rank}; there are {', '.join(reports.MEASURES)}", BAD_ARGUMENTS)
    if rank is not None and site is None:
        fail("of which site? write --site", BAD_ARGUMENTS)
    places = Places.find(config, data)
    compiled = configured(places)
    with record_store(places, compiled) as store:
        found = reports.users(each_record(store, _time(since, until)), staff.people(compiled), _operator())
    found = [each for each in found if site is None or each.site == site]
    if compare is not None:
        chosen = [staff.known(compiled, name.strip()) for name in compare.split(",")]
        _compared(reports.compare(found, chosen), chosen, json=json, as_csv=as_csv)
    elif rank is not None:
        board = reports.leaderboard(found, site or "", rank)
        if not _written(board, ("place", "user", "name", "value"), json, as_csv):
            _ranked(board, rank)
    elif not _written(found, reports.COLUMNS, json, as_csv):
        _users(found)


@app.command("recordings")
def recordings(
    of: Annotated[Of, typer.Option("--of", help="A line for each user, call, or recording.")] = Of.USERS,
    since: SinceOption = None,
    until: UntilOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
    as_csv: CsvOption = False,
    mask: MaskOption = None,
) -> None:
    """How many calls were recorded, and whose recordings they are; of the last seven days, unless told otherwise.

    A recording is gone when its file is, by request or by age.
    """
    from records.reports import recordings as reports

    places = Places.find(config, data)
    compiled = configured(places)
    people, boss, gone = staff.people(compiled), _operator(), set[str]()
    with record_store(places, compiled) as store:
        records = _with_gone(store, _time(since, until), gone)
        shown = masking(places, mask, export=json or as_csv)
        if of is Of.CALLS:
            calls = list(reports.recorded_calls(map(shown, records), boss))
            if not _written(calls, reports.CALL_COLUMNS, json, as_csv):
                _calls(calls)
        elif of is Of.FILES:
            rows = list(reports.recording_rows(map(shown, records), people, boss, gone))
            if not _written(rows, reports.FILE_COLUMNS, json, as_csv):
                _files(rows)
        else:
            report = reports.recordings(records, people, boss, gone)
            if json:
                write_json(report)
            elif not _written(report.users, reports.USER_COLUMNS, False, as_csv):
                _recorded(report)


@app.command("queues")
def queues(
    by: Annotated[
        By | None, typer.Option("--by", help="Each day or hour apart, in local time.", show_default=False)
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """How callers fared in queues, and how soon they were answered; of the last seven days, unless told otherwise.

    Of calls that have ended: who waits now is not among them.
    """
    from msgspec.structs import asdict

    from records.reports import queues as reports
    from records.reports.stays import out, stays
    from records.store.members import members

    places = Places.find(config, data)
    compiled = configured(places)
    targets, now = staff.queues(compiled), utc_now()
    with record_store(places, compiled) as store:
        with reading():
            told = store.read(members) if store is not None else []
        found = stays(each_record(store, _time(since, until)), told)
        if by is None:
            rows = [asdict(each) for each in reports.queues(found, targets, _operator(), now, out(told, now))]
        else:
            parts = reports.by_time(found, targets, _operator(), now, _piece(by))
            rows = [{"since": begin} | asdict(each) for begin, each in parts]
    if json:
        write_json(rows)
    elif as_csv:
        _csv(rows, (*(("since",) if by is not None else ()), *reports.COLUMNS))
    else:
        _queues(rows)


def _time(since: str | None, until: str | None) -> Wanted:
    from records.store.questions import Wanted

    now = utc_now()
    return Wanted(since=moment(since or USUAL_SINCE, now), until=moment(until, now) if until else None)


def _operator() -> Viewer:
    """Whoever can read the record store is one."""
    from records.viewer import Role, Viewer

    return Viewer("", Role.ADMIN)


def _with_gone(store: Store | None, wanted: Wanted, gone: set[str]) -> Iterator[CallRecord]:
    """The records; before each, those of its recordings that are not there any more are among the `gone`."""
    for record in each_record(store, wanted):
        if record.recordings and store is not None:
            with reading():
                there = {file.file for file in store.files(record.call) if file.sha256}
            gone.update(each.file for each in record.recordings if each.file not in there)
        yield record


def _written(rows: Sequence[Any], columns: Sequence[str], json: bool, as_csv: bool) -> bool:
    """Whether a machine is to read it, and has it now."""
    if json:
        write_json(rows)
    elif as_csv:
        from msgspec.structs import asdict

        _csv(map(asdict, rows), columns)
    return json or as_csv


def _csv(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    from records.export import csv_text

    for text in csv_text(rows, columns):
        typer.echo(text, nl=False)


def _users(found: list[UserReport]) -> None:
    from rich.cells import cell_len
    from rich.text import Text

    if not found:
        console().print("No users and no calls.")
        return
    rows = [_user(each) for each in found]
    widths = {name: max(cell_len(text) for text in (name, *(row[name] for row in rows))) for name in rows[0]}
    widths["User"] = min(widths["User"], NAME_WIDTH)
    left_out: list[str] = []
    while sum(widths.values()) + GAP * (len(widths) - 1) > console().width and len(left_out) < len(GIVE_WAY):
        left_out.append(GIVE_WAY[len(left_out)])
        del widths[left_out[-1]]
    figures = tuple(name for name in widths if name not in ("User", "Ext", "Site"))
    shown = table(*widths, right=figures)
    for row in rows:
        shown.add_row(*(Text(row[name]) for name in widths))
    keep_whole(shown, *figures)
    console().print(shown)
    if left_out:
        console().print(f"No room for {', '.join(left_out)}: a wider screen, --csv and --json have all.", style="dim")


def _user(each: UserReport) -> dict[str, str]:
    """A line of the report, by its columns."""
    return {
        "User": each.name or each.user,
        "Ext": each.extension,
        "Calls": str(each.total),
        "In": str(each.inbound),
        "Talked": str(each.completed),
        "Others": str(each.answered_by_others or ""),
        "Missed": _percent(each.missed_percent),
        "Voicemail": str(each.voicemail or ""),
        "Out": str(each.outbound),
        "Answered": str(each.answered),
        "Mean": duration(each.average_s) if each.average_s is not None else "n/a",
        "Time": duration(each.call_s),
        "Hold": duration(each.hold_s) if each.hold_s else "",
        "Park": duration(each.park_s) if each.park_s else "",
        "Site": each.site,
    }


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:g} %"


def _compared(found: dict[str, dict[str, Any]], chosen: list[str], *, json: bool, as_csv: bool) -> None:
    from rich.text import Text

    known = [user for user in chosen if user in found["total"]]
    if len(known) < len(chosen):
        fail(f"nothing is known of {', '.join(sorted({*chosen} - {*known}))}")
    if json:
        write_json(found)
    elif as_csv:
        _csv(({"measure": name} | values for name, values in found.items()), ("measure", *known))
    else:
        shown = table("Measure", *known, right=tuple(known))
        for name, values in found.items():
            shown.add_row(Text(name.replace("_", " ")), *(_figure(name, values[user]) for user in known))
        console().print(shown)


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "n/a"
    return duration(value) if name.endswith("_s") else f"{value:g}"


def _ranked(board: list[Ranked], measure: str) -> None:
    from rich.text import Text

    if not board:
        console().print("Nobody has anything to be ranked by.")
        return
    shown = table("Place", "User", measure.replace("_", " "), right=("Place", measure.replace("_", " ")))
    for each in board:
        shown.add_row(str(each.place), Text(each.name or each.user), _figure(measure, each.value))
    console().print(shown)


def _recorded(report: RecordingReport) -> None:
    from rich.text import Text

    out, totals = console(), report.totals
    rule = (
        f"{counted(totals.users_automatic, 'user')} {'is' if totals.users_automatic == 1 else 'are'} recorded by a rule"
    )
    out.print(f"{rule}, {totals.users_on_demand} on demand.")
    if totals.answered:
        yes, no = _percent(totals.recorded_percent), _percent(totals.unrecorded_percent)
        recorded = f"{totals.recorded} were recorded ({yes}), {totals.unrecorded} were not ({no})"
        out.print(f"Of {totals.answered} answered calls {recorded}.")
    if totals.recordings:
        there = f"{totals.unmarked} are there ({_percent(totals.unmarked_percent)})"
        out.print(f"Of {totals.recordings} recordings {there}.")
    figures = ("Calls", "Recordings", "By a rule", "Asked for")
    shown = table("User", "Ext", *figures, "Group", "Site", right=figures)
    for each in report.users:
        numbers = (each.calls, each.recordings, each.automatic, each.ad_hoc)
        shown.add_row(
            Text(each.name or each.user), each.extension, *map(str, numbers), Text(each.group), Text(each.site)
        )
    if report.users:
        out.print(shown)


def _calls(found: list[RecordedCall]) -> None:
    from rich.text import Text

    now = utc_now()
    shown = table("When", "", "From", "To", "Result", "Length", "Rec", "Way", right=("Length", "Rec"))
    for each in found:
        shown.add_row(
            local_time(each.started_at, now),
            each.direction,
            Text(each.caller or "anonymous"),
            Text(each.callee),
            each.result.replace("_", " "),
            duration(each.duration_s),
            str(each.recordings or ""),
            Text(" → ".join(stop for stop, _ in groupby(each.path))),
        )
    keep_whole(shown, "When", "Length")
    console().print(shown if found else "No calls.")


def _files(found: list[RecordingRow]) -> None:
    from rich.text import Text

    now = utc_now()
    shown = table("When", "", "From", "To", "Owner", "", "File")
    for each in found:
        owner = each.owner if each.owner_type == "user" else f"{each.owner_type} {each.owner}"
        kind = each.kind.replace("_", " ") + (", gone" if each.marked else "")
        shown.add_row(
            local_time(each.at, now),
            each.direction,
            Text(each.caller or "anonymous"),
            Text(each.callee),
            Text(owner),
            kind,
            Text(each.file),
        )
    keep_whole(shown, "When", "File")
    console().print(shown if found else "No recordings.")


def _queues(found: list[dict[str, Any]]) -> None:
    from rich.text import Text

    now = utc_now()
    apart = any("since" in each for each in found)
    figures = ("Calls", "In time", "Aim", "Wait", "Longest", "Talked", "Gave up", "Sent on", "Missed", "Handling")
    shown = table(*(("From",) if apart else ()), "Queue", *figures, right=figures)
    for each in found:
        counts = (each["completed"], each["abandoned"], each["overflowed"], each["missed"])
        shown.add_row(
            *((local_time(each["since"], now),) if apart else ()),
            Text(each["name"] or each["queue"]),
            str(each["offered"]),
            _percent(each["service_percent"]),
            _percent(each["target_percent"]),
            *(_figure("_s", each[name]) for name in ("wait_s", "longest_wait_s")),
            *(str(count or "") for count in counts),
            _figure("_s", each["handling_s"]),
        )
    keep_whole(shown, *figures)
    console().print(shown if found else "No queue has had a call.")


def _piece(by: By) -> Callable[[datetime.datetime], datetime.datetime]:
    """The beginning of the hour or day here that an instant is in."""

    def begin(at: datetime.datetime) -> datetime.datetime:
        here = at.astimezone().replace(minute=0, second=0, microsecond=0)
        return datetime.datetime.combine(here.date(), datetime.time()).astimezone() if by is By.DAY else here

    return begin
