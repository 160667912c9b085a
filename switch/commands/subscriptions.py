"""`ringplan subscriptions`: which telephones have a lamp for what."""

from __future__ import annotations

from switch.commands.common import JsonOption, RuntimeOption, ask, console, keep_whole, since, table, utc_now


def subscriptions(runtime: RuntimeOption = None, json: JsonOption = False) -> None:
    """The busy lamps and voicemail lamps of all telephones: what each is told of, and until when."""
    from rich.text import Text

    from switch.views import SubscriptionsView

    view = ask(runtime, json, "subscriptions", SubscriptionsView)
    out = console()
    if not view.subscriptions:
        out.print("No telephone has subscribed to anything.")
        return
    now = utc_now()
    shown = table("Telephone", "Watches", "Event", "Expires", "Told", "From", "User agent", right=("Expires", "Told"))
    for each in view.subscriptions:
        left = max(0.0, (each.expires_at - now).total_seconds())
        told = f"{each.notified}, waits" if each.waits else str(each.notified)
        shown.add_row(
            Text(each.device),
            Text(each.resource),
            Text(each.package),
            Text(since(left)),
            Text(told, "bold yellow" if each.waits else ""),
            Text(each.address),
            Text(each.user_agent),
        )
    keep_whole(shown, "Telephone", "Watches", "Event", "Expires", "Told")
    out.print(shown)
