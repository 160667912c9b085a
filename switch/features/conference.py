"""Meet-me conferences: whoever dials the room's number talks with all who are in it (`Conference` steps).

    asking     where there is a PIN: by the keys, three times; it is looked at off the loop
    inside     the leg is in the room
    leaving    it hears why it cannot stay, and is hung up on

Keys of who is inside: `*1` mutes him or takes that back, `*4` says how many are there. A chair's besides: `*2` mutes
all others who are no chairs, or takes that back, `*3` locks the room or opens it. A chair is who has given the chair's
PIN; where there is none, nobody is.

What has to outlive a crash is in the journal: who is in (`RoomEntered`), whether muted, a chair, and whether he locks
the room. A meeting is therefore nothing but its members. There is no limit of time in it (LIM-6).

PINs that were wrong are counted by who called, and over all that came from outside; from so many on further ones are
refused without a look, for a while. A start forgets them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dialplan.groups import Conference as Settings
from dialplan.model import Model
from dialplan.plan import Conference
from dialplan.termination import Reason, Result, Termination
from media.engine import Digit, MediaEvent, Part, Tune
from records import events as e
from switch.calls import ports
from switch.calls.answering import serve
from switch.calls.dialogue import Answer, Ask, Dialogue
from switch.calls.ending import end
from switch.calls.inviting import as_from_front
from switch.calls.leg import is_trunk, line_of
from switch.prompts.words import Words

if TYPE_CHECKING:
    from switch.calls.call import Call
    from switch.calls.leg import Leg

Check = Callable[[str, str, Callable[[str, float], None]], None]
"""Whose PIN of that room it is, `chair`, `member` or nobody's (empty): looked at off the loop, and told in an input of
its own, with its time."""

PREFIX = "conference"
TRIES = 3
MOST_WRONG = 5
MOST_WRONG_OUTSIDE = 50
WINDOW_S = 15 * 60.0
OUT = Termination(Result.ANSWERED, Reason.SERVICE_ENDED, 200)
CLOSED = Termination(Result.ANSWERED, Reason.ROOM_CLOSED, 200)
ENTRY = Tune(("tone:880:120", "tone:1175:160"), over=True)
EXIT = Tune(("tone:1175:120", "tone:880:160"), over=True)
_OUTSIDE = "outside"


class Conferences:
    """All rooms. The executor of `Conference` steps; `resume` makes a member again after a crash."""

    def __init__(self, model: Callable[[], Model], check: Check, words: Words) -> None:
        self.words = words
        self.check = check
        self._model = model
        self._members: dict[str, dict[str, Member]] = {}
        """By room and call. Rooms that nobody is in are not there."""
        self._wrong: dict[tuple[str, str], deque[float]] = {}

    def __call__(self, call: Call, step: Conference, now: float) -> None:
        """Let the front in, or ask it for the PIN."""
        serve(call, Member(self, step.room), now)

    def resume(self, call: Call, room: str) -> Member:
        """After a crash."""
        return Member(self, room)

    def settings(self, room: str) -> Settings | None:
        """What the operator has set; None for a room that there is no more."""
        return self._model().conferences.get(room)

    def inside(self, room: str) -> list[Member]:
        """Who is in a room."""
        return list(self._members.get(room, {}).values())

    def enter(self, member: Member) -> None:
        """Somebody is in."""
        self._members.setdefault(member.room, {})[member.call.id] = member

    def leave(self, member: Member) -> None:
        """Somebody is not in any more."""
        members = self._members.get(member.room, {})
        members.pop(member.call.id, None)
        if not members:
            self._members.pop(member.room, None)

    # -- wrong PINs ---------------------------------------------------------------------------------------------

    def blocked(self, room: str, call: Call, now: float) -> bool:
        """Whether no PIN of that caller is looked at for now."""
        return any(self._count(room, key, now) >= most for key, most in _counters(call))

    def wrong(self, room: str, call: Call, now: float) -> None:
        """A PIN was wrong."""
        for key, _ in _counters(call):
            self._wrong.setdefault((room, key), deque()).append(now)

    def _count(self, room: str, key: str, now: float) -> int:
        tries = self._wrong.get((room, key))
        if tries is None:
            return 0
        while tries and tries[0] <= now - WINDOW_S:
            tries.popleft()
        if not tries:
            del self._wrong[room, key]
        return len(tries)


def _counters(call: Call) -> Iterator[tuple[str, int]]:
    front, started = call.front, as_from_front(call).started
    if is_trunk(front.target):
        yield f"{front.target} {started.caller_number}", MOST_WRONG
        yield _OUTSIDE, MOST_WRONG_OUTSIDE
    else:
        yield front.target, MOST_WRONG


def _name(call: Call) -> str:
    """How a member is called; empty for one who is not to be shown, or of whom nobody knows."""
    line = line_of(call.front.target)
    if line:
        return call.context.directory.shown(line)[1]
    started = as_from_front(call).started
    return "" if started.hidden else started.caller_name


class Member:
    """One call's part in a room: the service that its front talks with (`switch.calls.serving.Service`)."""

    def __init__(self, rooms: Conferences, room: str) -> None:
        self.name = f"{PREFIX}:{room}"
        self.room = room
        self.call: Call
        self._rooms = rooms
        self._dialogue: Dialogue
        self._begun = False
        self._tried = 0
        self._pressed = ""
        self._known = ""
        self._was: e.RoomEntered | None = None
        """How it was in the room, until the others have heard that it is gone."""

    # -- what the call tells ------------------------------------------------------------------------------------

    def begin(self, call: Call, now: float) -> None:
        """The front is answered; after a crash it may be in the room already."""
        if self._begun:
            self._dialogue.stop()
        self._begun = True
        self.call, self._dialogue, self._known = call, Dialogue(call, call.front), _name(call)
        settings = self._rooms.settings(self.room)
        if self._part is not None:
            self._was = self._part
            self._rooms.enter(self)
            self._mix()
        elif settings is None:
            self._dismiss(now, "conf_unknown")
        elif settings.pin or settings.chair_pin:
            self._ask(now)
        else:
            self._enter("member", now)

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """A key, or the end of what was said."""
        if self._part is None:
            self._dialogue.heard(event, now)
        elif type(event) is Digit:
            pressed, self._pressed = self._pressed, "*" if event.digit == "*" else ""
            if pressed:
                self._key(event.digit, now)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """Whoever hangs up ends his own call alone."""
        return False

    def parted(self, call: Call, now: float) -> None:
        """The front goes elsewhere, or the call is over."""
        self._dialogue.stop()
        self._leave(now)

    # -- the PIN ------------------------------------------------------------------------------------------------

    def _ask(self, now: float, *before: str) -> None:
        settings = self._rooms.settings(self.room)
        needed = settings is None or settings.pin
        words = self._rooms.words.sources(*before, "conf_pin_enter")
        ask = Ask(words=words, most=12, least=1 if needed else 0, first_s=8.0, between_s=5.0, secret=True)
        self._tried += 1
        self._dialogue.ask(ask, self._answered, now)

    def _answered(self, answer: Answer, now: float) -> None:
        if answer.good and not answer.digits:
            self._enter("member", now)  # only chairs have a PIN
            self.call.rejoined(now)
        elif not answer.digits:
            self._checked("", False, now)
        elif self._rooms.blocked(self.room, self.call, now):
            self._dismiss(now, "pin_locked")
        else:
            self._rooms.check(self.room, answer.digits, lambda role, then: self._told(role, then))

    def _told(self, role: str, now: float) -> None:
        call = self.call
        try:
            if call.service is self and not call.over:
                self._checked(role, True, now)
        except Exception as error:  # noqa: BLE001  see Call.broken
            call.broken(error, now)

    def _checked(self, role: str, given: bool, now: float) -> None:
        if role:
            self._enter(role, now)
            self.call.rejoined(now)
            return
        if given:
            self._rooms.wrong(self.room, self.call, now)
        if self._tried < TRIES:
            self._ask(now, *(("pin_wrong",) if given else ()))
        else:
            self._dismiss(now, "pin_wrong")

    # -- in and out ---------------------------------------------------------------------------------------------

    @property
    def _part(self) -> e.RoomEntered | None:
        return self.call.state.members.get(self.call.state.front)

    @property
    def chair(self) -> bool:
        """Whether this member is a chair."""
        return self._part is not None and self._part.chair

    @property
    def locks(self) -> bool:
        """Whether it is this member who has locked the room."""
        return self._part is not None and self._part.locks

    def _enter(self, role: str, now: float) -> None:
        settings, others = self._rooms.settings(self.room), self._rooms.inside(self.room)
        chair = role == "chair"
        if settings is None:
            self._dismiss(now, "conf_unknown")
        elif not chair and any(other.locks for other in others):
            self._dismiss(now, "conf_locked")
        elif len(others) >= settings.most:
            self._dismiss(now, "conf_full")
        else:
            muted = settings.muted and not chair
            self._record(chair=chair, muted=muted)
            self._rooms.enter(self)
            self._mix()
            self._announce(settings, ENTRY, "conf_joined", "conf_someone_joined")
            self._say(*(() if others else ("conf_alone",)), *(("conf_muted",) if muted else ()))

    def _record(self, *, chair: bool, muted: bool, locks: bool = False) -> None:
        call = self.call
        front = call.state.front
        call.record(e.RoomEntered(call.id, call.state.n, call.context.at(), front, self.room, chair, muted, locks))
        self._was = self._part

    def _mix(self) -> None:
        part = self._part
        speaks = part is not None and not part.muted
        self.call.context.engine.mix(ports.leased(self.call.front), self.name, Part(speaks=speaks))

    def _leave(self, now: float) -> None:
        was, call = self._was, self.call
        self._rooms.leave(self)
        if was is None:
            return
        self._out(call)
        if was.leg in call.legs:
            call.context.engine.stop(ports.leased(call.legs[was.leg]))
        settings, others = self._rooms.settings(self.room), self._rooms.inside(self.room)
        if settings is None:
            return
        if settings.chair_ends and was.chair and not any(other.chair for other in others):
            for other in others:
                other.close(now)
        else:
            self._announce(settings, EXIT, "conf_left", "conf_someone_left")

    def close(self, now: float) -> None:
        """The conference is over for this member."""
        call = self.call
        try:
            self._rooms.leave(self)
            self._out(call)
            self._dismiss(now, "conf_chair_left", "conf_ended", ending=CLOSED)
        except Exception as error:  # noqa: BLE001  see Call.broken
            call.broken(error, now)

    def _out(self, call: Call) -> None:
        """Record that it is not in the room any more; a leg that has left the call says so itself."""
        self._was = None
        part = self._part
        if part is not None:
            call.record(e.RoomLeft(call.id, call.state.n, call.context.at(), part.leg, self.room))

    def _dismiss(self, now: float, *why: str, ending: Termination = OUT) -> None:
        """Say why, and hang up."""
        self._dialogue.say(self._rooms.words.sources(*why), lambda then: end(self.call, ending, then), now)

    # -- what is said in the room -------------------------------------------------------------------------------

    def _say(self, *prompts: str) -> None:
        if prompts:
            self._play(Tune(self._rooms.words.sources(*prompts), over=True))

    def _play(self, tune: Tune) -> None:
        self.call.context.engine.play(ports.leased(self.call.front), tune)

    def _announce(self, settings: Settings, tone: Tune, named: str, unnamed: str) -> None:
        """Let the others hear who comes or goes."""
        others = [other for other in self._rooms.inside(self.room) if other is not self]
        if settings.announce == "none" or not others:
            return
        tune = tone
        if settings.announce == "name":
            say, name = self._rooms.words, self._known
            words = (*say.said(name), *say.sources(named)) if name else say.sources(unnamed)
            tune = Tune(words, over=True)
        for other in others:
            other._play(tune)

    # -- keys ---------------------------------------------------------------------------------------------------

    def _key(self, digit: str, now: float) -> None:
        part = self._part
        assert part is not None
        if digit == "1":
            self.mute(not part.muted)
        elif digit == "2" and part.chair:
            others = [other for other in self._rooms.inside(self.room) if not other.chair]
            mute = any(other._part is not None and not other._part.muted for other in others)
            for other in others:
                other.mute(mute)
        elif digit == "3" and part.chair:
            self._record(chair=True, muted=part.muted, locks=not part.locks)
            self._say("conf_locked" if not part.locks else "conf_opened")
        elif digit == "4":
            count = len(self._rooms.inside(self.room))
            words = (*self._rooms.words.number(count), *self._rooms.words.sources("conf_people"))
            self._play(Tune(words, over=True))

    def mute(self, muted: bool) -> None:
        """Mute this member, or let it be heard again; it is told so."""
        part = self._part
        if part is not None and part.muted != muted:
            self._record(chair=part.chair, muted=muted, locks=part.locks)
            self._mix()
            self._say("conf_muted" if muted else "conf_unmuted")
