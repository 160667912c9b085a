"""`application/simple-message-summary` (RFC 3842): the lamp for messages in a mailbox.

`switch.mailboxes.Mailboxes` counts, and tells when a count has changed. A telephone may ask for the mailboxes that its
lines share (DVM-1): its own, its delegators', those that it is a member of. For another's it is told 403.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from dialplan.destinations import To
from dialplan.model import Model
from switch.calls.presentation import uri_of
from switch.mailboxes import Counts
from switch.presence.package import Refusal, Watcher
from switch.sip.uri import Uri

_OWN, _ANY = "voicemail", "mailbox"
"""The features by which messages are fetched: one's own, and those of the mailbox whose number follows."""
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
        """A line is asked for its mailbox, a mailbox by its extension, which may stand behind the code for any mailbox;
        at the code for one's own messages, or at no name at all, it is one's own."""
        model = self._model()
        code = self._code(_ANY)
        if code and user != code:
            user = user.removeprefix(code)
        named = model.extensions.get(user)
        line = self._line_of(user)
        if line is not None:
            mailbox = model.lines[line].mailbox if line in model.lines else ""
        elif named is not None and named.kind is To.VOICEMAIL:
            mailbox = named.name or self._own(watcher)
        elif not user or watcher.is_called(user) or user in model.features or user in model.services:
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
        mailbox = resource.partition(":")[2]
        return write(self._account(mailbox, watcher.line, entity), self._counts(mailbox))

    def summary(self, line: str, address: str) -> bytes:
        """What a telephone of that line, at that address of ours, is told that has not asked; empty where the line has
        no mailbox."""
        known = self._model().lines.get(line)
        if known is None or not known.mailbox:
            return b""
        return write(self._account(known.mailbox, line, address), self._counts(known.mailbox))

    def _account(self, mailbox: str, line: str, address: str) -> str:
        """Where the messages are fetched: many telephones dial it. Without a code for that it is the mailbox itself."""
        model = self._model()
        host, known = Uri.parse(address).host, model.lines.get(line)
        if known is not None and known.mailbox == mailbox:
            code = self._code(_OWN)
            return uri_of(code, host) if code else address
        numbers = {each.mailbox: each.extension for each in model.lines.values() if each.mailbox}
        common = model.mailboxes.get(mailbox)
        number = numbers.get(mailbox) or (common.extension if common is not None else "")
        code = self._code(_ANY)
        return uri_of(code + number, host) if code and number else address

    def _code(self, feature: str) -> str:
        return next((code for code, name in self._model().features.items() if name == feature), "")

    def _own(self, watcher: Watcher) -> str:
        line = self._model().lines.get(watcher.line)
        return line.mailbox if line is not None else ""

    def _sees(self, mailbox: str, watcher: Watcher) -> bool:
        return any(mailbox in self.shared(line) for line in watcher.lines)

    def _by_model(self, line: str) -> Container[str]:
        lines = self._model().lines
        return {lines[each].mailbox for each in (line, *self._model().serves.get(line, ())) if each in lines}
