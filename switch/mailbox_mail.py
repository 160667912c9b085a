"""The e-mail of a new message (VMN-1): a notice, the message as an attachment, or both.

none                     nobody is told
notice                   who called, when, how long the message is
notice_with_attachment   the same, with the message
attachment_only          the message
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Callable
from email.message import EmailMessage

import msgspec

from config.compiled import MailboxSettings
from switch.mailing import begun
from switch.state.mailboxes import Message

NONE, NOTICE, BOTH, ATTACHMENT = "none", "notice", "notice_with_attachment", "attachment_only"
_TYPES = {"wav": ("audio", "wav"), "mp3": ("audio", "mpeg"), "opus": ("audio", "ogg")}

Encoded = Callable[[str, str, str], bytes]
"""(mailbox, message, kind): the sound in that form; blocks."""


class Notice(msgspec.Struct, frozen=True):
    """A letter about one message. `box` is how the mailbox is set up, `message` what was left there."""

    to: str
    box: MailboxSettings
    message: Message

    @property
    def call(self) -> str:
        """See `switch.mailing.Addressed`."""
        return f"{self.message.mailbox}/{self.message.id}"


def notice(box: MailboxSettings, message: Message) -> Notice | None:
    """The letter that is due; None where nobody is to be told."""
    if box.notify == NONE or not box.email:
        return None
    return Notice(box.email, box, message)


def write(letter: Notice, sender: str, encoded: Encoded) -> EmailMessage:
    """The message. It reads the sound, and has it encoded: for a thread. Raises OSError."""
    box, message = letter.box, letter.message
    who, when, length = caller(message), local(message.at, box.time_zone), spoken_length(message.seconds)
    urgent = "Urgent voice message" if message.urgent else "Voice message"
    made = begun(letter, sender, f"{urgent} from {who} for {box.name or box.id}")
    if message.urgent:
        made["Importance"] = "high"
    lines = [] if box.notify == ATTACHMENT else [f"{urgent} for {box.name or box.id}.", ""]
    if box.notify != ATTACHMENT:
        lines += [f"From:   {who}", f"When:   {when:%A, %-d %B %Y, %H:%M} ({box.time_zone})", f"Length: {length}"]
        if message.sent_by:
            lines.append(f"Forwarded by: {message.sent_by}")
    made.set_content("\n".join(lines) + "\n" if lines else "\n")
    if box.notify != NOTICE:
        main, sub = _TYPES[box.format]
        name = f"message-{when:%Y%m%d-%H%M%S}.{box.format}"
        made.add_attachment(encoded(message.mailbox, message.id, box.format), maintype=main, subtype=sub, filename=name)
    return made


def caller(message: Message) -> str:
    """Who called, for people, in one line."""
    name = " ".join("".join(c if c.isprintable() else " " for c in message.name).split())[:80]
    number = "".join(c for c in message.number if c.isprintable())[:40]
    if name and number:
        return f"{name} ({number})"
    return name or number or "an unknown caller"


def local(at: datetime.datetime, zone: str) -> datetime.datetime:
    """The instant as the clocks there show it."""
    return at.astimezone(zoneinfo.ZoneInfo(zone))


def spoken_length(seconds: float) -> str:
    """`7 seconds`, `1 minute 5 seconds`."""
    minutes, rest = divmod(max(1, round(seconds)), 60)
    parts = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in ((minutes, "minute"), (rest, "second"))]
    return " ".join(part for part, count in zip(parts, (minutes, rest), strict=True) if count)
