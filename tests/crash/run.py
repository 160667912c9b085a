"""SIGKILL of the exchange at random instants under calls that stand, and what must be true of them afterwards.

An episode sets its calls up, kills the exchange so many times, lets the limit fire, the parked call ring again and the
other one be taken, hangs up, and looks at everything: the sound of each telephone, records, recording, what is left.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path

import msgspec

from switch.views import StatusView
from tests.crash.churn import Churn
from tests.crash.ears import Hole, Party
from tests.crash.stage import HOLD_MUSIC, LOUNGE, Held, Stage, connected, dialled, telephones
from tests.crash.stalls import Stalls
from tests.e2e.kit import sound
from tests.e2e.kit.house import wait_for
from tests.e2e.kit.phones import Softphone

GAP_S = 0.2
"""The longest hole in the sound that is allowed."""
LATE_S = 2.0
"""What comes at its time may be so late, where many processes share the machine."""
LATER_S = 0.8
"""A room's members hear a stall as much later: what waited is played first."""
TONES = [420.0 + 125.0 * number for number in range(17)]
BACK, TAKER = 2700.0, 2550.0
"""What they say who get the parked calls."""


class Outcome(msgspec.Struct):
    """What came of it. `wrong` is empty when all is well; `kills` counts all, `in_recovery` those that came while the
    exchange was on its way back, `feeder` those of the record feeder beside them; `offers` are re-INVITEs of telephones
    that were answered, `others` the long holes of a machine that had no time, or of a telephone that said nothing."""

    kills: int = 0
    in_recovery: int = 0
    feeder: int = 0
    offers: int = 0
    dialled: int = 0
    answered: int = 0
    looked_s: float = 0.0
    holes: list[Hole] = []
    away_s: list[float] = []
    others: list[str] = []
    wrong: list[str] = []


class Episode:
    """One set of calls from its first INVITE to its last record."""

    def __init__(
        self,
        stage: Stage,
        phones: dict[str, Softphone],
        dice: random.Random,
        outcome: Outcome,
        number: int,
        stalls: Stalls,
        say: Callable[[str], None],
    ) -> None:
        self.stage, self.phones, self.dice, self.outcome, self.number = stage, phones, dice, outcome, number
        self.stalls, self.say = stalls, say
        self.parties: list[Party] = []
        self.room: list[tuple[Party, float]] = []
        self.holes: dict[Party, list[Hole]] = {}
        self.speakers: dict[float, str] = {BACK: "carol", TAKER: "dave"}
        """Who says which tone."""
        self.holder: Party | None = None
        """Who has the held call on hold."""

    # -- setting up ---------------------------------------------------------------------------------------------------

    def set_up(self) -> None:
        """Eight calls: limited (twice), parked (twice), recorded, talking, held, and three in a room."""
        stage, phones = self.stage, self.phones
        alice, bob, carol, dave, pacific = (phones[name] for name in ("alice", "bob", "carol", "dave", "pacific"))
        tones = iter(TONES)

        def call(name: str, caller: Softphone, callee: Softphone, number: str) -> Held:
            pair = next(tones), next(tones)
            self.speakers |= {pair[0]: caller.name, pair[1]: callee.name}
            made = connected(stage, f"{name}-{self.number}", caller, callee, number, pair)
            self.parties += made.parties
            return made

        self.limited = call("limited", alice, pacific, "6692223333")
        self.limited_at = alice.expect("call", call=self.limited.parties[0].call, state="CONFIRMED")["now"]
        self.parked = call("parked", bob, carol, "103")
        self.park(self.parked, "main", "700")
        self.recorded = call("recorded", carol, dave, "104")
        wait_for(lambda: stage.record(self.recorded.id, "on"), 5, "the recording")
        self.recorded_at = time.monotonic()
        self.talk = call("talk", alice, bob, "102")
        self.ahead = call("ahead", carol, pacific, "6692224444")
        self.held = call("held", alice, bob, "102")
        self.toggle()
        for phone in (alice, bob, dave):
            tone = next(tones)
            self.speakers[tone] = phone.name
            phone.play(tone, -16)
            name = phone.call("800", name=f"{phone.name}-room-{self.number}")
            phone.talking(name)
            self.room.append((Party(phone, name, alice, bob, dave), tone))
        self.parties += [party for party, _ in self.room]
        self.meet()
        self.returns = call("returns", dave, carol, "103")
        self.park(self.returns, "short", "720")
        self.returns_at = time.monotonic()
        carol.play(BACK, -14)
        dave.play(TAKER, -14)
        self.mark = carol.mark()

    def park(self, held: Held, lot: str, number: str) -> None:
        """The callee parks the caller, who hears the lot's music then."""
        waiting, parker = held.parties
        held.silence()
        if lot == "main":
            parker.phone.do("dial", call=parker.call, digits="*7")
        else:
            parker.phone.do("transfer", call=parker.call, uri=f"sip:{number}@{parker.phone.server}")
        wait_for(lambda: any(each.lot == lot for each in self.stage.parked()), 8, "the call in its slot")
        waiting.hears(LOUNGE)

    def meet(self) -> None:
        """Each in the room hears the others."""
        for party, _ in self.room:
            party.hears(*(tone for other, tone in self.room if other is not party))

    # -- what happens meanwhile ---------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Hold by either end, or no hold any more."""
        one, other = self.held.parties
        self.held.silence()
        if self.holder is None:
            self.holder = self.dice.choice((one, other))
            self.offer(self.holder, "hold")
            (other if self.holder is one else one).hears(HOLD_MUSIC)
        else:
            self.offer(self.holder, "unhold")
            self.holder = None
            self.held.speak()

    def offer(self, party: Party, what: str) -> None:
        """A re-INVITE by that end, which is answered even if the exchange is killed under it."""
        mark = party.phone.mark()
        party.phone.do(what, call=party.call)
        try:
            party.phone.expect("media", 30, since=mark, call=party.call)
            self.outcome.offers += 1
        except AssertionError:
            self.wrong(f"{what} of {party.call} was not answered")

    def act(self) -> None:
        """Hold or resume one call, or offer anew in one that talks."""
        choice = self.dice.random()
        if choice < 0.35:
            self.toggle()
        elif choice < 0.8:
            ends = [*self.talk.parties, *self.ahead.parties, *self.recorded.parties]
            self.offer(self.dice.choice([*ends, *(party for party, _ in self.room)]), "unhold")

    def kill(self, most: int) -> None:
        """One kill, or up to `most` in a row: each while the exchange is still on its way back."""
        stage, dice = self.stage, self.dice
        first = len(stage.kills)
        time.sleep(dice.uniform(0.0, 0.8))
        if dice.random() < 0.2:
            stage.strike_feeder()  # no record may be lost or counted twice
            self.outcome.feeder += 1
        stage.strike()
        while dice.random() < 0.3 and len(stage.kills) - first < most:
            time.sleep(dice.uniform(0.0, 1.2))
            stage.strike()
            self.outcome.in_recovery += 1
        stage.served(first)

    def stand(self) -> None:
        """Every call is still up, with its telephones and in the exchange."""
        there = {each.call for each in self.stage.calls()}
        for held in (self.recorded, self.talk, self.ahead, self.held, self.parked, self.returns):
            gone = {self.parked: 1, self.returns: 1}.get(held, 2)  # the parker has left
            for party in held.parties[:gone]:
                if not party.up():
                    self.wrong(f"{held.name} is over at {party.phone.name}")
            if held.id not in there:
                self.wrong(f"{held.name} is not in the exchange any more")
        for party, _ in self.room:
            if not party.up():
                self.wrong(f"{party.call} is over")

    # -- the end ------------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Limit, return, retrieval, and who hangs up."""
        self.limit_fires()
        self.rings_again()
        self.is_taken()
        if self.holder is not None:
            self.toggle()
        time.sleep(1.3)
        leaver, _ = self.room.pop(self.dice.randrange(3))
        self.silence(leaver, *(party for party, _ in self.room))
        self.over(leaver, leaver)
        self.meet()
        time.sleep(1.3)
        self.recorded_until = time.monotonic()
        for held in (self.recorded, self.talk, self.ahead, self.held, self.returned, self.taken):
            held.silence()
            self.over(*self.dice.sample(held.parties, 2))
        for party, _ in self.room:
            party.hears()
            self.over(party, party)

    def silence(self, *parties: Party) -> None:
        for party in parties:
            party.hears()

    def over(self, ender: Party, other: Party) -> None:
        """One end hangs up, and both are told."""
        if not ender.phone.quietly("hangup", call=ender.call):
            self.wrong(f"{ender.call} could not hang up")
        for party in (ender, other):
            try:
                party.phone.over(party.call, 15)
            except AssertionError:
                self.wrong(f"{ender.call} hung up, and {party.call} was not told")

    def limit_fires(self) -> None:
        due = self.limited_at + self.stage.limit_s
        for party in self.limited.parties:
            try:
                over = party.phone.over(party.call, max(0.0, due - time.monotonic()) + 15)["now"]
            except AssertionError:
                self.wrong(f"the limit did not fire for {party.phone.name}")
                continue
            party.ended(over)
            if not -0.5 < over - due < self.stage.late_s(due) + LATE_S:
                self.wrong(f"the limit came {over - due:+.2f} s late for {party.phone.name}")

    def rings_again(self) -> None:
        """The parked call is back at its parker, who answers."""
        carol, waiting = self.phones["carol"], self.returns.parties[0]
        due = self.returns_at + self.stage.returns_s
        ringing = carol.expect("incoming", max(0.0, due - time.monotonic()) + 15, since=self.mark)
        waiting.ended(ringing["now"])
        late = ringing["now"] - due
        if not -0.7 < late < self.stage.late_s(due) + LATE_S:
            self.wrong(f"the parked call rang again {late:+.2f} s late")
        carol.talking(ringing["call"], 20)
        back = Party(carol, ringing["call"], waiting.phone)
        self.returned = Held("returned", self.returns.id, (waiting, back), (self.returns.tones[0], BACK))
        self.returned.speak()
        self.parties.append(back)

    def is_taken(self) -> None:
        """Dave dials the slot."""
        dave, waiting = self.phones["dave"], self.parked.parties[0]
        (slot,) = [each.slot for each in self.stage.parked() if each.lot == "main"]
        waiting.hears()
        call = dave.call(slot, name=f"dave-takes-{self.number}")
        dave.talking(call, 20)
        taker = Party(dave, call, waiting.phone)
        self.taken = Held("taken", self.parked.id, (waiting, taker), (self.parked.tones[0], TAKER))
        self.taken.speak()
        self.parties.append(taker)

    # -- looking ------------------------------------------------------------------------------------------------------

    def wrong(self, what: str) -> None:
        self.say(f"wrong: {what}")
        self.outcome.wrong.append(f"episode {self.number}, kill {len(self.stage.kills)}: {what}")

    def look(self) -> None:
        """What the telephones heard, and the recording."""
        for party in self.parties:
            looked, holes, wrong = party.holes()
            self.outcome.looked_s += looked
            self.outcome.holes += holes
            self.holes[party] = holes
            for each in wrong:
                self.wrong(each)
        for party, holes in self.holes.items():
            for hole in holes:
                if hole.length_s >= GAP_S:
                    names = [*party.makers, *(f"media worker {index}" for index in range(2))]
                    self.gap(hole, names, f"{hole.call} did not hear {hole.hz:g} Hz")
        self.look_at_recording()

    def gap(self, hole: Hole, names: Sequence[str], said: str) -> None:
        """A hole that is too long: ours, unless the machine kept somebody waiting who makes or hears that sound, or the
        telephone that should have said it said nothing to anybody."""
        kept_s, who = self.stalls.kept_s(names, hole.at, hole.at + hole.length_s)
        since = min((hole.at - kill for kill in self.stage.kills if kill <= hole.at), default=-1.0)
        said = f"{said} for {hole.length_s * 1000:.0f} ms, {since:.2f} s after a kill"
        speaker = self.speakers.get(hole.hz, "")
        if kept_s >= 0.7 * hole.length_s:
            self.outcome.others.append(f"{said}: {who} had to wait for a processor for {kept_s * 1000:.0f} ms")
        elif speaker and self.silent(speaker, hole):
            self.outcome.others.append(f"{said}: {speaker} said nothing in any of its calls then")
        else:
            self.wrong(f"{said}; {who} had to wait for a processor for {kept_s * 1000:.0f} ms")

    def silent(self, speaker: str, hole: Hole) -> bool:
        """Whether all who were to hear that telephone then, in two calls at least, missed it at the same time, and
        nobody missed anybody else: a worker that stands still is heard by all whose calls it has."""
        missed = {
            party: {
                each.hz for each in holes if abs(each.at - hole.at) < LATER_S and each.length_s > 0.5 * hole.length_s
            }
            for party, holes in self.holes.items()
        }
        tones = {hz for hz, name in self.speakers.items() if name == speaker}
        hearers = [party for party in self.parties if tones & party.heard(hole.at, hole.at + hole.length_s)]
        alone = set().union(*missed.values()) <= tones
        return alone and len(hearers) >= 2 and all(missed[party] for party in hearers)

    def look_at_recording(self) -> None:
        files = self.stage.folder / "data" / "recordings"
        try:
            found = wait_for(
                lambda: list(files.glob(f"????-??-??/*{self.recorded.id}*.wav")), 40, "the recording's file"
            )
        except AssertionError as error:
            self.wrong(f"{error}; there are {[each.name for each in files.glob('????-??-??/*.wav')]}")
            return
        if len(found) != 1:
            self.wrong(f"{len(found)} files of one recording")
        samples, rate = sound.read(found[0])
        both = samples.reshape(-1, 2)
        length, wanted = len(both) / rate, self.recorded_until - self.recorded_at
        if abs(length - wanted) > 1.5:
            self.wrong(f"the recording is {length:.2f} s long instead of {wanted:.2f}")
        for side, tone in enumerate(self.recorded.tones):
            part = both[int(0.5 * rate) : int((wanted - 0.5) * rate), side]
            holes = sound.holes(part, rate, tone)
            if holes is None:
                self.wrong(f"the recording's side {side} is empty")
            names = [self.speakers[tone], *(f"media worker {index}" for index in range(2))]
            for begin, lasts in holes or ():
                if lasts >= GAP_S:
                    hole = Hole(self.speakers[tone], self.recorded.name, tone, self.recorded_at + 0.5 + begin, lasts)
                    self.gap(hole, names, f"the recording has nothing of {tone:g} Hz")


def run(
    folder: Path,
    kills: int,
    seed: int,
    *,
    episode: int = 12,
    limit_s: float = 20.0,
    say: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """The exchange is killed so many times, `episode` times for each set of calls."""
    dice = random.Random(seed)
    outcome = Outcome()
    with Stage.running(folder, limit_s) as stage, telephones(stage) as phones, Stalls(stage.pids(phones)) as stalls:
        number = 0
        while len(stage.kills) < kills:
            number += 1
            until = min(kills, len(stage.kills) + episode)
            this = Episode(stage, phones, dice, outcome, number, stalls, say)
            churn = Churn(phones["erin"], phones["frank"], random.Random(dice.random()))
            this.set_up()
            with churn:
                while len(stage.kills) < until:
                    time.sleep(dice.uniform(0.0, 1.0))
                    this.act()
                    this.kill(until - len(stage.kills))
                    this.stand()
            outcome.answered += churn.answered
            for each in churn.wrong:
                this.wrong(each)
            this.finish()
            this.look()
            for each in _left(stage, *dialled(phones.values())):
                this.wrong(each)
            longest = max((hole.length_s for hole in outcome.holes), default=0.0)
            say(
                f"{len(stage.kills)} kills, {len(dialled(phones.values())[0])} calls, {outcome.offers} re-INVITEs, "
                f"{outcome.looked_s:.0f} s of tones, longest hole {longest * 1000:.0f} ms, "
                f"{len(outcome.others)} long ones not of ours, {len(outcome.wrong)} wrong"
            )
        outcome.kills, outcome.dialled = len(stage.kills), len(dialled(phones.values())[0])
        outcome.away_s = [end - begin for begin, end in stage.absent]
    return outcome


def _left(stage: Stage, calls: Mapping[str, str], doubtful: Set[str]) -> Sequence[str]:
    """What is left behind when every call is over: calls, legs, transactions; and the records, one for each call."""
    wrong = []

    def nothing() -> bool:
        status: StatusView | None = stage.ask("status", StatusView)
        return status is not None and not status.calls and not any(each.legs for each in status.workers)

    try:
        wait_for(nothing, 40, "the end of all calls and legs")
    except AssertionError:
        status = stage.ask("status", StatusView)
        wrong.append(f"left in the exchange: {status.calls} calls, legs {[each.legs for each in status.workers]}")
    troubles = stage.ask("status", StatusView).troubles
    if troubles:
        wrong.append(f"troubles: {troubles}")
    open_, ends = stage.journal()
    if open_:
        wrong.append(f"{open_} calls are open in the journal")
    if twice := [call for call, times in ends.items() if times != 1]:
        wrong.append(f"these calls ended more than once: {twice}")
    with contextlib.suppress(AssertionError):
        wait_for(lambda: set(stage.call_ids()) >= calls.keys() - doubtful, 15, "the records")
    found = stage.call_ids()
    wrong += [f"no record of {how}" for sip, how in calls.items() if sip not in found and sip not in doubtful]
    if len(found) != len(set(found)) or set(found) - calls.keys():
        wrong.append(f"{len(found)} records of {len(calls)} calls")
    if "internal error" in stage.log() or "Traceback" in stage.log():
        wrong.append("an internal error stands in the log")
    return wrong
