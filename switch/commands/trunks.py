"""`ringplan trunks`: how the carriers stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switch.commands.common import JsonOption, RuntimeOption, ask, console, since, table

if TYPE_CHECKING:
    from rich.text import Text

    from switch.views import TrunkView


def trunks(runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """The carriers: whether we are registered there, which of their hosts are well, and the calls on them."""
    from rich.text import Text

    from switch.views import TrunksView

    view = ask(runtime, json, "trunks", TrunksView)
    out = console()
    if not view.trunks:
        out.print("There is no trunk.")
        return
    shown = table("Trunk", "Registration", "Hosts", "Calls", right=("Calls",))
    for trunk in view.trunks:
        hosts = Text("\n").join(_host(host.host, host.state, host.why, host.rtt_s) for host in trunk.hosts)
        calls = f"{trunk.calls} of {trunk.channels}" if trunk.channels else str(trunk.calls)
        shown.add_row(Text(trunk.trunk), registration(trunk), hosts or Text("not found", "bold red"), calls)
    for column in shown.columns:
        column.no_wrap = False
        column.overflow = "fold"
    out.print(shown)


def registration(trunk: TrunkView) -> Text:
    """`registered, renewed in 42 min` or `failed: 403 Forbidden, again in 2 min`."""
    from rich.text import Text

    if not trunk.registration:
        return Text("-", "dim")
    soon = since(trunk.next_s)
    if trunk.registration == "registered" and not trunk.why:
        return Text(f"registered, renewed in {soon}", "green")
    if trunk.registration == "registered":
        return Text(f"registered for {since(trunk.expires_s)} yet: {trunk.why}, again in {soon}", "bold yellow")
    if trunk.registration == "failed":
        return Text(f"failed: {trunk.why}, again in {soon}", "bold red")
    return Text(trunk.registration)


def _host(host: str, state: str, why: str, rtt_s: float) -> Text:
    from rich.text import Text

    if state == "well":
        return Text(host + (f", {rtt_s * 1000:.0f} ms" if rtt_s else ""))
    return Text(f"{host}, {state}: {why}", "bold yellow")
