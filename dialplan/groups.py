"""What is called besides people: ring groups, attendants, queues, mailboxes, conferences, park lots; and sites."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator

import msgspec

from dialplan.destinations import Destination


class Strategy(enum.StrEnum):
    """How a ring group rings."""

    ALL = "all"
    ORDER = "order"
    ROTATING = "rotating"
    LONGEST_IDLE = "longest_idle"
    RANDOM = "random"


class Member(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line in a group. It starts to ring `delay_s` after the group; `ring_s` 0 leaves it its own ring time."""

    line: str
    delay_s: float = 0.0
    ring_s: float = 0.0
    weight: int = 1


class RingGroup(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Lines that ring by a strategy. `id` is the rule's: the group's name, or where an unnamed one is written.

    `ring_s`: how long the group rings in all; 0: as its members do. In every strategy but `all` each member has a turn
    of `turn_s`. `external`: whether a member's forward to an outside number is followed (FWD-10). `otherwise`: where a
    call goes that nobody answers; None: 480 (K.9).
    """

    id: str
    name: str = ""
    extension: str = ""
    strategy: Strategy = Strategy.ALL
    members: tuple[Member, ...] = ()
    ring_s: float = 0.0
    turn_s: float = 15.0
    skip_busy: bool = False
    external: bool = False
    time_zone: str = "UTC"
    hours: str = ""
    closed: Destination | None = None
    otherwise: Destination | None = None


class Attendant(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An auto attendant: a menu. `choices` maps a digit, or `timeout` and `invalid`, to where the call goes then.

    `greeting` is a file, `say` a text in its place. A key is waited for `timeout_s`; it asks `tries` times in all.
    `dial_extension`: whether internal numbers may be dialled; `directory` is the key for dialling by name (DIR-1).
    """

    id: str
    name: str = ""
    extension: str = ""
    greeting: str = ""
    say: str = ""
    timeout_s: float = 5.0
    tries: int = 3
    dial_extension: bool = False
    directory: str = ""
    choices: dict[str, Destination] = {}
    time_zone: str = "UTC"
    hours: str = ""
    closed: Destination | None = None


class Queue(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call queue, as a target. `overflow`: where a call goes that cannot wait."""

    id: str
    name: str = ""
    extension: str = ""
    members: tuple[str, ...] = ()
    time_zone: str = "UTC"
    hours: str = ""
    closed: Destination | None = None
    overflow: Destination | None = None


class Mailbox(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A mailbox; a user's has the user's name."""

    id: str
    name: str = ""
    extension: str = ""


class Conference(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A meet-me room. `pin` and `chair_pin`: whether members, and its chairs, are asked for one; the model does not
    hold them. `announce` is none, tone or name; `muted`: who is no chair enters so; `most` may be in it at once.
    `chair_ends`: when the last chair leaves, everybody does."""

    id: str
    name: str = ""
    extension: str = ""
    pin: bool = False
    chair_pin: bool = False
    announce: str = "tone"
    muted: bool = False
    most: int = 50
    chair_ends: bool = False


class ParkLot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A lot of park slots: numbers `first` to `last`, of the same width, that are dialled to retrieve (CRD-7).

    After `timeout_s` a call rings at the parker again, and then goes to `fallback`. `music` is a file; empty: the
    parker's hold music. `retrieve` are the groups whose lines may take calls out; empty: everybody in the house.
    """

    id: str
    name: str = ""
    extension: str = ""
    first: str = ""
    last: str = ""
    timeout_s: float = 120.0
    fallback: Destination | None = None
    music: str = ""
    retrieve: tuple[str, ...] = ()

    def slots(self) -> Iterator[str]:
        """The numbers of its slots, in order."""
        wide = len(self.first)
        return (f"{number:0{wide}}" for number in range(int(self.first), int(self.last) + 1))

    def has(self, digits: str) -> bool:
        """Whether that is the number of one of its slots."""
        return len(digits) == len(self.first) and self.first <= digits <= self.last and digits.isdigit()


def lot_for(lots: Iterable[ParkLot], group: str, slot: str = "") -> ParkLot | None:
    """The lot that has the slot. Without one, the first from which somebody of the group could take a call back, else
    the first of all."""
    lots = list(lots)
    if slot:
        return next((lot for lot in lots if lot.has(slot)), None)
    return next((lot for lot in lots if not lot.retrieve or group in lot.retrieve), lots[0] if lots else None)


class Site(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A place of the company. `operator` answers `0` (K.5)."""

    id: str
    name: str = ""
    operator: Destination | None = None


class AccountCode(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A customer account that calls are charged to (CST-1). `password`: whether one is asked for; the model does not
    hold it (CST-4)."""

    code: str
    name: str = ""
    password: bool = False
