"""`ringplan mailbox`: what lies in mailboxes, and their PINs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from switch.commands.common import JsonOption, RuntimeOption, ask, console, duration, local_time, table, utc_now

Name = Annotated[str, typer.Argument(help="A mailbox, a user, or an extension.", metavar="NAME")]

app = typer.Typer(
    help="What lies in mailboxes, and their PINs.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list")
def list_(runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """All mailboxes: how many messages, whether there is a PIN, and who else opens them."""
    from rich.text import Text

    from switch.views import MailboxesView

    view = ask(runtime, json, "mailboxes", MailboxesView)
    out = console()
    if not view.mailboxes:
        out.print("There is no mailbox: write `voicemail: true` for users, or `mailboxes`.")
        return
    shown = table(
        "Mailbox", "Name", "Ext", "New", "Urgent", "Old", "PIN", "Shared with", right=("New", "Urgent", "Old")
    )
    for each in view.mailboxes:
        pin: Text | str = Text(f"locked {duration(each.locked_s)}", "bold red") if each.locked_s else "set"
        shown.add_row(
            Text(each.mailbox),
            Text(each.name),
            each.extension,
            str(each.new or ""),
            str(each.urgent or ""),
            str(each.old or ""),
            pin if each.pin else "none",
            Text(", ".join(each.shared_with)),
        )
    out.print(shown)


@app.command("show")
def show(name: Name, runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """The messages of one mailbox, in the order in which they are played. They are heard by telephone only."""
    from rich.text import Text

    from switch.views import MailboxesView

    view = ask(runtime, json, "mailboxes", MailboxesView, name=name)
    out, now = console(), utc_now()
    for box in view.mailboxes:
        out.print(Text(f"{box.mailbox}, {box.name}" if box.name else box.mailbox, "bold"))
        out.print(f"{box.new} new, {box.old} old, room for {max(0, box.room - box.new - box.old)} more")
        if not box.pin:
            out.print(f"No PIN is set, so nobody can fetch them: ringplan mailbox pin {box.mailbox}")
    if not view.messages:
        return
    shown = table("When", "Number", "Name", "Length", "", "Forwarded by", right=("Length",))
    for each in view.messages:
        state = f"urgent, {each.state}" if each.urgent else each.state
        shown.add_row(
            local_time(each.at, now),
            Text(each.number or "unknown"),
            Text(each.name),
            duration(each.seconds),
            state,
            Text(each.sent_by),
        )
    out.print(shown)


@app.command("pin")
def pin(
    name: Name,
    chance: Annotated[bool, typer.Option("--random", help="Make one, and show it.", metavar="")] = False,
    runtime: RuntimeOption = None,
    json: JsonOption = False,
) -> None:
    """Set the PIN of a mailbox, which is asked for. It also ends a lock-out. With --random a new one is shown once.

    Through a pipe it is the first line of standard input.
    """
    from switch.views import MailboxPinView

    given = "" if chance else _asked()
    view = ask(runtime, json, "mailbox_pin", MailboxPinView, name=name, pin=given)
    typer.echo(f"the PIN of {view.mailbox} is {view.pin}" if view.pin else f"the PIN of {view.mailbox} is set")


@app.command("unlock")
def unlock(name: Name, runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """End the lock-out after wrong PINs."""
    from switch.views import MailboxesView

    view = ask(runtime, json, "mailbox_unlock", MailboxesView, name=name)
    for each in view.mailboxes:
        typer.echo(f"{each.mailbox} is not locked")


def _asked() -> str:
    if not sys.stdin.isatty():
        line = sys.stdin.readline().strip()
        if not line:
            raise typer.BadParameter("no PIN on standard input")
        return line
    value: str = typer.prompt("PIN", hide_input=True, confirmation_prompt=True)
    return value
