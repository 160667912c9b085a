"""Who talks with whom, once a call is up: parked, in a room of several, transferred, taken over into another call."""

from __future__ import annotations

import datetime

import msgspec

from records.events.legs import SessionTimed
from records.events.values import Dialog, Event, FarEnd, FlowAddress, MediaPort, Party, Terms


class Parked(Event, frozen=True, array_like=True, gc=False, tag=26):
    """The front of the call, who is known as `name`, is parked in a slot of a lot by `by`, as `line:anna`. After
    `timeout_s` it rings there, and then goes to `fallback`, as `ring_group:front`. `music` is the file that it hears;
    empty: the exchange's own. Recorded once more when it is parked again in the same slot."""

    lot: str
    slot: str
    by: str = ""
    name: str = ""
    timeout_s: float = 0.0
    fallback: str = ""
    music: str = ""


class Unparked(Event, frozen=True, array_like=True, gc=False, tag=27):
    """The slot is free again. `how`: retrieved (`by` as `line:bob`), returned (to who had parked it), fallback, or
    ended (the parked has hung up, or was cut off)."""

    lot: str
    slot: str
    how: str
    by: str = ""


class RoomEntered(Event, frozen=True, array_like=True, gc=False, tag=28):
    """A leg is in a room, or takes part in it in another way than before: an absolute statement. `room` is the name of
    a conference; empty: the room of this call alone, where three talk with each other. A `chair` may mute all and lock
    the room; it is locked as long as a chair who `locks` it is in it."""

    leg: int
    room: str = ""
    chair: bool = False
    muted: bool = False
    locks: bool = False


class RoomLeft(Event, frozen=True, array_like=True, gc=False, tag=29):
    """The leg is in that room no more, but in the call still. Of a leg that ends, or goes into another call, that says
    all."""

    leg: int
    room: str = ""


class LimitClock(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A limit that runs on a leg when it goes into another call: as in `switch.calls.limits.Period`."""

    party: str
    owner: str
    limit_s: float
    since: datetime.datetime
    warned: bool = False


class LegTaken(Event, frozen=True, array_like=True, gc=False, tag=16):
    """An answered leg came out of another call, `of`, where it was leg `was`, with all that it is: a transfer, a parked
    call that was taken. The fields are those of `LegStarted`, `LegMedia` and `LegHeld`; `session` is as it was agreed
    on last. `terms` are those of the line whose leg it is, and `clocks` the limits that run on it; `party` is who it
    is; `user` and `site` as in `LegStarted`."""

    leg: int
    of: str
    was: int
    target: str
    contact: str
    flow: FlowAddress
    dialog: Dialog
    device: str
    media: MediaPort | None
    described: bytes
    far: FarEnd | None
    settled: bytes = b""
    held: bool = False
    session: SessionTimed | None = None
    terms: Terms | None = None
    clocks: tuple[LimitClock, ...] = ()
    party: Party | None = None
    user: str = ""
    site: str = ""


class LegGiven(Event, frozen=True, array_like=True, gc=False, tag=17):
    """The leg has gone into the call `to`, as its leg `becomes`."""

    leg: int
    to: str
    becomes: int


class TransferBegun(Event, frozen=True, array_like=True, gc=False, tag=18):
    """Leg `leg`, who is `by` (as `line:bob`), transfers the other side to the number `to`.

    `kind`: blind, attended (`other` is the call that he asked in, and was answered), semi_attended (that rings yet) or
    taken (somebody takes a leg over by an INVITE with Replaces). `how`: refer, code or operator. `refer` is the CSeq of
    the REFER whose sender waits to hear how it ends, and `named` whether its events carry that number; 0: nobody does.
    """

    leg: int
    by: str
    to: str
    kind: str
    how: str
    other: str = ""
    refer: int = 0
    named: bool = False


class TransferOver(Event, frozen=True, array_like=True, gc=False, tag=19):
    """The transfer has come to its end. `outcome`: done, failed (with the SIP `status`), cancelled (who was to be
    transferred has hung up, or the transferor took it back) or returned (it failed when the transferor was gone
    already, and he is rung now). `target` is who was reached, as `line:carol`."""

    leg: int
    outcome: str
    status: int = 0
    target: str = ""
