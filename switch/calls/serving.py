"""A leg is served by ourselves: a mailbox, a menu, a room, a parking slot; whatever answers in place of a telephone.

    begun     the front is answered and the service's (`answering.serve`); the record says so
    released  the service has it no more: it goes elsewhere, or the call is over

A service is a value with an owner, the call; it is told what its leg does and says what follows from it. It keeps
nothing that has to survive a crash but its name: what it was about is in the journal (`resume`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from media.engine import MediaEvent
from switch.calls.leg import Leg

if TYPE_CHECKING:
    from switch.calls.call import Call


class Service(Protocol):
    """Something of ours that a call's front talks with. `name` is how the record knows it: `voicemail:anna`."""

    @property
    def name(self) -> str:
        """What stands in `Connected.service`."""

    def begin(self, call: Call, now: float) -> None:
        """The front is answered, and this service's. Also after a crash."""

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """A digit (as telephone-event, or by INFO), the end of a tune, of a recording, of digits that were sent."""

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """That leg's far end has hung up, or is lost. Whether the call goes on without it."""

    def parted(self, call: Call, now: float) -> None:
        """The front is served no more: timers stop, what was held is given back. Told once."""


Resume = Callable[["Call", str], Service | None]
TOGETHER = "three-way"
"""What keeps a call going whose legs are in a room of its own. No leg is served by it, and the record names it not."""
Resumes = Mapping[str, Resume]
"""By the part of a service's name before the colon: how it is made again after a crash, from the part after it. None
where it cannot go on; the call is ended then."""


def own_room(call: Call) -> str:
    """What the engine calls the room of a call's own."""
    return f"call:{call.id}"


def release(call: Call, now: float) -> None:
    """End what serves the call's front, if anything does. Nor is a leg asked for anything any more: what it keys is for
    whomever it talks with next."""
    for leg in call.legs.values():
        leg.listener = None
    service, call.service = call.service, None
    if service is not None:
        service.parted(call, now)


def resume(call: Call) -> bool:
    """After a crash: make the service again that the call was with. False where there is one that cannot go on."""
    prefix, _, rest = call.state.service.partition(":")
    if not prefix and call.state.members:
        prefix = TOGETHER
    make = call.context.resumes.get(prefix)
    if make is None:
        return True
    call.service = make(call, rest)
    return call.service is not None
