"""Days of telephoning in a small company, as the events that the exchange writes: for what counts calls.

A story is one thing that happens, in one call or two: somebody calls outside, on the own line or the delegator's; a
caller comes to a user, a group or a menu and is answered, forwarded, sent to a mailbox, parked, transferred, recorded.
Only the order and shape of the events are taken over from the exchange, not its code; what they come to is for others
to count.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from records import events as e
from tests.support.call_events import DIALOG, FLOW, at, started

USERS = ("anna", "ben", "carl", "dora")
DELEGATES = {"anna": ("ben", "carl")}
GROUPS = {"front": ("carl", "dora"), "back": ("anna", "dora")}
SITES = {"anna": "Rome", "ben": "Rome", "carl": "Oslo", "dora": "Oslo"}
OUTSIDE = ("+16695550123", "+16695550124", "+442079460001", "")
DIALLED = ("+16695550150", "+16695550151", "+442079460050")


class Writer:
    """Writes the events of one call down, with their numbers and a clock of its own."""

    def __init__(self, call: str, seconds: float) -> None:
        self.call = call
        self.events: list[Any] = []
        self.seconds = seconds
        self.legs = 0
        self.users: dict[int, str] = {}

    def wait(self, seconds: float) -> None:
        """So long nothing happens."""
        self.seconds = round(self.seconds + seconds, 3)

    def add(self, kind: type, *args: Any, **more: Any) -> None:
        """The next event."""
        self.events.append(kind(self.call, len(self.events), at(self.seconds), *args, **more))

    def begin(self, user: str, entity: str, *, line: str = "", number: str = "", hidden: bool = False) -> None:
        """A user dials, or nobody of the house: then it comes from a carrier."""
        usual = started(self.call, self.seconds)
        self.users[0] = user
        self.events.append(
            replace(
                usual,
                device=f"{user}-desk" if user else None,
                line=line or user or None,
                trunk=None if user else "itsp",
                caller_number=f"2{USERS.index(user)}" if user else number,
                hidden=hidden,
                dialled=number if user else "+16695550100",
                number=number if user else "+16695550100",
                user=user,
                site=SITES.get(user, ""),
                entity=entity,
            )
        )

    def ring(self, user: str, *, for_: str = "") -> int:
        """A user's telephone rings; for nobody of the house, a carrier is called."""
        self.legs += 1
        target = f"line:{user}" if user else "trunk:itsp"
        self.add(
            e.LegStarted,
            *(self.legs, target, "sip:x@192.0.2.78", FLOW, DIALOG, f"z9hG4bK{self.legs}"),
            device=f"{user}-desk" if user else "",
            for_=for_,
            user=user,
            site=SITES.get(user, ""),
        )
        self.users[self.legs] = user
        self.add(e.LegRinging, self.legs, 180, False)
        return self.legs

    def answer(self, leg: int, rung: list[int]) -> None:
        """One of those that ring is answered, and the others are told so."""
        self.add(e.LegAnswered, leg, DIALOG)
        if not any(type(each) is e.LegAnswered and each.leg == 0 for each in self.events):
            self.add(e.LegAnswered, 0, DIALOG)
        self.add(e.Connected, leg)
        for other in rung:
            if other != leg:
                self.add(e.LegEnded, other, "cancelled", "completed_elsewhere", 200)

    def serve(self, name: str) -> None:
        """A service of ours answers."""
        if not any(type(each) is e.LegAnswered and each.leg == 0 for each in self.events):
            self.add(e.LegAnswered, 0, DIALOG)
        self.add(e.Connected, 0, name)

    def end(self, result: str, reason: str, status: int, first: int = 0) -> None:
        """It is over; whoever hung up first, has an ending of the own."""
        if result == "answered":
            self.add(e.LegEnded, first, result, reason, status)
        self.add(e.CallEnded, result, reason, status)


Story = Callable[[random.Random, str, float], list[Writer]]


def _talk(chance: random.Random, call: Writer, leg: int) -> None:
    """They talk; one of them may hold the other now and then, and it may be recorded."""
    recorded = chance.choice((None, None, "policy", f"device:{call.users[leg] or call.users[0]}-desk", "operator:root"))
    if recorded:
        file = f"{call.call}-{len(call.events)}.wav"
        for side, each in enumerate((0, leg)):
            call.add(e.RecordingStarted, each, file, f"spool-{each}", side, recorded)
    for _ in range(chance.choice((0, 0, 1, 2))):
        holder = chance.choice((0, leg))
        call.wait(chance.randint(1, 40_000) / 1000)
        call.add(e.LegHeld, holder, True)
        call.wait(chance.randint(1, 20_000) / 1000)
        if chance.random() < 0.8:
            call.add(e.LegHeld, holder, False)
        else:
            break  # until the end
    call.wait(chance.randint(1, 90_000) / 1000)


def _hang_up(chance: random.Random, call: Writer, leg: int) -> None:
    first = chance.choice((0, leg))
    call.end("answered", "caller_hung_up" if first == 0 else "callee_hung_up", 200, first)


def calls_outside(chance: random.Random, name: str, seconds: float) -> list[Writer]:
    """SLN, UPR-4 to 6."""
    call, user = Writer(name, seconds), chance.choice(USERS)
    lines = [user, *(line for line, delegates in DELEGATES.items() if user in delegates)]
    entity = chance.choice(("external", "external", "external", "feature:account_code"))
    call.begin(user, entity, line=chance.choice(lines), number=chance.choice(DIALLED))
    if entity != "external":
        call.wait(2)
        call.add(e.CallReplanned, "code", "", (), "", "4711", chance.choice(DIALLED), entity="external")
    fate = chance.choice(("answered", "answered", "busy", "not_permitted", "told"))
    if fate == "not_permitted":
        call.end("refused", "not_permitted", 403)
    elif fate == "told":
        call.serve("refused:403:not_permitted:denied")
        call.wait(3.2)
        call.end("answered", chance.choice(("not_permitted", "no_route")), 200)
    else:
        leg = call.ring("")
        call.wait(4.5)
        if fate == "busy":
            call.add(e.LegEnded, leg, "busy", "busy", 486)
            call.end("busy", "busy", 486)
        else:
            call.answer(leg, [leg])
            _talk(chance, call, leg)
            _hang_up(chance, call, leg)
    return [call]


def calls_somebody(chance: random.Random, name: str, seconds: float) -> list[Writer]:
    """A user is called, from inside or outside, or a group, or by a menu; and what comes of that."""
    call = Writer(name, seconds)
    caller = chance.choice(("", "", *USERS))
    user = chance.choice([each for each in USERS if each != caller])
    entity = chance.choice(
        (f"user:{user}", f"user:{user}", f"ring_group:{chance.choice(list(GROUPS))}", "attendant:main")
    )
    hidden = chance.random() < 0.2
    call.begin(caller, entity, number=f"2{USERS.index(user)}" if caller else chance.choice(OUTSIDE), hidden=hidden)
    if entity == "attendant:main":
        call.serve(entity)
        call.wait(chance.randint(100, 9000) / 1000)
        entity = chance.choice((f"user:{user}", "voicemail:sales", "ring_group:front"))
        call.add(e.MenuChosen, "main", "1", entity)
    if entity == "voicemail:sales":
        _leave_message(chance, call, "sales")
        return [call]
    kind, _, called = entity.partition(":")
    if kind == "ring_group":
        rung = [call.ring(member) for member in GROUPS[called] if member != caller]
    elif chance.random() < 0.15:
        rung = []  # nobody has a telephone
    else:
        rung = [call.ring(called)]
        rung += [call.ring(each, for_=called) for each in DELEGATES.get(called, ()) if each != caller]
    call.wait(chance.randint(500, 20_000) / 1000)
    fate = chance.choice(("answered", "answered", "answered", "forwarded", "voicemail", "given_up"))
    if fate == "answered" and rung:
        leg = chance.choice(rung)
        call.answer(leg, rung)
        _talk(chance, call, leg)
        return [call, *_afterwards(chance, call, leg)]
    if fate == "given_up" or kind == "ring_group":
        call.end("cancelled", "caller_cancelled", 487)
        return [call]
    for leg in rung:
        call.add(e.LegEnded, leg, "no_answer", "no_answer", 408)
    if fate == "voicemail":
        call.add(e.CallForwarded, called, 408, to=f"voicemail:{called}", entity=f"voicemail:{called}")
        _leave_message(chance, call, called)
        return [call]
    other = chance.choice([each for each in USERS if each not in (caller, called)])
    other = chance.choice((other, ""))
    to = f"user:{other}" if other else "external"
    call.add(e.CallForwarded, called, 408, to=f"line:{other}" if other else "external:+16695550177", entity=to)
    leg = call.ring(other)
    call.wait(3)
    if chance.random() < 0.7:
        call.answer(leg, [leg])
        _talk(chance, call, leg)
        _hang_up(chance, call, leg)
    else:
        call.end("no_answer", "no_answer", 480)
    return [call]


def _leave_message(chance: random.Random, call: Writer, box: str) -> None:
    call.serve(f"voicemail:{box}")
    call.wait(chance.randint(0, 30_000) / 1000)
    call.end("answered", "caller_hung_up", 200)


def _afterwards(chance: random.Random, call: Writer, leg: int) -> list[Writer]:
    """What happens to a call that somebody has answered, who may park it, or ask somebody else and send it on."""
    user = call.users[leg]
    others = [each for each in USERS if each not in (user, call.users[0])]
    fate = chance.choice(("over", "over", "park", "ask"))
    if fate == "over" or not user:
        _hang_up(chance, call, leg)
        return []
    other = chance.choice(others)
    second = Writer(f"{call.call}-b", call.seconds)
    if fate == "park":
        call.add(e.LegEnded, leg, "answered", "transferred", 200)
        call.add(e.Parked, "main", "701", f"line:{user}")
        call.add(e.Connected, 0, "park:main/701")
        call.wait(chance.randint(1, 60_000) / 1000)
        if chance.random() < 0.3:
            call.end("answered", "caller_hung_up", 200)
            return []
        second.seconds = call.seconds
        second.begin(other, "park:main", number="701")
        call.add(e.Unparked, "main", "701", "retrieved", f"line:{other}")
    else:
        second.begin(user, f"user:{other}", number=f"2{USERS.index(other)}")
        asked = second.ring(other)
        second.wait(2)
        second.answer(asked, [asked])
        second.wait(chance.randint(1, 30_000) / 1000)
        call.seconds = second.seconds
        call.add(e.TransferBegun, leg, f"line:{user}", f"2{USERS.index(other)}", "attended", "refer", second.call)
    was = 0 if fate == "park" else 1
    if fate == "park":
        second.add(e.LegAnswered, 0, DIALOG)
    call.legs += 1
    call.users[call.legs] = other
    second.add(e.LegGiven, was, call.call, call.legs)
    call.add(
        e.LegTaken,
        *(
            call.legs,
            second.call,
            was,
            f"line:{other}",
            "sip:x@192.0.2.79",
            FLOW,
            DIALOG,
            f"{other}-desk",
            None,
            b"",
            None,
        ),
        user=other,
        site=SITES[other],
    )
    call.add(e.Connected, call.legs)
    if fate == "ask":
        call.add(e.LegEnded, leg, "answered", "transferred", 200)
        call.add(e.TransferOver, leg, "done", 200, f"line:{other}")
    second.add(e.CallEnded, "answered", "joined" if fate == "park" else "transferred", 200)
    call.wait(chance.randint(1, 60_000) / 1000)
    _hang_up(chance, call, call.legs)
    return [second]


def listens(chance: random.Random, name: str, seconds: float) -> list[Writer]:
    """A user listens to messages, or sets something: no call to anybody."""
    call = Writer(name, seconds)
    user, entity = chance.choice(USERS), chance.choice(("feature:voicemail", "feature:dnd", "service:600"))
    call.begin(user, entity, number="*97")
    call.serve({"feature:voicemail": f"mailbox:{user}", "feature:dnd": "tone:440", "service:600": "echo"}[entity])
    call.wait(chance.randint(1, 30_000) / 1000)
    call.end("answered", "caller_hung_up", 200)
    return [call]


STORIES: tuple[Story, ...] = (calls_outside, calls_somebody, calls_somebody, calls_somebody, listens)


def day(seed: int, stories: int) -> list[list[Any]]:
    """The events of so many stories, a list a call."""
    chance = random.Random(seed)
    made: list[Writer] = []
    for number in range(stories):
        made += chance.choice(STORIES)(chance, f"c{number}", round(number * 137.0 + chance.random() * 60, 3))
    return [each.events for each in made]
