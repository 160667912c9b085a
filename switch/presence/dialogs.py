"""The packages `dialog` (RFC 4235) and `presence` (RFC 3856, as little of it as a lamp needs): who is in a call.

Everybody in the house may see that a line is busy, unless `busy_lamp` says otherwise (IDN-2). With whom is told to the
line's own telephones, and to delegates who may pick up or join its calls (DEL-9); of an emergency call to nobody, as
it is nobody's to touch (OUT-6).
"""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape, quoteattr

from dialplan.destinations import To
from dialplan.lines import BusyLamp
from dialplan.model import Model
from switch.presence import dialog_info
from switch.presence.dialog_info import Stage
from switch.presence.lamps import LINE, ROOM, SLOT, Lamps
from switch.presence.package import Refusal, Watcher
from switch.sip.uri import Uri


class Dialogs:
    """What both packages have in common: they are about lines, and what else has a lamp."""

    name = "dialog"
    content_type = dialog_info.CONTENT_TYPE
    of_calls = True

    def __init__(self, lamps: Lamps, model: Callable[[], Model], line_of: Callable[[str], str | None]) -> None:
        self.lamps = lamps
        self._model = model
        self._line_of = line_of

    def find(self, user: str, watcher: Watcher) -> str | Refusal:
        """A line by its name or extension, a slot or room by its number; another name of a telephone is its own
        line."""
        line = self._line_of(user)
        if line is not None:
            return LINE + line if self._sees(line, watcher) else Refusal(403, "Not To Be Watched")
        model = self._model()
        for lot in model.park_lots.values():
            if lot.has(user):
                return f"{SLOT}{lot.id}/{user}"
        named = model.extensions.get(user)
        if named is not None and named.kind is To.CONFERENCE:
            return ROOM + named.name
        return LINE + watcher.line if watcher.is_called(user) else Refusal(404)

    def may(self, resource: str, watcher: Watcher) -> bool:
        """Whether the line, the slot or the room is still there."""
        model = self._model()
        kind, _, name = resource.partition(":")
        if kind == "slot":
            lot, _, number = name.partition("/")
            return lot in model.park_lots and model.park_lots[lot].has(number)
        return self._sees(name, watcher) if kind == "line" else name in model.conferences

    def write(self, resource: str, watcher: Watcher, entity: str, version: int) -> bytes:
        """See Package."""
        host = Uri.parse(entity).host if self._knows(resource, watcher) else ""
        return dialog_info.write(entity, version, self.lamps.dialogs(resource, host))

    def _knows(self, resource: str, watcher: Watcher) -> bool:
        """Whether the watcher is told with whom."""
        line = resource.removeprefix(LINE)
        return line != resource and (line in watcher.lines or self._serves(line, watcher))

    def _sees(self, line: str, watcher: Watcher) -> bool:
        """Whether the watcher may know that the line is busy."""
        known = self._model().lines.get(line)
        if known is None or line in watcher.lines or known.busy_lamp is BusyLamp.EVERYBODY:
            return known is not None
        return known.busy_lamp is BusyLamp.DELEGATES and self._serves(line, watcher)

    def _serves(self, line: str, watcher: Watcher) -> bool:
        """Whether the watcher may take, or join, the line's calls as a delegate."""
        known = self._model().lines.get(line)
        return known is not None and any(
            each.line in watcher.lines and not each.pending and (each.pickup or each.monitor)
            for each in known.delegates
        )


class Presence(Dialogs):
    """The same as a presence document (RFC 3863): open, and in a call "On the phone" (RFC 4480); closed is a line
    without a telephone. `reachable` tells whether a line has one now."""

    name = "presence"
    content_type = "application/pidf+xml"

    def __init__(
        self,
        lamps: Lamps,
        model: Callable[[], Model],
        line_of: Callable[[str], str | None],
        reachable: Callable[[str], bool],
    ) -> None:
        super().__init__(lamps, model, line_of)
        self._reachable = reachable

    def write(self, resource: str, watcher: Watcher, entity: str, version: int) -> bytes:
        """See Package."""
        dialogs = self.lamps.dialogs(resource)
        line = resource.removeprefix(LINE)
        basic = "open" if line == resource or dialogs or self._reachable(line) else "closed"
        talking = any(each.stage is Stage.CONFIRMED or each.initiator for each in dialogs)
        note = "On the phone" if talking else "Ringing" if dialogs else "Ready" if basic == "open" else "Not available"
        activity = (
            '<dm:person id="person"><rpid:activities><rpid:busy/><rpid:on-the-phone/></rpid:activities></dm:person>\n'
            if talking
            else ""
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"\n'
            f' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity={quoteattr(entity)}>\n'
            f'<tuple id="telephone"><status><basic>{basic}</basic></status>\n'
            f"<contact>{escape(entity)}</contact></tuple>\n"
            f"<note>{note}</note>\n"
            f"{activity}</presence>\n"
        ).encode("utf-8", "replace")
