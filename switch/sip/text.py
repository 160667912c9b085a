"""A line of text for the display of a far end that is in a call with us: MESSAGE in its dialog (RFC 3428 section 4, RFC
5057). What it answers changes nothing: one that shows no text has lost nothing but the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from switch.sip.invite import InviteUsage

MOST = 200
"""So many characters at the most, so that it fits into a datagram with all headers."""


def send(usage: InviteUsage, words: str, now: float) -> None:
    """Send it, once. Only in a confirmed dialog whose far end `allows_message`."""
    dialog = usage.dialog
    lines = dialog.lines("MESSAGE", dialog.next_cseq())
    lines.append("Content-Type: text/plain;charset=UTF-8")
    usage.request(dialog, usage.flow, "MESSAGE", lines, words[:MOST].encode(), now)
