"""In place of files and prompts: sounds that are as long as a test says, and words that are their ids."""

from __future__ import annotations

import datetime

Sources = tuple[str, ...]


class Sounds:
    """Files of mailboxes (`switch.mailbox_desk.Files`). `seconds`: how long recordings are by name, else `usual_s`;
    `there`: those that are rendered."""

    def __init__(self) -> None:
        self.usual_s = 5.0
        self.seconds: dict[str, float] = {}
        self.there: set[tuple[str, str]] = set()
        self.dropped: set[tuple[str, str]] = set()

    def spool(self, mailbox: str, name: str) -> str:
        """See `MailboxFiles.spool`."""
        return f"/voicemail/{mailbox}/{name}.spool"

    def sound(self, mailbox: str, name: str) -> str:
        """See `MailboxFiles.sound`."""
        return f"/voicemail/{mailbox}/{name}.wav"

    def finish(self, mailbox: str, name: str) -> float:
        """See `MailboxFiles.finish`."""
        seconds = 0.0 if (mailbox, name) in self.dropped else self.seconds.get(name, self.usual_s)
        if seconds:
            self.there.add((mailbox, name))
        return seconds

    def copy(self, mailbox: str, name: str, to: str, as_name: str) -> bool:
        """See `MailboxFiles.copy`."""
        if (mailbox, name) not in self.there:
            return False
        self.there.add((to, as_name))
        return True

    def drop(self, mailbox: str, name: str) -> bool:
        """See `MailboxFiles.drop`."""
        self.there.discard((mailbox, name))
        self.dropped.add((mailbox, name))
        return True


class SpokenIds:
    """`switch.prompts.words.Words` whose files are called as the prompts are."""

    def sources(self, *ids: str, language: str = "") -> Sources:
        """See `Prompts.sources`."""
        return tuple(f"file:{each}" for each in ids)

    def digits(self, text: str, language: str = "") -> Sources:
        """See `Prompts.digits`."""
        return tuple(f"file:{each}" for each in text)

    def number(self, value: int, language: str = "") -> Sources:
        """See `Prompts.number`."""
        return (f"file:{value}",)

    def moment(self, at: datetime.datetime, now: datetime.datetime, language: str = "") -> Sources:
        """See `Prompts.moment`."""
        return (f"file:{at:%H:%M}",)

    def file(self, name: str) -> Sources:
        """See `Prompts.file`."""
        return (f"file:{name}",)

    def said(self, text: str) -> Sources:
        """See `Prompts.said`."""
        return (f"file:“{text}”",)
