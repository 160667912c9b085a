"""What operators ask and do about mailboxes (`ringplan mailbox`): what lies in them, PINs, lock-outs. Nobody hears a
message this way. Who sets a PIN stands in the journal, the PIN nowhere but as its hash."""

from __future__ import annotations

import asyncio
import datetime
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from config.compiled import MailboxSettings
from config.problems import did_you_mean
from switch import pins
from switch.control import Handler, Refused
from switch.mailbox_desk import Desk
from switch.state.mailboxes import LOCKED
from switch.views import MailboxesView, MailboxMessageView, MailboxPinView, MailboxView

MOST_SHOWN = 1000


class MailboxAsking:
    """The handlers. `do` carries something out as an input of its own, whose events are in the journal then."""

    def __init__(
        self,
        desk: Desk,
        do: Callable[[Callable[[float], object]], object],
    ) -> None:
        self._desk = desk
        self._do = do

    def handlers(self) -> dict[str, Handler]:
        """By the name that a command asks for."""
        return {"mailboxes": self.show, "mailbox_pin": self.set_pin, "mailbox_unlock": self.unlock}

    def show(self, args: dict[str, Any]) -> MailboxesView:
        """All mailboxes, or one with its messages. Raises Refused."""
        name = str(args.get("name", ""))
        if name:
            box = self._box(name)
            return MailboxesView(mailboxes=(self._view(box),), messages=tuple(self._messages(box)))
        return MailboxesView(mailboxes=tuple(map(self._view, self._desk.boxes()[:MOST_SHOWN])))

    async def set_pin(self, args: dict[str, Any]) -> MailboxPinView:
        """Set a PIN; without one in `args`, a PIN of chance, which is told. It ends a lock-out. Raises Refused."""
        box, by = self._box(str(args.get("name", ""))), str(args.get("by", ""))
        given = str(args.get("pin", ""))[: pins.LONGEST + 1]
        why = self._desk.refusal(box.id, given) if given else ""
        if why:
            raise Refused(pins.WHY[why].format(least=box.pin_length))
        pin = given or pins.chance(box.pin_length, box.extension)
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def told(good: bool, now: float) -> None:
            if not done.done():
                done.set_result(good)

        self._do(lambda now: self._desk.set_pin(box.id, pin, by, told))
        if not await done:
            raise Refused("the PIN could not be set")
        return MailboxPinView(mailbox=box.id, pin="" if given else pin)

    def unlock(self, args: dict[str, Any]) -> MailboxesView:
        """End a lock-out; wrong tries are forgotten. Raises Refused."""
        box, by = self._box(str(args.get("name", ""))), str(args.get("by", ""))
        self._do(lambda now: self._desk.unlock(box.id, by))
        return MailboxesView(mailboxes=(self._view(box),))

    def warnings(self) -> Iterator[str]:
        """A sentence for each mailbox whose PINs somebody has tried out."""
        for box in self._desk.boxes():
            if self._desk.mailboxes.values(box.id).get(LOCKED) and self._desk.locked_s(box.id):
                left = math.ceil(self._desk.locked_s(box.id) / 60)
                yield f"mailbox {box.id} is locked for {left} min after wrong PINs (ringplan mailbox unlock {box.id})"

    def _box(self, name: str) -> MailboxSettings:
        box = self._desk.box(name) or self._desk.by_extension(name)
        if box is None:
            hint = did_you_mean(name, [each.id for each in self._desk.boxes()])
            raise Refused(f"there is no mailbox “{name[:80]}”", (hint,) if hint else ())
        return box

    def _view(self, box: MailboxSettings) -> MailboxView:
        counts = self._desk.mailboxes.counts(box.id)
        return MailboxView(
            mailbox=box.id,
            name=box.name,
            extension=box.extension,
            new=counts.new,
            old=counts.old,
            urgent=counts.urgent_new,
            room=box.messages,
            pin=self._desk.has_pin(box.id),
            locked_s=self._desk.locked_s(box.id),
            shared_with=tuple(line for line in box.lines if line != box.owner),
            email=box.email if box.notify != "none" else "",
        )

    def _messages(self, box: MailboxSettings) -> Iterable[MailboxMessageView]:
        for each in self._desk.mailboxes.messages(box.id)[:MOST_SHOWN]:
            yield MailboxMessageView(
                at=each.at.astimezone(datetime.UTC),
                number=each.number,
                name=each.name,
                seconds=each.seconds,
                state="saved" if each.saved else "old" if each.played else "new",
                urgent=each.urgent,
                sent_by=each.sent_by,
                call=each.call,
            )
