"""`ringplan calls`: who talks with whom, now."""

from __future__ import annotations

from switch.commands.common import (
    JsonOption,
    RuntimeOption,
    ask,
    console,
    duration,
    keep_whole,
    table,
    utc_now,
)

COLOURS = {"ringing": "yellow", "talking": "green", "held": "cyan", "parked": "magenta"}


def calls(runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """The calls that are up, the oldest first."""
    from rich.text import Text

    from switch.views import CallView

    found = ask(runtime, json, "calls", tuple[CallView, ...])
    out = console()
    if not found:
        out.print("No calls.")
        return
    now = utc_now()
    shown = table("From", "To", "State", "Time", "Call", right=("Time",))
    for call in sorted(found, key=lambda call: call.started_at):
        colour = "bold red" if call.emergency else COLOURS.get(call.state, "")
        state = f"{call.state}, emergency" if call.emergency else call.state
        if call.slot:
            state += f" at {call.slot}"
        if call.recording:
            state += ", recorded" if call.recording == "on" else ", recording paused"
        begun = call.answered_at or call.started_at
        time = duration((now - begun).total_seconds())
        called = f"{call.called} → {call.answered_by}" if call.answered_by else call.called
        if call.room:
            called = f"{called} · {call.room}{f' ({call.part})' if call.part else ''}"
        elif call.service and not (call.answered_by or call.slot):
            called = f"{called} · {call.service}"
        shown.add_row(Text(call.caller), Text(called), Text(state, colour), time, Text(call.call, "dim"))
    keep_whole(shown, "Time", "Call")
    out.print(shown)
    for call in found:
        if call.emergency:
            where = ", ".join(each for each in (call.device, call.address) if each)
            out.print(Text(f"● {call.caller} calls {call.called} for help from {where or 'somewhere'}", "bold red"))
    out.print(f"{len(found)} call{'' if len(found) == 1 else 's'}", style="dim")
