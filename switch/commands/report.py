"""`ringplan report`: who telephoned how much, what was recorded, how callers fared in queues. It needs no exchange.

The figures are those of `records.reports`; names, groups and sites are the configuration's of today.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switch.arguments import Places
from switch.commands import reported, staff
from switch.commands.common import EXIT_BAD_ARGUMENTS, ConfigOption, DataOption, JsonOption, fail, utc_now, write_json
from switch.commands.stored import (
    MaskOption,
    SinceOption,
    UntilOption,
    configured,
    each_record,
    masking,
    reading,
    record_store,
    wanted,
)
from switch.commands.writing import CsvOption, print_csv

if TYPE_CHECKING:
    from config.compiled import Compiled
    from records.cdr import CallRecord
    from records.store import Store
    from records.store.questions import Wanted
    from records.viewer import Viewer

USUAL_SINCE = "7d"

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
        fail(f"there is no measure {rank}; there are {', '.join(reports.MEASURES)}", EXIT_BAD_ARGUMENTS)
    if rank is not None and site is None:
        fail("of which site? write --site", EXIT_BAD_ARGUMENTS)
    places = Places.find(config, data)
    compiled = configured(places)
    with record_store(places, compiled) as store:
        records = each_record(store, wanted(since or USUAL_SINCE, until))
        found = reports.users(records, staff.people(compiled), _operator())
    found = [each for each in found if site is None or each.site == site]
    if compare is not None:
        chosen = [staff.known(compiled, name.strip()) for name in compare.split(",")]
        _compared(compiled, reports.compare(found, chosen), chosen, json=json, as_csv=as_csv)
    elif rank is not None:
        board = reports.leaderboard(found, site or "", rank)
        if not _written(board, ("place", "user", "name", "value"), json, as_csv):
            reported.ranked(board, rank)
    elif not _written(found, reports.COLUMNS, json, as_csv):
        reported.users(found)


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
        records = _with_gone(store, wanted(since or USUAL_SINCE, until), gone)
        shown = masking(places, mask, export=json or as_csv, compiled=compiled)
        if of is Of.CALLS:
            calls = list(reports.recorded_calls(map(shown, records), boss))
            if not _written(calls, reports.CALL_COLUMNS, json, as_csv):
                reported.recorded_calls(calls)
        elif of is Of.FILES:
            rows = list(reports.recording_rows(map(shown, records), people, boss, gone))
            if not _written(rows, reports.FILE_COLUMNS, json, as_csv):
                reported.files(rows)
        else:
            report = reports.recordings(records, people, boss, gone)
            if json:
                write_json(report)
            elif not _written(report.users, reports.USER_COLUMNS, False, as_csv):
                reported.recordings(report)


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
        found = stays(each_record(store, wanted(since or USUAL_SINCE, until)), told)
        if by is None:
            rows = [asdict(each) for each in reports.queues(found, targets, _operator(), now, out(told, now))]
        else:
            parts = reports.by_time(found, targets, _operator(), now, _piece(by))
            rows = [{"since": begin} | asdict(each) for begin, each in parts]
    if json:
        write_json(rows)
    elif as_csv:
        print_csv(rows, (*(("since",) if by is not None else ()), *reports.COLUMNS))
    else:
        reported.queues(rows)


def _operator() -> Viewer:
    """Whoever can read the record store is one."""
    from records.viewer import Role, Viewer

    return Viewer("", Role.ADMIN)


def _with_gone(store: Store | None, asked: Wanted, gone: set[str]) -> Iterator[CallRecord]:
    """The records; before each, those of its recordings that are not there any more are among the `gone`."""
    for record in each_record(store, asked):
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

        print_csv(map(asdict, rows), columns)
    return json or as_csv


def _compared(
    compiled: Compiled | None, found: dict[str, dict[str, Any]], chosen: list[str], *, json: bool, as_csv: bool
) -> None:
    known = [user for user in chosen if user in found["total"]]
    for user in chosen:
        if user not in known:
            fail(staff.nothing_of(compiled, user))
    if json:
        write_json(found)
    elif as_csv:
        print_csv(({"measure": name} | values for name, values in found.items()), ("measure", *known))
    else:
        reported.compared(found, known)


def _piece(by: By) -> Callable[[datetime.datetime], datetime.datetime]:
    """The beginning of the hour or day here that an instant is in."""

    def begin(at: datetime.datetime) -> datetime.datetime:
        here = at.astimezone().replace(minute=0, second=0, microsecond=0)
        return datetime.datetime.combine(here.date(), datetime.time()).astimezone() if by is By.DAY else here

    return begin
