"""`ringplan parked`: who waits in which park slot."""

from __future__ import annotations

from switch.commands.common import JsonOption, RuntimeOption, ask, console, duration, keep_whole, table, utc_now


def parked(runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """The calls that are parked: in which slot, by whom, and for how long yet."""
    from rich.text import Text

    from switch.views import ParkedView

    found = ask(runtime, json, "parked", tuple[ParkedView, ...])
    out = console()
    if not found:
        out.print("No parked calls.")
        return
    now = utc_now()
    shown = table("Lot", "Slot", "Parked", "By", "Since", "Returns in", "Call", right=("Since", "Returns in"))
    for each in found:
        waited = duration(max(0.0, (now - each.at).total_seconds()))
        returns = Text("rings", "yellow") if each.rings else Text(duration(each.left_s))
        shown.add_row(
            Text(each.lot),
            Text(each.slot, "bold"),
            Text(each.name),
            Text(each.by),
            waited,
            returns,
            Text(each.call, "dim"),
        )
    keep_whole(shown, "Slot", "Since", "Returns in", "Call")
    out.print(shown)
