"""How a mailbox works: settings that account, sites, groups, users and lines share, and mailboxes that are nobody's
own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.schema_emergency import Email
from config.section import Section
from config.types import Boolean, File, choice, duration, integer
from config.words import limit

DAY_S = 86400


class MailboxKeys(Section):
    """The mailbox: what callers hear, how much they may say, who is told of it, and the PIN that opens it by
    telephone."""

    greeting: File | None = Field(
        default=None, description="the file that callers hear who have none recorded for them; `default`: spoken words"
    )
    longest: Annotated[float, duration(5, 3600)] = Field(default=180.0, description="how long a message may be")
    silence: Annotated[float, limit(2, 60)] = Field(
        default=10.0, description="after so long without a word a message is over; `none`: never"
    )
    messages: Annotated[int, integer(1, 10000)] = Field(
        default=100, description="how many messages there is room for; callers are told when it is full"
    )
    keep: Annotated[float, limit(DAY_S, 3650 * DAY_S)] = Field(
        default=0.0, description="after so long a message is deleted, such as 90d; `none`: never"
    )
    email: Email | None = Field(default=None, description="where new messages are told by e-mail; else the user's own")
    notify: Annotated[str, choice("none", "notice", "notice_with_attachment", "attachment_only")] = Field(
        default="none",
        description="the e-mail of a new message: none; a notice; with the message attached; the message alone",
    )
    format: Annotated[str, choice("wav", "mp3", "opus")] = Field(
        default="wav", description="what is attached: wav is understood everywhere, the others are smaller"
    )
    delete_after_email: Boolean = Field(
        default=False, description="whether a message is deleted here once it went out as an attachment"
    )
    pin_length: Annotated[int, integer(4, 16)] = Field(default=6, description="the fewest digits of a PIN")
    pin_tries: Annotated[int, integer(1, 20)] = Field(
        default=5, description="after so many wrong PINs the mailbox is locked for a while"
    )
    pin_lockout: Annotated[float, duration(60, DAY_S)] = Field(default=900.0, description="how long it is locked")
