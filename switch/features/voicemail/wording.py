"""What mailboxes say, as rows of prompts (`switch/prompts/texts.py` has the words)."""

from __future__ import annotations

import datetime
import zoneinfo

from config.compiled import MailboxSettings
from switch.mailboxes import Counts
from switch.prompts.words import Sources, Words
from switch.state.mailboxes import Message

BEEP: Sources = ("silence:200", "tone:1000:300")
BUSY = 486


class Wording:
    """Everything that is more than one prompt."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def __call__(self, *ids: str) -> Sources:
        """These prompts, one after the other."""
        return self._words.sources(*ids)

    def greeting(self, box: MailboxSettings, file: str, cause: int) -> Sources:
        """What a caller hears first: the `file`, or spoken words for the SIP `cause` that led here; without the
        beep."""
        if file:
            return (f"file:{file}",)
        say = self._words.sources
        if not box.owner:
            return say("vm_leave_message")
        if cause == BUSY:
            return say("vm_greeting_busy")
        if box.extension:
            return (
                *say("vm_person_at_extension"),
                *self._words.digits(box.extension),
                *say("vm_is_not_available", "vm_leave_message"),
            )
        return say("vm_greeting")

    def whose(self, box: MailboxSettings) -> Sources:
        """Whose mailbox this is, for one who has several (DVM-6)."""
        if box.name:
            return (*self._words.sources("vm_mailbox"), *self._words.said(box.name))
        if box.extension:
            return (*self._words.sources("vm_mailbox", "extension"), *self._words.digits(box.extension))
        return ()

    def counted(self, counts: Counts) -> Sources:
        """How many messages there are."""
        if not counts.new and not counts.old:
            return self._words.sources("vm_no_messages")
        parts: list[Sources] = []
        for count, kind in ((counts.new, "new"), (counts.old, "saved")):
            if count:
                words = f"vm_{kind}_message{'' if count == 1 else 's'}"
                parts.append((*self._words.number(count), *self._words.sources(words)))
        joined = parts[0] if len(parts) == 1 else (*parts[0], *self._words.sources("vm_and"), *parts[1])
        return (*self._words.sources("vm_you_have"), *joined)

    def headed(self, message: Message, first: bool) -> Sources:
        """What is said before a message."""
        urgent = ("vm_urgent",) if message.urgent else ()
        return self._words.sources("vm_first_message" if first else "vm_next_message", *urgent)

    def envelope(self, message: Message, zone: str, now: datetime.datetime) -> Sources:
        """Who left a message, and when."""
        here = zoneinfo.ZoneInfo(zone)
        number = message.number.removeprefix("+")
        who = self._words.digits(number) if number.isdigit() else self._words.sources("vm_unknown_caller")
        return (
            *self._words.sources("vm_message_from"),
            *who,
            *self._words.sources("vm_received"),
            *self._words.moment(message.at.astimezone(here), now.astimezone(here)),
        )
