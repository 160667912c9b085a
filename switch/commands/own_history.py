"""`ringplan history --user anna`: the history of one user, as that user is to see it (DCH-1 to 5, REP-2)."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from switch.arguments import Places
from switch.commands import staff
from switch.commands.common import console, duration, exchange, fail, keep_whole, local_time, table, utc_now, write_json
from switch.commands.stored import configured, masking, reading, record_store
from switch.commands.writing import print_csv

if TYPE_CHECKING:
    from records.cdr import CallRecord
    from records.history import Entry, View
    from records.store import Store
    from records.viewer import Viewer

SEEN_S = 5.0
"""So long the record store may take until it has what was deleted."""
MARKS = {
    ("outbound", "answered"): ("→", "green"),
    ("outbound", "unanswered"): ("→", "yellow"),
    ("inbound", "answered"): ("←", "green"),
    ("inbound", "elsewhere"): ("←", "cyan"),
    ("inbound", "missed"): ("✗", "bold red"),
}


def show(
    name: str,
    places: Places,
    last: int,
    since: datetime.datetime | None,
    *,
    portal: bool,
    mask: bool | None,
    json: bool,
    as_csv: bool,
) -> None:
    """Print it, the newest first."""
    from records.history import COLUMNS, View

    compiled = configured(places)
    user, names = staff.known(compiled, name), staff.names(compiled)
    with record_store(places, compiled) as store, reading():
        view = View.PORTAL if portal else View.APP
        shown = masking(places, bool(mask))  # what users saw on their telephones is theirs
        found = _found(store, staff.viewer(compiled, user), view, names, last, since, shown) if store else []
    if json:
        write_json(found)
    elif as_csv:
        from msgspec.structs import asdict

        print_csv(map(asdict, found), COLUMNS[:-1] if portal else COLUMNS)
    elif found:
        _table(found, user, names)
    else:
        console().print(f"No calls of {user}. {staff.doubt(compiled, user)}".strip())


def delete(name: str, calls: list[str], places: Places, runtime: Path | None) -> None:
    """Take calls out of this user's history, and of nobody else's (DCH-2)."""
    from records.history import entries
    from switch.views import HiddenView

    compiled = configured(places)
    user = staff.known(compiled, name)
    with record_store(places, compiled) as store:
        if store is None:
            fail(f"no call {calls[0]} is in the history of {user}")
        viewer, wanted = staff.viewer(compiled, user), []
        with reading():
            for call in calls:
                found = store.history(2, call=call)
                own = [each.call for each in entries(found, viewer, hidden=store.hidden(user, [r.call for r in found]))]
                if len(own) != 1:
                    fail(f"{'several calls begin with' if own else 'no call'} {call} in the history of {user}")
                wanted += own
        with exchange(runtime) as client:
            client.ask("history_hide", HiddenView, viewer=user, calls=wanted)
        with reading():
            seen = _seen(store, user, wanted)
    late = "" if seen else "; the record store has yet to take it in"
    typer.echo(f"{', '.join(wanted)}: deleted for {user} alone{late}")


def _found(
    store: Store,
    viewer: Viewer,
    view: View,
    names: dict[str, str],
    last: int,
    since: datetime.datetime | None,
    shown: Callable[[CallRecord], CallRecord],
) -> list[Entry]:
    from records.history import entries
    from records.store.questions import Wanted

    records = store.newest({viewer.user, *viewer.shares}, Wanted(since=since), hidden_by=viewer.user)
    return list(islice(entries(map(shown, records), viewer, view=view, names=names), last))


def _seen(store: Store, user: str, calls: list[str]) -> bool:
    until = time.monotonic() + SEEN_S
    while len(store.hidden(user, calls)) < len(calls):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def _table(found: list[Entry], user: str, names: dict[str, str]) -> None:
    from rich.text import Text

    now = utc_now()
    labelled = any(getattr(each, "label", "") for each in found)
    columns = ("When", "", "Number", "Name", "Talk", *(("Label",) if labelled else ()), "Call")
    shown = table(*columns, right=("Talk",))
    for each in found:
        mark, colour = MARKS.get((each.direction, each.outcome), ("", ""))
        row: list[Any] = [
            local_time(each.at, now),
            Text(mark, colour),
            Text(each.number or "anonymous"),
            Text(each.name),
            "voicemail" if each.voicemail else duration(each.talk_s) if each.talk_s else "–",
        ]
        if labelled:
            row.append(Text(getattr(each, "label", "")))
        shown.add_row(*row, Text(each.call, "dim"))
    if labelled:  # what it is about: rather in two lines than not whole
        shown.columns[columns.index("Label")].no_wrap = False
        shown.columns[columns.index("Label")].overflow = "fold"
    keep_whole(shown, "When", "Talk", "Call")
    out = console()
    out.print(shown)
    missed = sum(each.outcome == "missed" for each in found)
    if missed:
        out.print(f"✗ missed: {missed}", style="dim")
