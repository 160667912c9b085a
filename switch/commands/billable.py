"""`ringplan billable`: time that is billed to clients: marked during a call, noted and corrected afterwards, reported.

Reports and `show` read the record store and need no exchange; what changes something goes through it, into its journal.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from switch.arguments import Places
from switch.commands import staff
from switch.commands.common import (
    CallArgument,
    ConfigOption,
    DataOption,
    JsonOption,
    RuntimeOption,
    ask,
    console,
    duration,
    fail,
    keep_whole,
    local_time,
    table,
    utc_now,
    write_json,
)
from switch.commands.stored import (
    EndedArgument,
    SinceOption,
    UntilOption,
    configured,
    one_ended,
    reading,
    record_store,
    wanted,
)
from switch.commands.writing import Form, OutOption, write_out

if TYPE_CHECKING:
    from records.billable import Billable
    from records.cdr import CallRecord
    from records.store import Store
    from records.store.questions import Wanted

app = typer.Typer(
    help="Time that is billed to clients.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
UserOption = Annotated[
    str | None,
    typer.Option("--user", help="Whose talk; needed where several users talk in the call.", metavar="USER"),
]
CodeOption = Annotated[
    str | None, typer.Option("--code", help="The client code, one of `account_codes`.", metavar="CODE")
]
NoteOption = Annotated[str | None, typer.Option("--note", help="A note.", metavar="TEXT")]
ContactOption = Annotated[str | None, typer.Option("--contact", help="A contact, by its id.", metavar="ID")]


class Key(enum.StrEnum):
    """What a report sums by."""

    CODE = "code"
    CONTACT = "contact"


@app.command()
def start(call: CallArgument, user: UserOption = None, runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """From now on the time of a call is billable."""
    _mark(call, user, runtime, json, on=True)


@app.command()
def stop(call: CallArgument, user: UserOption = None, runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """From now on the time of a call is not billable."""
    _mark(call, user, runtime, json, on=False)


def _mark(call: str, user: str | None, runtime: Path | None, json: bool, *, on: bool) -> None:
    from switch.views import BillableView

    view = ask(runtime, json, "billable", BillableView, call=call, user=user or "", on=on)
    typer.echo(f"{view.done}: billable time of {view.user} in call {view.call}")


@app.command()
def note(
    call: EndedArgument,
    user: UserOption = None,
    code: CodeOption = None,
    text: NoteOption = None,
    contact: ContactOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    runtime: RuntimeOption = None,
    json: JsonOption = False,
) -> None:
    """Keep a client code, a note or a contact with a call that has ended, or is up."""
    _change("billable_note", call, user, config, data, runtime, json, code=code, note=text, contact=contact)


@app.command()
def edit(
    call: EndedArgument,
    user: UserOption = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", help="How long is billable, at most the talk.", min=0, metavar="S")
    ] = None,
    code: CodeOption = None,
    text: NoteOption = None,
    contact: ContactOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    runtime: RuntimeOption = None,
    json: JsonOption = False,
) -> None:
    """Correct what is billable of a call that has ended. What stood there before is kept, and who changed it."""
    said = {"seconds": seconds, "code": code, "note": text, "contact": contact}
    _change("billable_edit", call, user, config, data, runtime, json, **said)


def _change(
    command: str,
    call: str,
    user: str | None,
    config: Path | None,
    data: Path | None,
    runtime: Path | None,
    json: bool,
    **said: Any,
) -> None:
    from switch.views import BillableView

    given = {name: value for name, value in said.items() if value is not None}
    with record_store(Places.find(config, data, runtime)) as store, reading():
        ended = store is not None and bool(store.history(1, call=call, legs=False))
        if ended or command != "billable_note":
            record = one_ended(store, call)
            meant = {"call": record.call, "user": _talker(record, user, said.get("seconds")), "ended": True}
        else:  # it may be up: the exchange knows
            meant = {"call": call, "user": user or ""}
    view = ask(runtime, json, command, BillableView, **meant, **given)
    typer.echo(f"{view.done}: call {view.call}, {view.user}")


def _talker(record: CallRecord, user: str | None, seconds: float | None) -> str:
    """Who is meant: that user, or the only one who talked; for so many seconds at the least. Else the verb ends."""
    from records.billable import talks, users

    talked = users(record)
    if user is None and len(talked) != 1:
        names = ", ".join(talked)
        fail(f"several users talked in this call: say --user, one of {names}" if talked else "no user talked in it")
    whose = user or talked[0]
    if whose not in talked:
        fail(f"{whose} did not talk in call {record.call}")
    talk_s = sum((until - since).total_seconds() for since, until in talks(record, whose))
    if seconds is not None and seconds > talk_s:
        fail(f"{whose} talked for {int(talk_s * 10) / 10:g} seconds in this call: no more is billable")
    return whose


@app.command()
def show(call: EndedArgument, config: ConfigOption = None, data: DataOption = None, json: JsonOption = False) -> None:
    """What is billable in a call that has ended, and who changed what."""
    from records.billable import billables

    with record_store(Places.find(config, data)) as store, reading():
        record = one_ended(store, call)
        told = store.notes(record.call) if store is not None else []
    entries = billables(record, told)
    if json:
        write_json(entries)
        return
    if not entries:
        console().print(f"Nothing was marked or noted in call {record.call}.")
    for entry in entries:
        _show(entry)


def _show(entry: Billable) -> None:
    from rich.text import Text

    out, now = console(), utc_now()
    out.print(Text.assemble((entry.user, "bold"), f"  {local_time(entry.began_at, now)}  call {entry.call}"))
    marked = f"{duration(entry.marked_s)} was marked, of {duration(entry.talk_s)} talk"
    out.print(Text(f"  {duration(entry.seconds)} billable; {marked}"))
    for name, value in (("client code", entry.code), ("contact", entry.contact), ("note", entry.note)):
        if value:
            out.print(Text(f"  {name}: {value}"))
    for each in entry.edits:
        change = f"{each.what}: {each.before or '–'} → {each.after or '–'}"
        out.print(Text(f"  {local_time(each.at, now)} {each.by}: {change}", "dim"))


@app.command()
def report(
    by: Annotated[Key, typer.Option("--by", help="code or contact.")] = Key.CODE,
    full: Annotated[
        Form | None, typer.Option("--full", help="Every entry instead of sums, as csv or jsonl.", show_default=False)
    ] = None,
    out: OutOption = None,
    user: Annotated[str | None, typer.Option("--user", help="Only this user's talk.", metavar="USER")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """Billable time by client code or by contact; or all entries, to be downloaded."""
    from records.billable import report as summed

    if out is not None and full is None:
        raise typer.BadParameter("say what to write, too: --full csv or --full jsonl", param_hint="--out")
    places = Places.find(config, data)
    compiled = configured(places)
    whose = staff.known(compiled, user) if user is not None else None
    with record_store(places, compiled) as store, reading():
        entries = staff.doubted(_entries(store, whose, wanted(since, until)), compiled, whose)
        if full is not None:
            write_out(_text(entries, full), out)
            return
        lines = summed(entries, by.value)
    if json:
        write_json(lines)
        return
    if not lines:
        console().print("No billable time.")
        return
    figures = ("Calls", "Billable", "Talk")
    made = table("Client" if by is Key.CODE else "Contact", *figures, right=figures)
    for line in lines:
        made.add_row(line.key or "–", str(line.calls), duration(line.seconds), duration(line.talk_s))
    keep_whole(made, *figures)
    console().print(made)


@app.command()
def history(
    key: Annotated[str, typer.Argument(help="The contact, or the client code.", metavar="KEY")],
    by: Annotated[Key, typer.Option("--by", help="What KEY is: contact or code.")] = Key.CONTACT,
    since: SinceOption = None,
    until: UntilOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    json: JsonOption = False,
) -> None:
    """All that was noted or marked of a contact, or of a client, in the order of time, the latest first."""
    places = Places.find(config, data)
    with record_store(places, configured(places)) as store, reading():
        found = [each for each in _entries(store, None, wanted(since, until)) if getattr(each, by.value) == key]
    found.sort(key=lambda each: each.began_at, reverse=True)
    if json:
        write_json(found)
        return
    if not found:
        console().print(f"Nothing was marked or noted of {by.value} {key}.")
    for each in found:
        _show(each)


def _entries(store: Store | None, user: str | None, asked: Wanted) -> Iterator[Billable]:
    from records.billable import billables

    for record, told in store.billables(asked) if store is not None else ():
        yield from (each for each in billables(record, told) if user is None or each.user == user)


def _text(entries: Iterator[Billable], form: Form) -> Iterator[str]:
    from records.billable import COLUMNS, plain
    from records.export import csv_text, json_lines

    return csv_text(map(plain, entries), COLUMNS) if form is Form.CSV else json_lines(entries)
