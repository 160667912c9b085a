"""Cables between workers, whatever is asked in whatever order: who hears whom, and no inner leg is left (CRD-6)."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import wire
from media.engine import Lease, Part, Remote
from media.joints import Joints


class Worker:
    """A worker that obeys in memory: bridges and rooms of its own legs. Stands for a `Connection`."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.address = "127.0.0.1"
        self.peers: dict[int, int] = {}
        self.rooms: dict[int, tuple[str, Part]] = {}

    def send(self, command: wire.Command) -> None:
        match command:
            case wire.Bridge(first, second):
                self.part(first)
                self.part(second)
                self.peers[first], self.peers[second] = second, first
            case wire.Mix(leg, room, part):
                self.part(leg)
                self.rooms[leg] = room, part
            case _:
                raise AssertionError(command)

    def part(self, leg: int) -> None:
        other = self.peers.pop(leg, None)
        if other is not None:
            self.peers.pop(other, None)
        self.rooms.pop(leg, None)


class Engine:
    """What `Joints` asks of the engine: legs 1 to 6 in three workers, described as `codecs` says."""

    def __init__(self) -> None:
        self.workers = [Worker(number) for number in range(3)]
        self.homes: dict[int, Worker] = {leg: self.workers[leg % 3] for leg in range(1, 7)}
        self.remotes: dict[int, Remote] = {}
        self.ids = itertools.count(100)
        self.joints = Joints(self)  # type: ignore[arg-type]
        self.rooms: dict[int, tuple[str, Part]] = {}
        self.pairs: dict[int, int] = {}

    def home(self, leg: int) -> Any:
        return self.homes.get(leg)

    def described(self, leg: int) -> Remote | None:
        return self.remotes.get(leg)

    def spare(self, worker: Any, legs: Collection[int]) -> Lease | None:
        leg = next(self.ids)
        self.homes[leg] = worker
        return Lease(leg, worker.number, "127.0.0.1", 2 * leg)

    def open(self, lease: Lease, silence_s: float) -> None:
        assert lease.leg in self.homes

    def update(self, leg: int, remote: Remote, again: bool = False) -> None:
        self.remotes[leg] = remote

    def close(self, leg: int) -> None:
        worker = self.homes.pop(leg, None)
        self.remotes.pop(leg, None)
        if worker is not None:
            worker.part(leg)

    def join(self, worker: Any, first: int, second: int) -> None:
        worker.send(wire.Bridge(first, second))

    def alone(self, leg: int) -> None:
        self.homes[leg].part(leg)

    def seat(self, worker: Any, leg: int, room: str, part: Part) -> None:
        worker.send(wire.Mix(leg, room, part))

    # -- what a test asks ---------------------------------------------------------------------------------------

    def forget(self, leg: int) -> None:
        other = self.pairs.pop(leg, None)
        if other is not None:
            del self.pairs[other]
        self.rooms.pop(leg, None)

    def mix(self, leg: int, room: str, part: Part) -> None:
        self.joints.mix(leg, self.home(leg), room, part)
        if self.rooms.get(leg, ("",))[0] != room:
            self.forget(leg)
        self.rooms[leg] = room, part

    def bridge(self, first: int, second: int) -> None:
        here, there = self.home(first), self.home(second)
        if here is there:
            self.joints.part(first)
            self.joints.part(second)
            here.send(wire.Bridge(first, second))
        else:
            self.joints.pair(first, here, second, there)
        if self.pairs.get(first) != second:
            self.forget(first)
            self.forget(second)
            self.pairs[first], self.pairs[second] = second, first

    def stop(self, leg: int) -> None:
        self.joints.part(leg)
        self.home(leg).part(leg)
        self.forget(leg)

    def die(self, number: int) -> None:
        worker = self.workers[number]
        gone = [leg for leg, home in self.homes.items() if home is worker]
        for leg in gone:
            self.joints.part(leg)
            self.homes.pop(leg, None)
            self.remotes.pop(leg, None)
            self.forget(leg)
        worker.peers.clear()
        worker.rooms.clear()
        self.joints.died(worker, gone)  # type: ignore[arg-type]
        for leg in gone:
            if leg < 100:
                self.homes[leg] = worker  # another call's leg, in the worker that was started anew

    def reach(self, leg: int) -> tuple[int, Worker]:
        """Where the sound of a leg comes out: at the far end of its cable, if it is at the near one of any."""
        worker = self.home(leg)
        near = worker.peers.get(leg)
        if near is None or near < 100:
            return leg, worker
        port = self.remotes[near].port
        far = port // 2
        assert self.remotes[far].port == 2 * near, "a cable's ends send to each other"
        return far, self.home(far)

    def check(self) -> None:
        for first, second in self.pairs.items():
            far, worker = self.reach(first)
            assert worker.peers.get(far) == second if far == first else worker.peers[far] == second
        places: dict[str, set[int]] = {}
        for leg, (room, part) in self.rooms.items():
            seat, worker = self.reach(leg)
            places.setdefault(room, set()).add(worker.number)
            name, told = worker.rooms[seat]
            assert (name, told.speaks, told.hears) == (room, part.speaks, part.hears)
            if self.rooms.get(part.to, ("",))[0] == room:
                assert told.to == self.reach(part.to)[0]
            else:
                assert worker.rooms.get(told.to, ("",))[0] != room, "a whisper to who is not there is heard by nobody"
        assert all(len(workers) == 1 for workers in places.values()), "a room is in one worker"
        inner = {leg for leg in self.homes if leg >= 100}
        used = {leg for worker in self.workers for leg in (*worker.peers, *worker.rooms) if leg >= 100}
        assert inner == used, "no cable without a use"


LEGS = st.integers(1, 6)
STEPS = st.one_of(
    st.tuples(st.just("mix"), LEGS, st.sampled_from("ab"), st.booleans(), st.sampled_from((-1, -1, 1, 2, 3))),
    st.tuples(st.just("bridge"), LEGS, LEGS),
    st.tuples(st.just("stop"), LEGS),
    st.tuples(st.just("die"), st.integers(0, 2)),
)


@given(st.lists(STEPS, max_size=30))
def test_whatever_is_asked_each_is_where_he_was_put_and_no_cable_is_left(steps: list[tuple[Any, ...]]) -> None:
    engine = Engine()
    for what, *more in steps:
        match what:
            case "mix":
                leg, room, speaks, to = more
                engine.mix(leg, room, Part(speaks, True, to if to != leg else -1))
            case "bridge":
                if more[0] != more[1]:
                    engine.bridge(*more)
            case "stop":
                engine.stop(*more)
            case "die":
                engine.die(*more)
        engine.check()


def test_a_cable_speaks_as_the_leg_that_it_serves_does_and_changes_with_it() -> None:
    engine = Engine()
    opus = Remote(
        address="192.0.2.9",
        port=4000,
        rtcp_port=4001,
        signalling="192.0.2.9",
        payloads=(96, 101),
        telephone_event=101,
        codec="opus/48000/2",
        payload=96,
        codecs=((96, "opus/48000/2"),),
    )
    engine.remotes[2] = opus
    engine.mix(1, "a", Part())
    engine.mix(2, "a", Part())
    far, _ = engine.reach(2)
    assert engine.remotes[far].codecs == opus.codecs and engine.remotes[far].payload == 96
    assert engine.remotes[far].ours and engine.remotes[far].address == "127.0.0.1"
    engine.remotes[2] = Remote(
        address="192.0.2.9",
        port=4000,
        rtcp_port=4001,
        signalling="192.0.2.9",
        payloads=(8,),
        codec="PCMA/8000",
        payload=8,
    )
    engine.joints.described(2)
    assert (engine.remotes[far].codec, engine.remotes[far].payload) == ("PCMA/8000", 8)


def test_without_a_port_for_a_cable_nobody_is_hurt(caplog: pytest.LogCaptureFixture) -> None:
    engine = Engine()
    engine.spare = lambda worker, legs: None  # type: ignore[method-assign]
    engine.mix(1, "a", Part())
    engine.mix(2, "a", Part())
    engine.joints.pair(3, engine.home(3), 4, engine.home(4))
    assert "no ports left" in caplog.text
    engine.stop(2)
    assert not engine.joints.inner


def test_who_had_no_port_for_a_cable_gets_it_when_there_is_one() -> None:
    """A worker that has died has none until its successor is there."""
    engine = Engine()
    spare, engine.spare = engine.spare, lambda worker, legs: None  # type: ignore[method-assign]
    for leg in (1, 2, 4):
        engine.mix(leg, "a", Part(to=2 if leg == 4 else -1))
    engine.bridge(3, 5)
    engine.joints.leased()
    engine.spare = spare  # type: ignore[method-assign]
    engine.joints.leased()
    engine.check()
    for leg in (1, 2, 3, 4):
        engine.stop(leg)
    engine.check()
    engine.joints.leased()
    engine.check()


def test_who_has_given_up_waiting_for_a_cable_gets_none() -> None:
    engine = Engine()
    spare, engine.spare = engine.spare, lambda worker, legs: None  # type: ignore[method-assign]
    engine.bridge(3, 5)
    engine.mix(1, "a", Part())
    engine.mix(2, "a", Part())
    engine.stop(5)
    engine.stop(2)
    engine.spare = spare  # type: ignore[method-assign]
    engine.joints.leased()
    engine.check()
    assert not engine.joints.inner
