"""What lies in every mailbox, kept up to date by the events of the journal: `Mailboxes`.

    record(event)     one event has happened; the fold that everything here follows from
    change(...)       somebody plays, saves, deletes … a message: an event, if the message is still there
    counts(mailbox)   what a lamp shows (RFC 3842)
    on_change         told of a mailbox whose counts may be others now

A mailbox has one state for all who share it, its owner and delegates (DVM): a message that one of them has played is
played for everybody, and one that is deleted is deleted for everybody. Nothing but `restored` brings a deleted message
back, and nothing at all one that is gone, in whatever order things come.

After a crash the fold begins with what the state file kept (`switch/state/mailboxes.py`) and goes on with the journal.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from records import events as e
from switch.state.mailboxes import Changes, KeptMailboxes, Message

PLAYED = "played"
SAVED = "saved"
DELETED = "deleted"
RESTORED = "restored"
MAILED = "mailed"
GONE = "gone"
_KINDS: frozenset[type] = frozenset((e.MessageLeft, e.MessageChanged, e.MailboxSet, e.MessageTold))


_TOLD = tuple(name for name in Message.__struct_fields__ if name != "id")
"""The fields of a message that `MessageTold` has by the same name."""


class Counts(msgspec.Struct, frozen=True, gc=False):
    """Messages of a mailbox as a message summary tells them (RFC 3842 section 5.2): `new` and `old` are all of them,
    the urgent ones included."""

    new: int = 0
    old: int = 0
    urgent_new: int = 0
    urgent_old: int = 0


class _Box:
    __slots__ = ("counts", "messages", "said", "values")

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.values: dict[str, str] = {}
        self.said: dict[str, e.MailboxSet] = {}
        self.counts: Counts | None = None
        """None: to be counted when somebody asks."""


def _raised(error: BaseException, where: str) -> None:
    raise error


class Mailboxes:
    """The mailboxes of now. `append` is where events go on to, the journal; `on_error` hears of bugs of ours."""

    def __init__(
        self,
        append: Callable[[e.MailboxEvent], object] = lambda event: None,
        on_error: Callable[[BaseException, str], object] = _raised,
    ) -> None:
        self.on_change: tuple[Callable[[str], object], ...] = ()
        """Each is told the name of a mailbox whose counts have changed."""
        self._append = append
        self._on_error = on_error
        self._boxes: dict[str, _Box] = {}
        self._changed: dict[tuple[str, str], Message | None] = {}
        self._settings: dict[tuple[str, str], e.MailboxSet] = {}

    # -- what there is ------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The mailboxes that anything is known of."""
        return list(self._boxes)

    def counts(self, mailbox: str) -> Counts:
        """How many messages there are."""
        box = self._boxes.get(mailbox)
        if box is None:
            return Counts()
        if box.counts is None:
            box.counts = _counted(box.messages.values())
        return box.counts

    def messages(self, mailbox: str) -> list[Message]:
        """Those that can be heard, in the order in which they are played: new before old, urgent ones first, then the
        earliest first."""
        return sorted(
            (each for each in self._of(mailbox) if _stands(each)),
            key=lambda each: (_old(each), not each.urgent, each.at, each.id),
        )

    def message(self, mailbox: str, message: str) -> Message | None:
        """One of them; None when it is deleted, gone or not complete yet."""
        box = self._boxes.get(mailbox)
        found = box.messages.get(message) if box is not None else None
        return found if found is not None and _stands(found) else None

    def all(self) -> Iterator[Message]:
        """Everything that lies anywhere, what is open or deleted included."""
        for box in self._boxes.values():
            yield from list(box.messages.values())

    def opened(self, call: str, mailbox: str) -> Message | None:
        """The latest message of that call whose recording has begun and not ended."""
        begun = [each for each in self._of(mailbox) if each.open and each.call == call]
        return begun[-1] if begun else None

    def opened_as(self, mailbox: str, message: str) -> Message | None:
        """The message of that id, if its recording has begun and it is not complete."""
        return next((each for each in self._of(mailbox) if each.open and each.id == message), None)

    def all_of(self, mailbox: str) -> list[Message]:
        """Everything that lies in one mailbox, what is open or deleted included."""
        return list(self._of(mailbox))

    def values(self, mailbox: str) -> Mapping[str, str]:
        """What is set for a mailbox, by key (`switch.state.mailboxes`)."""
        box = self._boxes.get(mailbox)
        return box.values if box is not None else {}

    def _of(self, mailbox: str) -> Iterable[Message]:
        box = self._boxes.get(mailbox)
        return box.messages.values() if box is not None else ()

    # -- what is done -------------------------------------------------------------------------------------------

    def change(self, mailbox: str, message: str, what: str, by: str, at: datetime.datetime) -> bool:
        """Do that with a message. False, and nothing has changed, when it cannot be done: somebody else has deleted it
        meanwhile, say. What is done already is done."""
        box = self._boxes.get(mailbox)
        found = box.messages.get(message) if box is not None else None
        if found is None:
            return False
        after = _after(found, what, at)
        if after is None:
            return False
        if after != found or what == GONE:
            self.record(e.MessageChanged(mailbox, message, what, by, at))
        return True

    def leave(self, message: e.MessageLeft) -> bool:
        """A recording begins (`open`), or a message is complete. False when what was begun has been dropped since."""
        box = self._boxes.get(message.mailbox)
        found = box.messages.get(message.message) if box is not None else None
        if found is None and message.call and not message.open:
            return False
        self.record(message)
        return True

    def set(self, mailbox: str, key: str, value: str, by: str, at: datetime.datetime) -> None:
        """Set something for a mailbox, or take it back with an empty value."""
        if self.values(mailbox).get(key, "") != value:
            self.record(e.MailboxSet(mailbox, key, value, by, at))

    # -- the fold -----------------------------------------------------------------------------------------------

    def record(self, event: e.MailboxEvent) -> None:
        """An event has been decided: it counts from now on, and goes to the journal."""
        before = self.counts(event.mailbox)
        self._apply(event)
        self._append(event)
        if self.counts(event.mailbox) != before:
            for tell in self.on_change:
                try:
                    tell(event.mailbox)
                except Exception as error:  # noqa: BLE001  a lamp must not cost anybody a message
                    self._on_error(error, "mailbox changed")

    def restore(self, kept: KeptMailboxes) -> None:
        """What the state file holds, at a start."""
        for message in kept.messages:
            self._box(message.mailbox).messages[message.id] = message
        for said in kept.settings:
            self._say(self._box(said.mailbox), said)

    def replay(self, events: Iterable[e.AnyEvent], *, known: bool) -> None:
        """Events out of the journal, after `restore`. Those that are `known` count in what was restored."""
        if not known:
            for event in events:
                if type(event) in _KINDS and isinstance(event, e.MailboxEvent):  # a start reads very many others
                    self._apply(event)

    def take(self) -> Changes:
        """What has changed since the last time, for the state file."""
        changed, self._changed = self._changed, {}
        settings, self._settings = self._settings, {}
        return Changes(
            tuple(message for message in changed.values() if message is not None),
            tuple(key for key, message in changed.items() if message is None),
            tuple(settings.values()),
        )

    def give_back(self, changes: Changes) -> None:
        """The state file could not be written: what is newer meanwhile stays."""
        before: dict[tuple[str, str], Message | None] = {(each.mailbox, each.id): each for each in changes.messages}
        before |= dict.fromkeys(changes.gone)
        self._changed = before | self._changed
        self._settings = {(each.mailbox, each.key): each for each in changes.settings} | self._settings

    def _apply(self, event: e.MailboxEvent) -> None:
        box = self._box(event.mailbox)
        match event:
            case e.MailboxSet():
                self._say(box, event)
                self._settings[event.mailbox, event.key] = event
                return
            case e.MessageLeft():
                after: Message | None = _left(box.messages.get(event.message), event)
            case e.MessageTold():
                after = Message(id=event.message, **{name: getattr(event, name) for name in _TOLD})
            case e.MessageChanged():
                found = box.messages.get(event.message)
                if found is None:
                    return
                after = None if event.what == GONE else _after(found, event.what, event.at) or found
        if after is None:
            box.messages.pop(event.message, None)
        else:
            box.messages[event.message] = after
        self._changed[event.mailbox, event.message] = after
        box.counts = None

    @staticmethod
    def _say(box: _Box, event: e.MailboxSet) -> None:
        if event.value:
            box.values[event.key], box.said[event.key] = event.value, event
        else:
            box.values.pop(event.key, None)
            box.said.pop(event.key, None)

    def told(self) -> Iterator[e.MessageTold | e.MailboxSet]:
        """All that stands now, as events that say so anew; each is looked up when it is asked for."""
        for name in list(self._boxes):
            box = self._boxes[name]
            for setting in list(box.said):
                if (said := box.said.get(setting)) is not None:
                    yield said
            for key in list(box.messages):
                if (found := box.messages.get(key)) is not None:
                    yield e.MessageTold(message=key, **{each: getattr(found, each) for each in _TOLD})

    def _box(self, mailbox: str) -> _Box:
        box = self._boxes.get(mailbox)
        if box is None:
            box = self._boxes[mailbox] = _Box()
        return box


def _stands(message: Message) -> bool:
    return not (message.open or message.deleted)


def _old(message: Message) -> bool:
    return message.played or message.saved


def _left(found: Message | None, event: e.MessageLeft) -> Message:
    """The message as it is when it has been left. One that lies there already stays as it is but for what is told."""
    base = found or Message(mailbox=event.mailbox, id=event.message, at=event.at)
    return msgspec.structs.replace(
        base,
        call=event.call,
        number=event.number,
        name=event.name,
        seconds=event.seconds,
        urgent=event.urgent,
        open=event.open,
        sent_by=event.sent_by,
    )


def _after(found: Message, what: str, at: datetime.datetime) -> Message | None:
    """What that makes of a message; None where it cannot be."""
    change = msgspec.structs.replace
    match what:
        case "gone":
            return found
        case "mailed":
            return change(found, mailed=True)
        case "restored":
            return change(found, deleted=0.0) if not found.open else None
        case _ if not _stands(found):
            return found if what == DELETED and found.deleted else None
        case "played":
            return change(found, played=True)
        case "saved":
            return change(found, played=True, saved=True)
        case "deleted":
            return change(found, deleted=at.timestamp())
    return None


def _counted(messages: Iterable[Message]) -> Counts:
    new = old = urgent_new = urgent_old = 0
    for each in messages:
        if not _stands(each):
            continue
        if _old(each):
            old += 1
            urgent_old += each.urgent
        else:
            new += 1
            urgent_new += each.urgent
    return Counts(new, old, urgent_new, urgent_old)
