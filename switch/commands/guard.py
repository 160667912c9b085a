"""`ringplan guard`: who is shut out and why; lift a ban, allow an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from switch.commands.common import (
    JsonOption,
    RuntimeOption,
    ask,
    console,
    keep_whole,
    local_time,
    since,
    table,
    utc_now,
)

if TYPE_CHECKING:
    from switch.views import BanView

Address = Annotated[str, typer.Argument(help="An address, such as 192.0.2.7.", metavar="ADDRESS")]
Network = Annotated[str, typer.Argument(help="An address or a network, such as 192.0.2.0/24.", metavar="ADDRESS")]

app = typer.Typer(
    help="Who is shut out and why; lift a ban, allow an address.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def guard(context: typer.Context, runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """Who is shut out, why, and until when; lift a ban, allow an address."""
    if context.invoked_subcommand is not None:
        return
    from switch.views import GuardView

    view = ask(runtime, json, "guard", GuardView)
    out = console()
    if view.bans:
        out.print(_table(view.bans))
        if view.standing > len(view.bans):
            out.print(f"[dim]and {view.standing - len(view.bans)} older ones[/]")
    else:
        out.print("Nobody is shut out.")
    if view.dry_run:
        out.print("[bold yellow]●[/] dry run: nobody is shut out, these would be (guard.ban.dry_run)")
    networks = [*view.configured, *view.allowed]
    if networks:
        out.print(f"[dim]never banned: {', '.join(networks)}[/]")
    out.print(
        f"[dim]packets dropped: {view.dropped} of banned sources and scanners, {view.refused} over a source's rate; "
        f"sources remembered: {view.sources}[/]"
    )


@app.command()
def explain(address: Address, runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """How an address stands, and why."""
    from rich.text import Text

    from switch.views import GuardExplainView

    view = ask(runtime, json, "guard_explain", GuardExplainView, address=address)
    out = console()
    out.print(
        Text.assemble((view.address, "bold"), " is shut out, in part or as a whole" if view.blocked else " is let in")
    )
    for sentence in view.sentences:
        out.print(Text(f"  {sentence}"))
    if view.bans:
        out.print(_table(view.bans))


@app.command()
def unban(address: Address, runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """Lift all bans of an address, and forget what it did."""
    from switch.views import UnbanView

    view = ask(runtime, json, "guard_unban", UnbanView, address=address)
    for ban in view.lifted:
        typer.echo(f"lifted: {ban.source} ({ban.why})")


@app.command()
def allow(
    address: Network,
    undo: Annotated[bool, typer.Option("--undo", help="It may be banned again.", metavar="")] = False,
    runtime: RuntimeOption = None,
    json: JsonOption = False,
) -> None:
    """Never ban an address or network; kept over restarts, until it is undone."""
    from switch.views import GuardView

    ask(runtime, json, "guard_allow", GuardView, address=address, undo=undo)
    typer.echo(f"{'may be banned again' if undo else 'never banned'}: {address}")


def _table(bans: tuple[BanView, ...]) -> object:
    from rich.text import Text

    now = utc_now()
    shown = table("Source", "Since", "For another", "Packets", "Bans", "Why", right=("For another", "Packets", "Bans"))
    for ban in bans:
        left = since(max(0.0, (ban.until - now).total_seconds()))
        why = f"(dry run) {ban.why}" if ban.dry_run else ban.why
        row = (ban.source, local_time(ban.since, now), left, str(ban.dropped), str(ban.times), why)
        shown.add_row(*map(Text, row))
    keep_whole(shown, "Source", "Since", "For another")
    # The reason is what one came for.
    shown.columns[-1].no_wrap, shown.columns[-1].overflow = False, "fold"
    return shown
