"""How the reports of `ringplan report` look to a person: as many columns as the screen has room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from switch.commands.common import GAP, console, counted, duration, keep_whole, local_time, table, utc_now

if TYPE_CHECKING:
    from records.reports.recordings import RecordedCall, RecordingReport, RecordingRow
    from records.reports.users import Ranked, UserReport

NAME_WIDTH = 16
"""What is called something has at least so much room before another column gives way."""


def users(found: Sequence[UserReport]) -> None:
    """UPR-1 to 20, a line a user."""
    if not found:
        console().print("No users and no calls.")
        return
    give_way = ("Park", "Hold", "Site", "Mean", "Ext", "Voicemail", "Others")
    _fitted([_user(each) for each in found], names=("User", "Ext", "Site"), give_way=give_way)


def _user(each: UserReport) -> dict[str, str]:
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
        "Mean": _length(each.average_s),
        "Time": duration(each.call_s),
        "Hold": duration(each.hold_s) if each.hold_s else "",
        "Park": duration(each.park_s) if each.park_s else "",
        "Site": each.site,
    }


def compared(found: Mapping[str, Mapping[str, Any]], chosen: Sequence[str]) -> None:
    """The users beside each other, a line a measure."""
    from rich.text import Text

    shown = table("Measure", *chosen, right=tuple(chosen))
    for name, values in found.items():
        shown.add_row(Text(name.replace("_", " ")), *(_figure(name, values[user]) for user in chosen))
    console().print(shown)


def ranked(board: Sequence[Ranked], measure: str) -> None:
    """The users in the order of their places."""
    from rich.text import Text

    if not board:
        console().print("Nobody has anything to be ranked by.")
        return
    shown = table("Place", "User", measure.replace("_", " "), right=("Place", measure.replace("_", " ")))
    for each in board:
        shown.add_row(str(each.place), Text(each.name or each.user), _figure(measure, each.value))
    console().print(shown)


def recordings(report: RecordingReport) -> None:
    """RRP-1 to 13: the totals, then a line a user."""
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
    rows = [
        {
            "User": each.name or each.user,
            "Ext": each.extension,
            "Calls": str(each.calls),
            "Recordings": str(each.recordings),
            "By a rule": str(each.automatic),
            "Asked for": str(each.ad_hoc),
            "Group": each.group,
            "Site": each.site,
        }
        for each in report.users
    ]
    if rows:
        _fitted(rows, names=("User", "Ext", "Group", "Site"), give_way=("Group", "Site", "Ext"))


def recorded_calls(found: Sequence[RecordedCall]) -> None:
    """RRP-14 to 22, a line a call."""
    if not found:
        console().print("No calls.")
        return
    now = utc_now()
    rows = [
        {
            "When": local_time(each.started_at, now),
            "Direction": each.direction,
            "From": each.caller or "anonymous",
            "To": each.callee,
            "Result": each.result.replace("_", " "),
            "Length": duration(each.duration_s),
            "Rec": str(each.recordings or ""),
            "Way": " → ".join(stop for stop, _ in groupby(each.path)),
        }
        for each in found
    ]
    names = ("Direction", "From", "To", "Result", "Way")
    _fitted(rows, names=names, whole=("When",), give_way=("Direction", "Rec", "Way"))


def files(found: Sequence[RecordingRow]) -> None:
    """RRP-23 to 30, a line a recording."""
    if not found:
        console().print("No recordings.")
        return
    now = utc_now()
    rows = [
        {
            "When": local_time(each.at, now),
            "Direction": each.direction,
            "From": each.caller or "anonymous",
            "To": each.callee,
            "Owner": each.owner if each.owner_type == "user" else f"{each.owner_type} {each.owner}",
            "Kind": each.kind.replace("_", " ") + (", gone" if each.marked else ""),
            "File": each.file,
        }
        for each in found
    ]
    names = ("Direction", "From", "To", "Owner", "Kind")
    _fitted(rows, names=names, whole=("When", "File"), give_way=("Direction", "To", "From"))


def queues(found: Sequence[Mapping[str, Any]]) -> None:
    """RTQ and HQR, a line a queue; or several, each of a piece of time that begins `since`."""
    if not found:
        console().print("No queue has had a call.")
        return
    now = utc_now()
    rows = [
        ({"From": local_time(each["since"], now)} if "since" in each else {})
        | {
            "Queue": each["name"] or each["queue"],
            "Calls": str(each["offered"]),
            "In time": _percent(each["service_percent"]),
            "Aim": _percent(each["target_percent"]),
            "Wait": _length(each["wait_s"]),
            "Longest": _length(each["longest_wait_s"]),
            "Talked": str(each["completed"] or ""),
            "Gave up": str(each["abandoned"] or ""),
            "Sent on": str(each["overflowed"] or ""),
            "Missed": str(each["missed"] or ""),
            "Handling": _length(each["handling_s"]),
        }
        for each in found
    ]
    _fitted(rows, names=("Queue",), whole=("From",), give_way=("Missed", "Sent on", "Handling", "Aim", "Longest"))


def _fitted(
    rows: Sequence[Mapping[str, str]], *, names: Sequence[str], give_way: Sequence[str], whole: Sequence[str] = ()
) -> None:
    """Print a table whose columns are those of the rows: `names` may be shortened, `whole` may not, and the others are
    figures. Where the screen is too narrow, those that `give_way` are left out, the first one first, and named."""
    from rich.cells import cell_len
    from rich.text import Text

    widths = {name: max(cell_len(text) for text in (name, *(row[name] for row in rows))) for name in rows[0]}
    least = {name: min(width, NAME_WIDTH) if name in names else width for name, width in widths.items()}
    left_out: list[str] = []
    while sum(least.values()) + GAP * (len(least) - 1) > console().width and len(left_out) < len(give_way):
        left_out.append(give_way[len(left_out)])
        del least[left_out[-1]]
    figures = tuple(name for name in least if name not in (*names, *whole))
    shown = table(*least, right=figures)
    for row in rows:
        shown.add_row(*(Text(row[name]) for name in least))
    keep_whole(shown, *figures, *whole)
    console().print(shown)
    if left_out:
        console().print(f"No room for {', '.join(left_out)}: a wider screen, --csv and --json have all.", style="dim")


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:g} %"


def _length(value_s: float | None) -> str:
    return "n/a" if value_s is None else duration(value_s)


def _figure(measure: str, value: float | None) -> str:
    if measure.endswith("_s"):
        return _length(value)
    return "n/a" if value is None else f"{value:g}"
