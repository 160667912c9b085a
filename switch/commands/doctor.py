"""`ringplan doctor`: is this machine fit for the exchange that is configured here?"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from switch.commands.common import ConfigOption, DataOption, JsonOption, RuntimeOption, console, utc_now, write_json
from switch.sip.uri import hostport

if TYPE_CHECKING:
    from config.compiled import Compiled
    from config.problems import Problem
    from switch.arguments import Places
    from switch.doctor.finding import Finding
    from switch.views import StatusView

STYLES = {"good": "bold green", "warning": "bold yellow", "bad": "bold red"}


def doctor(
    config: ConfigOption = None,
    data: DataOption = None,
    runtime: RuntimeOption = None,
    stun: Annotated[
        str,
        typer.Option(help="Ask this STUN server which address the outside sees.", metavar="HOST[:PORT]"),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Look at the machine: ports, NAT, name servers, certificates, clock, disk, limits. Nothing is changed.

    Run it as the user of the service, so that it meets what the service meets. The status is 1 when something does not
    work; warnings leave it at 0.
    """
    from switch.arguments import Places

    findings = list(examine(Places.find(config, data, runtime), stun))
    broken = any(each.level == "bad" for each in findings)
    if json:
        write_json(findings)
    else:
        show(findings)
    raise typer.Exit(1 if broken else 0)


def examine(places: Places, stun: str) -> Iterator[Finding]:
    """All findings, in the order in which one would mend them."""
    from switch.blueprint import records_url
    from switch.doctor import certificates, machine, network, setting
    from switch.net.guard import Limits

    compiled, errors = _compile(places)
    running = _running(places)
    yield from setting.judge_configuration(places.config, compiled, errors)
    yield from setting.judge_running(running, compiled)
    yield from setting.judge_folders(places)
    if compiled is not None:
        yield setting.examine_store(records_url(compiled, places))
        yield from network.examine(compiled, running is not None, stun)
        yield from network.judge_names(asyncio.run(_names(compiled)))
        folder = places.config if places.config.is_dir() else places.config.parent
        yield from certificates.examine(compiled, folder, utc_now())
    connections = compiled.guard.connections if compiled else Limits().connections
    yield from machine.examine(places.data, connections)


def show(findings: list[Finding]) -> None:
    """A line each, with what to do below; then the sum."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    grid.add_column()
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for each in findings:
        said = Text(each.said)
        if each.advice and each.level != "good":
            said.append(f"\n{each.advice}", "dim")
        grid.add_row(Text("●", STYLES[each.level]), each.about, said)
    out = console()
    out.print(grid)
    out.print()
    broken, wrong = (sum(each.level == level for each in findings) for level in ("bad", "warning"))
    if broken:
        out.print(f"[bold red]●[/] {broken} to mend" + (f", {wrong} to look at" if wrong else ""))
    elif wrong:
        out.print(f"[bold yellow]●[/] it works; {wrong} to look at")
    else:
        out.print("[bold green]●[/] all is well")


def _compile(places: Places) -> tuple[Compiled | None, tuple[Problem, ...]]:
    from config import compile as compiling
    from config.problems import ConfigError

    try:
        return compiling.compile(places.config), ()
    except ConfigError as error:
        return None, error.problems


def _running(places: Places) -> StatusView | None:
    from switch.control import ControlClient, NotRunning, Refused
    from switch.views import StatusView

    try:
        with ControlClient(places.control, 5.0) as client:
            return client.ask("status", StatusView)
    except (NotRunning, Refused):
        return None


async def _names(compiled: Compiled) -> list[tuple[str, str, float]]:
    """Each carrier's host that is a name, with its targets of now (RFC 3263) and how long they took, in seconds."""
    from switch import handed
    from switch.net.resolver import Resolver
    from switch.net.targets import UnresolvedError, numeric

    resolver = Resolver(
        time.monotonic, random.random, families=handed.families(compiled), transports=handed.transports(compiled)
    )
    found = []
    try:
        for place in dict.fromkeys(place for trunk in compiled.trunks for place in trunk.places):
            if numeric(place.host) is not None:
                continue
            began = time.monotonic()
            try:
                targets = await resolver.resolve(place.host, place.port, place.transport)
                shown = ", ".join(f"{each.transport} {hostport(each.address, each.port)}" for each in targets)
            except UnresolvedError:
                shown = ""
            found.append((place.host, shown, time.monotonic() - began))
    finally:
        await resolver.close()
    return found
