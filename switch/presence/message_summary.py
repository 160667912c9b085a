"""`application/simple-message-summary` (RFC 3842): the lamp for messages in a mailbox.

`switch.mailboxes.Mailboxes` counts, and tells when a count has changed. A telephone may ask for the mailboxes that its
lines share (DVM-1): its own, its delegators', those that it is a member of. For another's it is told 403.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from dialplan.destinations import To
from dialplan.model import Model
from switch.mailboxes import Counts
from switch.presence.package import Refusal, Watcher

CONTENT_TYPE = "application/simple-message-summary"


def write(account: str, counts: Counts) -> bytes:
    """The summary of one mailbox, whose messages are fetched at the address `account`."""
    voice = f"{counts.new}/{counts.old} ({counts.urgent_new}/{counts.urgent_old})"
    lines = (
        f"Messages-Waiting: {'yes' if counts.new else 'no'}",
        f"Message-Account: {account}",
        f"Voice-Message: {voice}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")


class MessageSummary:
    """The package. `line_of` finds the line that the user part of an address of ours names."""

    name = "message-summary"
    content_type = CONTENT_TYPE
    of_calls = False

    def __init__(
        self, counts: Callable[[str], Counts], model: Callable[[], Model], line_of: Callable[[str], str | None]
    ) -> None:
        self.shared: Callable[[str], Container[str]] = self._by_model
        """The mailboxes that somebody on a line shares: the own one, those of delegators, those he is a member of."""
        self._counts = counts
        self._model = model
        self._line_of = line_of

    def find(self, user: str, watcher: Watcher) -> str | Refusal:
        """A line is asked for its mailbox, a mailbox by its extension; at the number for one's own messages, or at no
        name at all, it is one's own."""
        model = self._model()
        named = model.extensions.get(user)
        line = self._line_of(user)
        if line is not None:
            mailbox = model.lines[line].mailbox if line in model.lines else ""
        elif named is not None and named.kind is To.VOICEMAIL:
            mailbox = named.name or self._own(watcher)
        elif not user or user == watcher.device or user in model.features or user in model.services:
            mailbox = self._own(watcher)
        else:
            return Refusal(404)
        if not mailbox:
            return Refusal(404, "No Mailbox")
        return f"mailbox:{mailbox}" if self._sees(mailbox, watcher) else Refusal(403, "Not Your Mailbox")

    def may(self, resource: str, watcher: Watcher) -> bool:
        """See Package."""
        return self._sees(resource.partition(":")[2], watcher)

    def write(self, resource: str, watcher: Watcher, entity: str, version: int) -> bytes:
        """See Package."""
        return write(entity, self._counts(resource.partition(":")[2]))

    def summary(self, line: str, account: str) -> bytes:
        """What a telephone of that line is told that has not asked; empty where the line has no mailbox."""
        known = self._model().lines.get(line)
        return write(account, self._counts(known.mailbox)) if known is not None and known.mailbox else b""

    def _own(self, watcher: Watcher) -> str:
        line = self._model().lines.get(watcher.line)
        return line.mailbox if line is not None else ""

    def _sees(self, mailbox: str, watcher: Watcher) -> bool:
        return any(mailbox in self.shared(line) for line in watcher.lines)

    def _by_model(self, line: str) -> Container[str]:
        lines = self._model().lines
        return {lines[each].mailbox for each in (line, *self._model().serves.get(line, ())) if each in lines}
