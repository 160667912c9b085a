"""`ringplan records forget`: deletion on request. The running exchange does it: it has the files and the journal."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from switch.arguments import Places
from switch.commands.common import (
    ConfigOption,
    DataOption,
    RuntimeOption,
    console,
    counted,
    exchange,
    fail,
    local_time,
    utc_now,
)
from switch.commands.stored import SinceOption, UntilOption, reading, record_store, wanted

if TYPE_CHECKING:
    from records.cdr import CallRecord
    from records.store import Store
    from records.store.questions import Wanted

MANY = 500
MOST_SHOWN = 50


def forget(
    call: Annotated[
        list[str] | None,
        typer.Option(
            "--call", help="A call's id, whole. May be given several times.", metavar="CALL", show_default=False
        ),
    ] = None,
    number: Annotated[
        str | None,
        typer.Option(
            help="All calls in whose records this number stands, as +16695550123, and its messages in mailboxes.",
            metavar="NUMBER",
            show_default=False,
        ),
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Who wants that: stays in the records.", metavar="NAME")] = "",
    why: Annotated[str, typer.Option("--why", help="Why: stays in the records.", metavar="TEXT")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without this it is only shown.", metavar="")] = False,
    since: SinceOption = None,
    until: UntilOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    runtime: RuntimeOption = None,
) -> None:
    """Delete calls for good: their records with all that was noted about them, their recordings, and the messages that
    were left in them. A tombstone stays, which says who, when and why, and nothing else.

    Calls that are up are refused. Backups keep what they have.
    """
    if not call and not number:
        raise typer.BadParameter("say which calls", param_hint="--call or --number")
    if yes and not (by.strip() and why.strip()):
        raise typer.BadParameter("say who wants that, and why: both stay in the records", param_hint="--by and --why")
    between = wanted(since, until)
    with record_store(Places.find(config, data, runtime)) as store, reading():
        found = list(dict.fromkeys(_meant(store, call or [], number, between)))
        shown = [record for each in found[:MOST_SHOWN] if store is not None and (record := store.call(each))]
    if not yes:
        _show(found, shown, number)
        return
    if not found and not number:
        fail("there are no such calls")
    _do(runtime, found, number or "", between, by, why)


def _meant(store: Store | None, calls: Sequence[str], number: str | None, between: Wanted) -> Iterator[str]:
    from records.store.mentions import mentions

    for call in calls:
        if store is None or store.call(call) is None:
            fail(f"no call {call} is in the records: it is deleted already, or up (ringplan history has whole ids)")
        yield call
    if number and store is not None:
        yield from (call for call, _ in mentions(store, number, between.since, between.until))


def _show(found: Sequence[str], shown: Sequence[CallRecord], number: str | None) -> None:
    now = utc_now()
    for record in shown:
        files = sum(bool(each.file) for each in record.recordings)
        told = f", {counted(files, 'recording')}" if files else ""
        who = record.caller_number or record.line or record.trunk or "?"
        typer.echo(
            f"{record.call}  {local_time(record.started_at, now)}  {who} → {record.number or record.dialled}{told}"
        )
    if len(found) > len(shown):
        typer.echo(f"… and {len(found) - len(shown)} more")
    what = counted(len(found), "call") + (f", and the messages of {number} in all mailboxes," if number else "")
    console().print(f"{what} would be deleted. Nothing was: say --yes, with --by and --why.", style="dim")


def _do(runtime: Path | None, found: Sequence[str], number: str, between: Wanted, by: str, why: str) -> None:
    from switch.views import ForgottenView

    since, until = (at.isoformat() if at is not None else "" for at in (between.since, between.until))
    calls = files = messages = 0
    with exchange(runtime, 600.0) as client:
        for start in itertools.count(0, MANY):
            some = list(found[start : start + MANY])
            if not some and start:
                break
            view = client.ask(
                "records_forget",
                ForgottenView,
                calls=some,
                number=number if not start else "",
                since=since,
                until=until,
                name=by,
                why=why,
            )
            calls, files, messages = calls + view.calls, files + view.files, messages + view.messages
    kinds = ((calls, "call"), (files, "recording"), (messages, "message"))
    typer.echo("forgotten: " + ", ".join(counted(each, kind) for each, kind in kinds))
    typer.echo("The records follow within seconds, the journal within five minutes. Backups keep what they have.")
