"""`ringplan history`: calls that have ended, from the record store. Works without a running exchange."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Annotated

import typer

from dialplan.termination import Reason, Result
from switch.arguments import Places
from switch.commands import own_history
from switch.commands.common import (
    ConfigOption,
    DataOption,
    JsonOption,
    RuntimeOption,
    console,
    duration,
    keep_whole,
    local_time,
    table,
    utc_now,
    write_json,
)
from switch.commands.decision import answered_by, show
from switch.commands.moments import moment
from switch.commands.stored import (
    LineOption,
    MaskOption,
    NumberOption,
    SinceOption,
    masking,
    none_ended,
    read_records,
)
from switch.commands.writing import CsvOption, print_csv

if TYPE_CHECKING:
    from records.cdr import CallRecord

RESULTS = tuple(each.value for each in Result)
REASONS = tuple(each.value for each in Reason)
COLOURS = {"answered": "green", "failed": "bold red", "unreachable": "red", "refused": "red", "busy": "yellow"}


def _result(text: str | None) -> str | None:
    """As the list shows it, with spaces, or as the JSON has it."""
    if text is None:
        return None
    word = "_".join(text.lower().replace("-", " ").replace("_", " ").split())
    if word not in RESULTS and word not in REASONS:
        near = difflib.get_close_matches(word, RESULTS + REASONS, n=1, cutoff=0.6)
        results, reasons = ", ".join(RESULTS), ", ".join(each for each in REASONS if each not in RESULTS)
        meant = f"did you mean {near[0]}? " if near else ""
        raise typer.BadParameter(f"{meant}There are: {results}; and the reasons: {reasons}")
    return word


def history(
    call: Annotated[
        str | None,
        typer.Argument(
            help="One call, as the list names it; its beginning is enough. It is shown with the reasons for its way.",
            show_default=False,
            metavar="CALL",
        ),
    ] = None,
    last: Annotated[int, typer.Option("--last", "-n", min=1, max=100_000, help="How many calls.", metavar="N")] = 20,
    number: NumberOption = None,
    line: LineOption = None,
    since: SinceOption = None,
    result: Annotated[
        str | None,
        typer.Option(
            help="Only these: " + ", ".join(RESULTS) + "; or a reason as the list shows it, such as not_found.",
            metavar="RESULT",
            callback=_result,
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            help="The history of this user, with that of shared lines, as the user sees it.",
            metavar="USER",
            show_default=False,
        ),
    ] = None,
    portal: Annotated[
        bool, typer.Option("--portal", help="With --user: without labels, as on the web.", metavar="")
    ] = False,
    delete: Annotated[
        list[str] | None,
        typer.Option(
            "--delete",
            help="With --user: take this call out of that history, and no other. It stays in the records.",
            metavar="CALL",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    runtime: RuntimeOption = None,
    json: JsonOption = False,
    as_csv: CsvOption = False,
    mask: MaskOption = None,
) -> None:
    """Calls that have ended, the newest first; or one of them, and why it went where it went."""
    begin = moment(since, utc_now()) if since else None
    places = Places.find(config, data)
    if user is not None:
        if call or number or line or result:
            raise typer.BadParameter("with --user there are --last, --since, --portal, --mask and --delete")
        if delete:
            own_history.delete(user, delete, places, runtime)
        else:
            own_history.show(user, places, last, begin, portal=portal, mask=mask, json=json, as_csv=as_csv)
        return
    if portal or delete:
        raise typer.BadParameter("whose history? write --user NAME")
    shown = masking(places, mask, export=json or as_csv)
    found = [
        shown(record)
        for record in read_records(places, last, number=number, line=line, since=begin, result=result, call=call)
    ]
    if json:
        from records.export import whole

        write_json([whole(record) for record in found])
    elif as_csv:
        from records.export import COLUMNS, row

        print_csv(map(row, found), COLUMNS)
    elif not found and call is not None:
        none_ended(call)
    elif not found:
        console().print("No calls.")
    elif call is not None and len(found) == 1:
        show(found[0], places)
    else:
        _show(found)


USUAL = frozenset(
    (Reason.CALLER_HUNG_UP, Reason.CALLEE_HUNG_UP, Reason.SERVICE_ENDED, Reason.TRANSFERRED, Reason.JOINED)
)
"""How answered calls end when people end them: not worth a word in a list."""


def ending_of(record: CallRecord) -> str:
    """Its result in words; with the reason where nobody has hung up, as when a media worker died."""
    reason = record.reason.replace("_", " ")
    if record.result != "answered":
        return reason
    return record.result if record.reason in USUAL or not reason else f"answered, {reason}"


def _show(found: list[CallRecord]) -> None:
    from rich.text import Text

    now = utc_now()
    out = console()
    room = 60 if out.width >= 100 else 6  # who answered must not cost the end of a long number
    shown = table("When", "From", "To", "Result", "Talk", "Call", right=("Talk",))
    for record in found:
        caller = record.caller_number or record.line or record.trunk or "?"
        called = record.number or record.dialled
        ending = ending_of(record)
        shown.add_row(
            local_time(record.started_at, now),
            Text(caller),
            Text(" → ".join((called, *answered_by(record))) if len(called) <= room else called),
            Text(ending, COLOURS.get(record.result, "")) + Text(" ↺" if record.recovered else "", "cyan"),
            duration(record.talk_s) if record.answered_at else "–",
            Text(record.call, "dim"),
        )
    keep_whole(shown, "When", "Talk", "Call")
    out.print(shown)
    if any(record.recovered for record in found):
        out.print("↺ outlived a restart of the exchange", style="dim")
