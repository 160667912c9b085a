"""Mailboxes: messages that were left, what became of them, and what holds for a mailbox."""

from __future__ import annotations

import datetime

import msgspec


class MessageLeft(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=35):
    """A message in a mailbox. It is told of twice: `open` when its recording begins, so that what was said outlives a
    crash, and without when it is complete and `seconds` long. `call` is the call in which it was left, `number` and
    `name` who called. `sent_by` is the mailbox that it was forwarded from."""

    mailbox: str
    message: str
    at: datetime.datetime
    call: str = ""
    number: str = ""
    name: str = ""
    seconds: float = 0.0
    urgent: bool = False
    open: bool = False
    sent_by: str = ""


class MessageChanged(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=36):
    """Something became of a message: `what` is played, saved, deleted, restored (not deleted after all), mailed (by
    e-mail) or gone (for good, with its sound). `by` is who did it, as `device:anna-desk`."""

    mailbox: str
    message: str
    what: str
    by: str
    at: datetime.datetime


class MailboxSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=37):
    """What holds for a mailbox (`switch.state.mailboxes` has the keys). An absolute statement; an empty `value` takes
    it back. A PIN stands here as a salted hash."""

    mailbox: str
    key: str
    value: str
    by: str
    at: datetime.datetime


class MessageTold(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=45):
    """A message as it lies in a mailbox, told anew: an absolute statement. The fields are those of
    `switch.state.mailboxes.Message`; `deleted` in Unix seconds, 0: it is not."""

    mailbox: str
    message: str
    at: datetime.datetime
    call: str
    number: str
    name: str
    seconds: float
    urgent: bool
    open: bool
    sent_by: str
    played: bool
    saved: bool
    mailed: bool
    deleted: float
