"""`ringplan status`: how the exchange is, on one screen."""

from __future__ import annotations

from switch.commands.common import JsonOption, RuntimeOption, console, exchange, since, utc_now, write_json
from switch.commands.phones import describe
from switch.commands.trunks import registration

FEW = 5


def status(runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """How the exchange is. Ends with status 1 when something is wrong; a warning leaves it at 0."""
    import typer
    from rich.table import Table
    from rich.text import Text

    from switch.views import StatusView

    with exchange(runtime) as client:
        view = client.ask("status", StatusView)
    if json:
        write_json(view)
        raise typer.Exit(1 if view.troubles else 0)

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    up = since((utc_now() - view.started_at).total_seconds())
    grid.add_row("exchange", f"{view.version}, up for {up}, process {view.process}")
    grid.add_row("configuration", f"{view.config}  version {view.configuration}")
    grid.add_row("listening", "\n".join(view.listeners) or "nowhere")
    for certificate in view.certificates:
        left = (certificate.ends_at - utc_now()).total_seconds()
        told = f"for {since(left)} still" if left > 0 else "[bold red]has ended[/]"
        first = certificate == view.certificates[0]
        grid.add_row("TLS" if first else "", f"{certificate.name} on {certificate.where}: {told}")
    contacts = f"{view.contacts} contact{'' if view.contacts == 1 else 's'}"
    registered = f"{view.lines_registered} of {view.lines} lines registered, {contacts}"
    grid.add_row("telephones", f"{view.devices} device{'' if view.devices == 1 else 's'}; {registered}")
    grid.add_row(
        "calls", f"[bold]{view.calls}[/] now; {view.calls_started} since start, {view.calls_answered} answered"
    )
    grid.add_row(
        "SIP", f"{view.messages_in} messages in, {view.messages_out} out; {view.transactions} transactions open"
    )
    for trunk in view.trunks:
        down = [host for host in trunk.hosts if host.state != "well"]
        hosts = f", {len(down)} of {len(trunk.hosts)} hosts not well" if down else "" if trunk.hosts else ", not found"
        said = Text.assemble(
            f"{trunk.trunk}: ", registration(trunk) if trunk.registration else "not registering", hosts
        )
        grid.add_row("trunks" if trunk is view.trunks[0] else "", said)
    for worker in view.workers:
        told = f"{worker.legs} leg{'' if worker.legs == 1 else 's'}" if worker.connected else "[bold red]down[/]"
        grid.add_row("sound" if worker.index == view.workers[0].index else "", f"worker {worker.index}: {told}")
    out = console()
    out.print(grid)
    out.print()
    for emergency in view.emergencies:
        out.print(Text.assemble(("● ", "bold red"), (emergency, "bold red")))
    for trouble in view.troubles:
        out.print(Text.assemble(("● ", "bold red"), trouble))
    for warning in view.warnings:
        out.print(Text.assemble(("● ", "bold yellow"), warning))
    for refused in view.refused[:FEW]:
        out.print(describe(refused, utc_now()))
    if len(view.refused) > FEW:
        out.print(f"[bold yellow]●[/] and {len(view.refused) - FEW} more are refused: ringplan phones")
    if not (view.troubles or view.warnings or view.refused or view.emergencies):
        out.print("[bold green]●[/] all is well")
    raise typer.Exit(1 if view.troubles else 0)
