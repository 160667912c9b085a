"""Recording of calls (REC-1 to REC-7): automatic from the answer on, or switched on during the call; who is to be told
hears the announcement to its end before anything is kept.

    off        -[joined, and a policy says so; a key; the operator]->  announcing | on
    announcing -[all have heard it]->                                  on
    announcing -[it could not be played to its end, or in time]->      off for good, and the record says why (REC-4)
    on         -[a leg comes in]->   on, with it: told first where it is to be told
    on         -[pause]->            paused -[resume]-> on
    on         -[a key, the operator, the disk]->                      off for good, but when it is asked for again

Each leg has a spool of its own (`media.engine.Spool`), on the side of the caller or on the other one; all of a
recording become one file (`Keeping`). It follows who talks with whom (`Context.joined`): through hold, park and
transfer, and into the call that a leg goes over to. It is a fold of the call's events (`CallState.recording`), and goes
on after a crash.

Whose rules hold is as `ringplan explain` tells it (`rules.py`): of calls in the house those of both, of others those of
the line that is called, or that pays. An emergency call is recorded only where the operator wants that, and
never waits for an announcement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from media.engine import PlayEnded, RecordEnded, Spool, Tune
from records import events as e
from switch.calls.leg import CALLER, Leg, is_trunk
from switch.control import Refused
from switch.features.recording.keeping import Keeping, is_for_help, name_of
from switch.features.recording.rules import POLICY, automatic, talkers, to_tell

if TYPE_CHECKING:
    from switch.calls.call import Call
    from switch.sip.timer import Timer

ANNOUNCE_S = 30.0
"""An announcement that has not been heard by then cannot be played."""
LOOK_S = 0.5
"""How often it is looked at whether somebody listens again, who is to be told and holds the call."""
ANNOUNCEMENT = "rec_announcement"
_OURS = 0x52 << 24
"""The ids of our tunes begin with it."""
PARKED = "park:"


Prompt = Callable[[str], tuple[str, ...]]
"""The sources of a prompt of `switch.prompts.texts`: files, or tones where there are none."""


class Asking:
    """An announcement that is being heard: by which legs, with the ids of the tunes. `presser` asked for it."""

    __slots__ = ("by", "call", "due", "heard", "presser", "timer", "waiting")

    def __init__(self, call: Call, by: str, presser: int | None, due: Callable[[Asking, float], None]) -> None:
        self.call = call
        self.by = by
        self.presser = presser
        self.waiting: dict[int, int] = {}
        self.heard: set[int] = set()
        self.timer: Timer | None = None
        self.due = due

    def on_timer(self, what: object, now: float) -> None:
        """It takes too long, or it is to be looked at who listens."""
        self.timer = None
        self.due(self, now)

    def stop(self) -> None:
        """It is settled."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Active(msgspec.Struct):
    """A spool that is on: of which call, and of which port of its leg."""

    call: Call
    leg: Leg
    media: int
    path: str
    hushed: bool = False
    """Whether nothing is kept as the leg talks with a service of ours."""

    @property
    def open(self) -> bool:
        """Whether the leg has that port still, here or in another call."""
        return self.leg.call.legs.get(self.leg.index) is self.leg and _media(self.leg) == self.media


class Recording:
    """All recordings that are on. The methods up to `command` are hooks of the call layer."""

    def __init__(self, keeping: Keeping, prompt: Prompt) -> None:
        self._keeping = keeping
        self._prompt = prompt
        self._asking: dict[str, Asking] = {}
        self._active: dict[str, Active] = {}
        """By path."""
        self._by_media: dict[int, str] = {}
        self._dead: dict[int, str] = {}
        """Ports whose worker has died, while the call that they were in goes on, perhaps with other legs: its id."""
        self._tunes = 0
        self._strict: set[str] = set()
        """Calls in which all are told, as somebody was in the call that a leg came from."""
        self._secret: set[str] = set()
        """Calls in which a password is keyed."""

    def answered(self, call: Call, now: float) -> None:
        """The caller was answered (`Context.answered`). Most calls are nobody's to record, as no telephone in them has
        terms; who pays for a carrier's leg may have some."""
        state, peer = call.state, call.state.peer
        if state.legs[CALLER].terms is None and peer is not None and not call.for_help:
            leg = state.legs[peer]
            if leg.terms is None and not is_trunk(leg.target):
                return
        self._safely(call, self._joined, now)

    def joined(self, call: Call, now: float) -> None:
        """Who talks with whom has changed (`Context.joined`)."""
        self._safely(call, self._joined, now)

    def _safely(self, call: Call, what: Callable[[Call, float], None], now: float) -> None:
        """A bug in here must not cost a call, least of all one for help."""
        try:
            what(call, now)
        except Exception as error:  # noqa: BLE001  see above
            call.context.on_error(error, f"recording of call {call.id}")

    def _joined(self, call: Call, now: float) -> None:
        if call.over or call.state.answered_at is None:
            return
        brought = self._brought(call)
        if call.for_help and not self._keeping.settings.emergency:
            self._let_be(call)
            return
        recording, asking = call.state.recording, self._asking.get(call.id)
        if recording is not None and call.for_help and not is_for_help(recording.file):
            self._end(call, "off", POLICY, "somebody was called for help: it goes on in another file")
            self._follow(call, recording.by, now)
        elif recording is not None:
            self._go_on(call)
            self._hush(call)
            self._follow(call, recording.by, now)
        elif asking is not None:
            self._follow(call, asking.by, now)
        elif not call.state.unrecorded:
            by = brought or (POLICY if automatic(call, emergency=self._keeping.settings.emergency) else "")
            if by:
                self._follow(call, by, now)

    def _let_be(self, call: Call) -> None:
        """Somebody was called for help: what was recorded, or about to be, is not any more."""
        detail = "emergency calls are not recorded"
        if call.state.recording is not None:
            self._end(call, "off", POLICY, detail)
        elif call.id in self._asking:
            self._give_up(call, "off", POLICY, detail)

    def over(self, call: Call, now: float) -> None:
        """The call is over (`Context.over`). Its legs are closed, and their spools with them; those of a leg that has
        gone elsewhere end here."""
        self._safely(call, self._over, now)

    def _over(self, call: Call, now: float) -> None:
        self._strict.discard(call.id)
        self._secret.discard(call.id)
        asking = self._asking.pop(call.id, None)
        if asking is not None:
            asking.stop()
        if call.state.recording is not None:
            self._end_spools(call)
            self._keeping.over(call.state.recording.file)
        if call.state.recordings:
            for active in self._of(call):
                del self._active[active.path]  # a worker that died does not tell of its end
            for media in [media for media, each in self._dead.items() if each == call.id]:
                del self._dead[media]

    def recorded(self, event: RecordEnded, now: float) -> None:
        """A spool has ended (`Context.recorded`)."""
        self._keeping.closed(event.path)
        active = self._active.pop(event.path, None)
        if active is None:
            return
        if self._by_media.get(active.media) == event.path:
            del self._by_media[active.media]
        call, recording = active.call, active.call.state.recording
        if call.over or recording is None or call.legs.get(active.leg.index) is not active.leg:
            return
        if event.why in ("failed", "limit"):
            self._end(call, event.why, "", event.detail)
        elif event.why == "closed" and active.open:
            if not self._is_on(call, active.leg):
                self._safely(call, lambda call, now: self._again(call, active.leg, recording.file, recording.by), now)
        elif event.why == "closed" and active.leg in talkers(call):
            self._follow(call, recording.by, now)  # it has another port now

    def lost(self, media: int, now: float) -> None:
        """The worker of that port has died (`Context.lost`): what it has written is all that comes."""
        for path in self._keeping.opened(f".{media}.spool"):
            active = self._active.get(path)
            if active is not None:
                self._dead[media] = active.call.id
            self.recorded(RecordEnded(media, path, "lost", 0, 0), now)

    def played(self, call: Call, leg: Leg, event: PlayEnded, now: float) -> bool:
        """A tune has ended (`Context.played`). Whether it was one of ours."""
        asking = self._asking.get(call.id)
        if asking is not None and asking.waiting.get(leg.index) == event.id:
            self._safely(call, lambda call, now: self._said(asking, leg, event, now), now)
        return event.id >> 24 == _OURS >> 24

    def _said(self, asking: Asking, leg: Leg, event: PlayEnded, now: float) -> None:
        if event.failed:
            self._fail(asking.call, "the announcement cannot be played", now)
            return
        del asking.waiting[leg.index]
        if _listens(leg):
            asking.heard.add(leg.index)
        asking.stop()
        self._follow(asking.call, asking.by, now)

    def key(self, call: Call, leg: Leg, now: float) -> None:
        """Somebody has pressed the code that switches recording on, and off again."""
        by, recording = _who(call, leg), call.state.recording
        if not self._may(call, leg):
            self._refuse(call, leg, by)
        elif recording is not None:
            self._end(call, "off", by)
            self._say(leg, "rec_stopped")
        elif call.id in self._asking:
            self._give_up(call, "off", by)
            self._say(leg, "rec_stopped")
        elif talkers(call):
            self._follow(call, by, now, leg.index)

    def pause_key(self, call: Call, leg: Leg, now: float) -> None:
        """The code that pauses it, for card data, and lets it go on."""
        terms, recording = call.state.legs[leg.index].terms, call.state.recording
        if recording is None:
            return
        if terms is None or not (terms.record or terms.on_demand) or call.for_help:
            self._refuse(call, leg, _who(call, leg))
            return
        self._pause(call, not recording.paused, _who(call, leg))
        self._say(leg, "rec_paused" if call.state.recording is not None and recording.paused else "rec_resumed")

    def command(self, call: Call, what: str, by: str, now: float) -> None:
        """The operator says on, off, pause or resume. Raises Refused."""
        recording = call.state.recording
        if call.over or call.state.answered_at is None or (what == "on" and not talkers(call)):
            raise Refused("nobody talks with anybody in this call yet")
        if what == "on":
            if recording is not None:
                raise Refused("this call is recorded already")
            if call.for_help and not self._keeping.settings.emergency:
                raise Refused("emergency calls are not recorded: see `recordings: emergency` in the configuration")
            self._follow(call, by, now)
        elif recording is None and what == "off" and call.id in self._asking:
            self._give_up(call, "off", by)
        elif recording is None:
            raise Refused("this call is not recorded")
        elif what == "off":
            self._end(call, "off", by)
        elif recording.paused is (what == "pause"):
            raise Refused("the recording is paused already" if recording.paused else "the recording is not paused")
        else:
            self._pause(call, what == "pause", by)

    # -- whether ------------------------------------------------------------------------------------------------

    def _may(self, call: Call, leg: Leg) -> bool:
        """REC-1, REC-5. Whether calls for help are recorded, the operator alone says, and then all of them are."""
        terms = call.state.legs[leg.index].terms
        return terms is not None and terms.on_demand and not call.for_help

    def _brought(self, call: Call) -> str:
        """Legs that came out of another call were recorded there: that ends, and goes on here if it was asked for by
        somebody and is not paused."""
        by = ""
        if not self._active:
            return by
        for leg in call.legs.values():
            path = self._by_media.get(_media(leg), "")
            active = self._active.get(path)
            if active is not None and active.call is not call:
                before = active.call.state.recording
                if before is not None and before.by != POLICY and not before.paused:
                    by = before.by
                    if before.announced:
                        self._strict.add(call.id)
                        call.noted = True
                call.context.engine.end_record(active.media, path)
        return by

    # -- on, off, paused ----------------------------------------------------------------------------------------

    def _follow(self, call: Call, by: str, now: float, presser: int | None = None) -> None:
        """Record those who talk and are not recorded yet, when all have heard what they are to hear."""
        call.noted = True
        asking, recording = self._asking.get(call.id), call.state.recording
        legs = talkers(call)
        new = [leg for leg in legs if not self._is_on(call, leg)]
        told = recording.announced if recording is not None else set()
        wanting = [leg for leg in new if leg.index in to_tell(call, legs, by, strictly=call.id in self._strict) - told]
        if asking is None:
            if not new:
                return
            asking = Asking(call, by, presser, self._due)
            if wanting:
                self._asking[call.id] = asking
        here = {leg.index for leg in legs}
        asking.waiting = {leg: tune for leg, tune in asking.waiting.items() if leg in here}
        untold = [leg for leg in wanting if leg.index not in asking.waiting and leg.index not in asking.heard]
        if untold and not any(source.startswith("file:") for source in self._prompt(ANNOUNCEMENT)):
            self._fail(call, "the announcement is not there: tones would be heard in its place", now)
            return
        for leg in untold:
            if _listens(leg):
                asking.waiting[leg.index] = self._say(leg, ANNOUNCEMENT)
                asking.stop()
        if asking.waiting or untold:
            if asking.timer is None:
                wait_s = ANNOUNCE_S if asking.waiting else LOOK_S
                asking.timer = call.context.endpoint.timers.after(wait_s, now, asking, None)
            return
        self._settle(call, asking)

    def _due(self, asking: Asking, now: float) -> None:
        def due(call: Call, now: float) -> None:
            if asking.waiting:
                self._fail(call, "the announcement was not heard to its end in time", now)
            else:
                self._follow(call, asking.by, now)

        self._safely(asking.call, due, now)

    def _settle(self, call: Call, asking: Asking) -> None:
        asking.stop()
        self._asking.pop(call.id, None)
        recording = call.state.recording
        file = recording.file if recording is not None else ""
        for leg in talkers(call):
            if not self._is_on(call, leg):
                self._start(call, leg, file, asking)
                file = call.state.recording.file if call.state.recording is not None else file
        presser = call.legs.get(asking.presser) if asking.presser is not None else None
        if presser is not None and call.state.recording is not None and presser.index not in asking.heard:
            self._say(presser, "rec_started")

    def _start(self, call: Call, leg: Leg, file: str, asking: Asking) -> None:
        media, at, recording = _media(leg), call.context.at(), call.state.recording
        if media < 0 or media in self._dead:
            return
        if not file:
            file = name_of(at, call.id, call.state.recordings + 1, for_help=call.for_help)
        side = self._side(call, leg)
        spool = _spool(file, side, leg.index, media, recording.spools.get(leg.index) if recording is not None else None)
        announced = leg.index in asking.heard
        call.record(
            e.RecordingStarted(call.id, call.state.n, at, leg.index, file, spool, side, asking.by, announced),
        )
        self._open(call, leg, file, spool)

    def _again(self, call: Call, leg: Leg, file: str, by: str) -> None:
        """The worker of a leg that is recorded has died, and another one has the leg: it goes on there as it was,
        whoever the leg talks with now or is told something."""
        self._start(call, leg, file, Asking(call, by, None, self._due))
        self._hush(call)

    def _side(self, call: Call, leg: Leg) -> int:
        """The caller's is 0; whoever comes later has the side that his partner has not."""
        recording = call.state.recording
        spools = recording.spools if recording is not None else {}
        if leg.index in spools:
            return spools[leg.index][1]
        for other in talkers(call):
            if other is not leg and other.index in spools:
                return 1 - spools[other.index][1]
        return 0 if leg.index in (CALLER, call.state.front) and CALLER not in spools else 1

    def _open(self, call: Call, leg: Leg, file: str, spool: str) -> None:
        """Have the engine record a leg, or tell it once more."""
        recording, media, engine = call.state.recording, _media(leg), call.context.engine
        path = self._keeping.begun(call.id, file, spool)
        self._active[path] = Active(call, leg, media, path)
        self._by_media[media] = path
        engine.record(media, Spool(path, self._keeping.settings.most_s))
        if recording is not None and recording.paused:
            engine.pause(media, path)

    def _go_on(self, call: Call) -> None:
        """After a crash: the engine is told once more, and we know again which spools are on."""
        recording = call.state.recording
        if recording is None:
            return
        for index, (spool, _) in recording.spools.items():
            leg = call.legs.get(index)
            media = _media(leg) if leg is not None else -1
            known = media in self._by_media or media in self._dead
            if leg is not None and spool.endswith(f".{media}.spool") and not known:
                self._open(call, leg, recording.file, spool)

    def _is_on(self, call: Call, leg: Leg) -> bool:
        active = self._active.get(self._by_media.get(_media(leg), ""))
        return active is not None and active.call is call

    def _pause(self, call: Call, paused: bool, by: str) -> None:
        recording, engine = call.state.recording, call.context.engine
        if recording is None:
            return
        call.record(e.RecordingPaused(call.id, call.state.n, call.context.at(), recording.file, paused, by))
        for active in self._of(call):
            if not active.open:
                continue
            if paused:
                engine.pause(active.media, active.path)
            elif not active.hushed:
                engine.record(active.media, Spool(active.path, self._keeping.settings.most_s))

    def secret(self, call: Call, on: bool) -> None:
        """A password is keyed in the call, or not any more: that is silence in the file."""
        if on:
            self._secret.add(call.id)
            call.noted = True
        else:
            self._secret.discard(call.id)
        self._hush(call)

    def _hush(self, call: Call) -> None:
        """What is said or keyed to a mailbox, a menu, or before a room is not of the talk that was to be recorded, and
        may be a PIN (PIN-5): it is silence in the file. What a parked one says is (REC-7)."""
        recording, service = call.state.recording, call.state.service
        asked = bool(service) and not service.startswith(PARKED) and not talkers(call)
        hush = asked or call.id in self._secret
        for active in self._of(call):
            if active.hushed is hush or recording is None or not active.open:
                continue
            active.hushed = hush
            if hush:
                call.context.engine.pause(active.media, active.path)
            elif not recording.paused:
                call.context.engine.record(active.media, Spool(active.path, self._keeping.settings.most_s))

    def _end(self, call: Call, why: str, by: str, detail: str = "") -> None:
        """No more is kept of this call."""
        recording = call.state.recording
        file = recording.file if recording is not None else ""
        self._end_spools(call)
        call.record(e.RecordingEnded(call.id, call.state.n, call.context.at(), file, why, by, detail))
        if file:
            self._keeping.over(file)

    def _end_spools(self, call: Call) -> None:
        for active in self._of(call):
            if active.open:
                call.context.engine.end_record(active.media, active.path)
            if self._by_media.get(active.media) == active.path:
                del self._by_media[active.media]

    def _of(self, call: Call) -> list[Active]:
        return [active for active in self._active.values() if active.call is call]

    # -- what is said -------------------------------------------------------------------------------------------

    def _fail(self, call: Call, detail: str, now: float) -> None:
        """REC-4: nothing is kept where somebody was to be told and could not be."""
        asking = self._asking.get(call.id)
        if asking is None or call.over:
            return
        self._give_up(call, "announcement", asking.by, detail)
        presser = call.legs.get(asking.presser) if asking.presser is not None else None
        if presser is not None:
            self._say(presser, "rec_failed")

    def _give_up(self, call: Call, why: str, by: str, detail: str = "") -> None:
        """What was to be recorded is not."""
        asking = self._asking.pop(call.id)
        asking.stop()
        for index in asking.waiting:
            if index in call.legs:
                call.context.engine.stop(_media(call.legs[index]), over=True)
        self._end(call, why, by, detail)

    def _refuse(self, call: Call, leg: Leg, by: str) -> None:
        detail = "this line may not record on demand"
        call.record(e.RecordingEnded(call.id, call.state.n, call.context.at(), "", "refused", by, detail))
        self._say(leg, "refused_not_permitted")

    def _say(self, leg: Leg, prompt: str) -> int:
        """Over whatever the leg hears. The id of the tune."""
        self._tunes = (self._tunes + 1) & 0xFFFFFF
        tune = Tune(self._prompt(prompt), over=True, id=_OURS | self._tunes)
        leg.call.context.engine.play(_media(leg), tune)
        return tune.id


def _media(leg: Leg) -> int:
    return leg.sound.lease.leg if leg.sound.lease is not None else -1


def _listens(leg: Leg) -> bool:
    """Whether what we send is heard there: it has been described, and the telephone does not hold the call."""
    far = leg.sound.far
    return far is not None and far.port != 0 and far.receive


def _spool(file: str, side: int, leg: int, media: int, before: tuple[str, int] | None) -> str:
    """The name of a leg's spool. One that was begun on the same port `before` is as its worker left it when it died."""
    times = 0
    if before is not None and before[0].endswith(f".{media}.spool"):
        times = int(before[0].rsplit(".", 3)[1].partition("+")[2] or 0) + 1
    return f"{file[:-4]}.{side}.{leg}{f'+{times}' if times else ''}.{media}.spool"


def _who(call: Call, leg: Leg) -> str:
    device = call.state.legs[leg.index].device
    return f"device:{device}" if device else leg.target
