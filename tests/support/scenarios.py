"""What happens during calls, told so that it can be cut anywhere: scenarios for an exchange that is killed at each of
its appends, and for disks that fail at each of their writes.

Each is played on a `Scene` of `company()` with the telephones of Alice, Bob and Carol, and takes what comes: whoever
rings is answered where he still rings, whatever is up in the end is hung up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import structs

from dialplan import groups
from dialplan import model as m
from dialplan.destinations import Destination, To, of_text, user
from dialplan.lines import Forwards, Policy
from media.engine import Digit, PlayEnded
from records import events as e
from tests.support.exchange import CARRIER, boxes_of, changed, house
from tests.support.phone import Phone, PhoneCall
from tests.support.scene import Scene
from tests.support.subscriber import Subscriber

OUTSIDE = "6692223333"
Scenario = Callable[[Scene], None]


def company() -> m.Model:
    """The house with a park lot (700), a room (710) and a menu (720), keys, a limit of Alice's calls outside,
    recordings of Bob's calls, and a mailbox that has all of Dave's."""
    away = {"forwards": Forwards(always=Destination(To.VOICEMAIL)), "mailbox": "dave"}
    recorded = Policy(owner="bob", record=frozenset(("inbound", "outbound", "internal")))
    model = changed(house(), alice={"policy": Policy(owner="alice", limit_s=60.0)}, bob={"policy": recorded}, dave=away)
    lot = groups.ParkLot(id="main", extension="700", first="701", last="703", timeout_s=20.0)
    extensions = {**model.extensions, "700": of_text("park:main"), "710": of_text("conference:board")}
    extensions["720"] = of_text("attendant:main")
    return m.versioned(
        structs.replace(
            model,
            extensions=extensions,
            park_lots={"main": lot},
            conferences={"board": groups.Conference(id="board")},
            attendants={"main": groups.Attendant(id="main", greeting="main.wav", choices={"1": user("bob")})},
            call_keys={"*7": "park", "*2": "transfer", "*3": "record_pause", "*4": "add_party"},
        )
    )


def stage(**knobs: Any) -> Scene:
    """The scene on which these are played."""
    scene = Scene(model=company(), **knobs)
    scene.exchange.use_mailboxes(*boxes_of(scene.exchange.model))
    for name in ("alice", "bob", "carol"):
        scene.phone(name)
    return scene


def answers(scene: Scene, phone: Phone, wait_s: float = 0.5) -> None:
    """Whoever rings there is answered."""
    if phone.calls and not phone.last.over and phone.last.usage.pending_request is not None:
        phone.last.answer()
    scene.wait(wait_s)


def up(phone: Phone) -> PhoneCall | None:
    """The latest call of a telephone, if it stands and nothing is asked in it."""
    if phone.calls and phone.last.up and not phone.last.usage.offer_pending:
        return phone.last
    return None


def presses(scene: Scene, phone: Phone, keys: str) -> None:
    """Digits, as the engine tells of them."""
    call = up(phone)
    if call is None:
        return
    where = (phone.address[0], 4000)
    for key in keys:
        for book in list(scene.exchange.engine.legs.values()):
            if scene.exchange.alive and book.remote is not None and (book.remote.address, book.remote.port) == where:
                scene.exchange.tell(Digit(book.lease.leg, key, 100))
                break
        scene.wait(0.2)


def heard_out(scene: Scene, times: int = 6) -> None:
    """What is played and has an end comes to it, and ends of recordings are told."""
    engine = scene.exchange.engine
    for _ in range(times):
        for book in list(engine.legs.values()):
            for tune in (book.tune, book.over):
                if tune is not None and not tune.loop and book.lease.leg in engine.legs and scene.exchange.alive:
                    if tune is book.over:
                        book.over = None
                    scene.exchange.tell(PlayEnded(book.lease.leg, tune.id))
        told, engine.ended = engine.ended, []
        for event in told:
            scene.exchange.tell(event)
        scene.wait(0.2)


def good_night(scene: Scene) -> None:
    """Whoever still has a call hangs up."""
    for phone in scene.phones:
        for call in phone.calls:
            if call.up:
                call.hang_up()
                scene.wait(0.5)
    heard_out(scene, 1)


def talking(scene: Scene) -> None:
    """Alice has called Bob."""
    scene.phones[0].call("102")
    scene.wait(0.5)
    answers(scene, scene.phones[1])


def hold(scene: Scene) -> None:
    """Each holds the other, and takes the call back."""
    talking(scene)
    for phone in scene.phones[:2]:
        for what in ("hold", "resume"):
            call = up(phone)
            if call is not None:
                getattr(call, what)()
            scene.wait(1.0)


def blind(scene: Scene) -> None:
    """Bob sends Alice on to Carol."""
    talking(scene)
    call = up(scene.phones[1])
    if call is not None:
        call.refer("103")
    scene.wait(1.0)
    answers(scene, scene.phones[2], 1.0)


def refused(scene: Scene) -> None:
    """The same, and Carol will not have it."""
    talking(scene)
    call = up(scene.phones[1])
    if call is not None:
        call.refer("103")
    scene.wait(1.0)
    carol = scene.phones[2]
    if carol.calls and carol.last.usage.pending_request is not None:
        carol.last.refuse(486)
    scene.wait(1.0)


def consulting(scene: Scene) -> tuple[PhoneCall, PhoneCall] | None:
    """Bob has Alice on hold, and calls Carol: these two calls of his."""
    talking(scene)
    bob = scene.phones[1]
    first = up(bob)
    if first is None:
        return None
    first.hold()
    scene.wait(0.5)
    second = bob.call("103")
    scene.wait(0.5)
    return first, second


def attended(scene: Scene) -> None:
    """Bob asks Carol first."""
    calls = consulting(scene)
    if calls is None:
        return
    first, second = calls
    answers(scene, scene.phones[2])
    if first.up and second.up:
        first.transfer_to(second)
    scene.wait(1.0)


def ringing(scene: Scene) -> None:
    """Bob does not wait for Carol's answer."""
    calls = consulting(scene)
    if calls is None:
        return
    first, second = calls
    if first.up and not second.over and len(scene.exchange.calls) == 2:
        first.transfer_to(second, scene.exchange.calls[-1].id)
    scene.wait(0.5)
    answers(scene, scene.phones[2], 1.0)


def asks_by_keys(scene: Scene, keys: str) -> None:
    """Bob, who talks with Alice, keys what it is to be and Carol's number, and she answers."""
    talking(scene)
    _, bob, carol = scene.phones
    for each in (keys, "103#"):
        presses(scene, bob, each)
        heard_out(scene, 2)
    scene.wait(0.5)
    answers(scene, carol, 1.0)


def by_keys(scene: Scene) -> None:
    """Bob keys it all."""
    asks_by_keys(scene, "*2")
    _, bob, carol = scene.phones
    call = up(bob)
    if call is not None and carol.calls and carol.last.up:
        call.hang_up()
    scene.wait(1.0)


def park(scene: Scene) -> None:
    """Parked by Bob, taken by Carol."""
    talking(scene)
    call = up(scene.phones[1])
    if call is not None:
        call.refer("700")
    scene.wait(1.0)
    scene.phones[2].call("701")
    scene.wait(1.0)


def returned(scene: Scene) -> None:
    """Parked by Bob, and nobody comes."""
    talking(scene)
    presses(scene, scene.phones[1], "*7")
    heard_out(scene, 3)
    call = up(scene.phones[1])
    if call is not None:
        call.hang_up()
    scene.wait(25.0)
    answers(scene, scene.phones[1], 1.0)


def meeting(scene: Scene) -> None:
    """All three in a room; one is muted, and one leaves before the others."""
    for phone in scene.phones:
        phone.call("710")
        scene.wait(0.5)
        heard_out(scene, 1)
    presses(scene, scene.phones[0], "*1")
    call = up(scene.phones[1])
    if call is not None:
        call.hang_up()
    scene.wait(1.0)


def recording(scene: Scene) -> None:
    """Bob's call is recorded, with a pause."""
    talking(scene)
    for _ in range(2):
        presses(scene, scene.phones[1], "*3")
        heard_out(scene, 1)


def limited(scene: Scene) -> None:
    """Alice's call outside comes to its limit."""
    there = next((phone for phone in scene.phones if phone.user == "carrier"), None)
    there = there or scene.phone("carrier", CARRIER[0], register=False)
    scene.phones[0].call(OUTSIDE)
    scene.wait(0.5)
    answers(scene, there)
    scene.wait(65.0)


def voicemail(scene: Scene) -> None:
    """Alice leaves a message for Dave."""
    call = scene.phones[0].call("104")
    scene.wait(0.5)
    heard_out(scene, 2)
    scene.wait(5.0)
    if call.up:
        call.hang_up()
    scene.wait(0.5)
    heard_out(scene, 1)
    scene.wait(1.0)


def menu(scene: Scene) -> None:
    """Alice chooses Bob, who does not answer; then he does."""
    for wait_s in (25.0, 0.5):
        alice, bob, _ = scene.phones
        alice.call("720")
        scene.wait(0.5)
        presses(scene, alice, "1")
        scene.wait(wait_s)
        if wait_s < 1.0:
            answers(scene, bob)
        good_night(scene)


def three(scene: Scene) -> None:
    """Bob takes Carol in by keys, and goes."""
    asks_by_keys(scene, "*4")
    call = up(scene.phones[1])
    if call is not None:
        call.hang_up()
    scene.wait(1.0)


def settings(scene: Scene) -> None:
    """What users set, and registrations that come and go."""
    scene.exchange.set("bob", "dnd on")
    scene.exchange.save_facts()
    scene.phones[2].register(0)
    scene.wait(0.5)
    scene.exchange.set("bob", "dnd off")
    scene.phones[2].register(600)
    scene.wait(0.5)
    scene.exchange.save_facts()
    talking(scene)


def lamp(scene: Scene) -> None:
    """A telephone watches Bob, who is called."""
    watcher = scene.raw("carol", port=5070, register=False)
    scene.strict = False
    watch = Subscriber(watcher, "102", scene.wait)
    try:
        watch.ask(60)
    except AssertionError:
        watcher.inbox.clear()  # nobody was there
    watch.told(0.5)
    talking(scene)
    watch.told(1.0)


CALLS: dict[str, Scenario] = {
    "hold": hold,
    "blind transfer": blind,
    "refused transfer": refused,
    "attended transfer": attended,
    "transfer while it rings": ringing,
    "transfer by keys": by_keys,
    "park": park,
    "return": returned,
    "room": meeting,
    "recording": recording,
    "limit": limited,
    "voicemail": voicemail,
    "menu": menu,
    "three": three,
}
"""Calls in which something is under way."""
MORE: dict[str, Scenario] = {"settings": settings, "lamp": lamp}
"""What is no call, and a call after it."""

SHOWS: dict[str, type] = {
    "hold": e.LegHeld,
    "blind transfer": e.TransferOver,
    "refused transfer": e.TransferOver,
    "attended transfer": e.LegTaken,
    "transfer while it rings": e.TransferOver,
    "transfer by keys": e.TransferOver,
    "park": e.LegTaken,
    "return": e.Unparked,
    "room": e.RoomLeft,
    "recording": e.RecordingPaused,
    "limit": e.LimitWarned,
    "voicemail": e.MessageLeft,
    "menu": e.MenuChosen,
    "three": e.RoomLeft,
    "settings": e.LineSet,
    "lamp": e.Subscribed,
}
"""What the journal has when nobody cuts it: else the scenario is not what it says."""


def play(scene: Scene, name: str) -> None:
    """A scenario from its beginning to the end of the last call."""
    (CALLS | MORE)[name](scene)
    good_night(scene)
