"""`ringplan phones`: which telephones are registered, and from where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switch.commands.common import JsonOption, RuntimeOption, ask, console, keep_whole, since, table, utc_now

if TYPE_CHECKING:
    import datetime

    from rich.text import Text

    from switch.views import PhoneView, RefusedView

MANY = 12


def phones(runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """The telephones that are registered, by line; those that are not; and those that were turned away lately."""
    from rich.text import Text

    from switch.views import PhonesView

    view = ask(runtime, json, "phones", PhonesView)
    out = console()
    now = utc_now()
    if view.phones:
        shown = table("Line", "Telephone", "From", "Expires", "Reachable", "User agent", right=("Expires",))
        for phone in view.phones:
            left = max(0.0, (phone.expires_at - now).total_seconds())
            shown.add_row(
                Text(phone.line),
                Text(phone.device),
                Text(phone.address),
                Text(since(left)),
                reachable(phone, now),
                Text(phone.user_agent),
            )
        keep_whole(shown, "Line", "Telephone", "From", "Expires", "Reachable")
        out.print(shown)
    else:
        out.print("No telephone is registered.")
    if view.absent:
        more = f" and {len(view.absent) - MANY} more" if len(view.absent) > MANY else ""
        out.print(Text(f"not registered: {', '.join(view.absent[:MANY])}{more}", "dim"))
    for refused in view.refused[:MANY]:
        out.print(describe(refused, now))


def reachable(phone: PhoneView, now: datetime.datetime) -> Text:
    """`12 ms`, or `no, for 3 min`; `–` where nothing is known."""
    from rich.text import Text

    if phone.reachable is None:
        return Text("–", "dim")
    if phone.reachable:
        return Text(f"{phone.rtt_s * 1000:.0f} ms")
    ago = since(max(0.0, (now - (phone.since or now)).total_seconds()))
    return Text(f"no, for {ago}", "bold red")


def describe(refused: RefusedView, now: datetime.datetime) -> Text:
    """`● alice-phone from 192.0.2.7: wrong password, 4 times, the last 12 s ago`."""
    from rich.text import Text

    times = "once" if refused.count == 1 else f"{refused.count} times, the last"
    ago = since(max(0.0, (now - refused.last_at).total_seconds()))
    said = f"{refused.user or 'somebody'} from {refused.address} is refused: {refused.why}, {times} {ago} ago"
    return Text.assemble(("● ", "bold yellow"), said)
