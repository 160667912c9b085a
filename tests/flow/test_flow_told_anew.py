"""Deleting every snapshot changes only how long a start takes: whatever has happened, and however much of the journal
has gone meanwhile, a start without the state file knows what one with it knows (issue 6: journal; decision 26)."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog
from hypothesis import given
from hypothesis import strategies as st

from dialplan import model as m
from dialplan.groups import Member, RingGroup, Strategy
from dialplan.lines import Quotas
from records import events as e
from records.journal import FileJournal
from records.retention import Retention
from records.segments import Reader
from switch.replay import replay
from switch.state import wishes
from switch.state.bindings import SqliteBindingStore
from switch.state.facts import Kept, SqliteFactStore
from switch.state.mailboxes import KeptMailboxes, SqliteMailboxStore
from switch.state.sqlite import open_state
from switch.state.subscriptions import SqliteSubscriptionStore
from switch.telling import Telling
from tests.support.examples import examples
from tests.support.exchange import NUMBERS, Exchange, house
from tests.support.network import Network
from tests.support.scene import VirtualClock

WHO = sorted(NUMBERS)
FLOW = e.FlowAddress("udp", "192.0.2.10", 5060, "192.0.2.21", 5060)
SETTINGS = (wishes.DND, "forward.always", "out.110", wishes.LOCK)
MODEL = house()
GROUP = RingGroup(id="110", members=(Member(line="bob"), Member(line="carol")), strategy=Strategy.LONGEST_IDLE)
MODEL = m.versioned(
    msgspec.structs.replace(
        MODEL, ring_groups={"110": GROUP}, quotas=Quotas(minutes_day=20, minutes_hour=10, cost_day=1_000_000)
    )
)


class House:
    """An exchange over a journal on disk, of which as much goes as may, and its state file."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock()
        self.live = Exchange(Network(self.clock), model=MODEL)
        self.live.journal = self.journal = FileJournal(  # type: ignore[assignment]
            folder,
            segment_bytes=2500,
            unix_time=lambda: self.clock.at().timestamp(),
            ns=lambda: round(self.clock.now() * 1e9),
            boot="ab" * 16,
        )
        self.journal.append([e.StateTold(0, False, 0, self.clock.at())])
        self.telling = Telling(self.live.core, self.journal, self.clock.now, self.clock.at, most=3)
        self.retention, self.reader = Retention(folder, spare_s=0), Reader(folder)
        self.open: set[str] = set()
        state = open_state(":memory:")
        self.bindings, self.facts = SqliteBindingStore(state), SqliteFactStore(state)
        self.mailboxes, self.subscribed = SqliteMailboxStore(state), SqliteSubscriptionStore(state)
        self.saved = self.count = 0

    def said(self, *events: e.AnyEvent) -> None:
        """Something of the registrar."""
        for event in events:
            self.live.core.registrar.apply(event)  # type: ignore[arg-type]
        self.live._append(list(events))

    def bind(self, who: str, n: int) -> None:
        at = self.clock.at()
        uri = f"sip:{who}@192.0.2.{n % 3 + 20}"
        ends = at.timestamp() + 60 + 40 * n
        self.said(e.Bound(who, who, uri, f"<{uri}>", "c", n, 1.0, ends, FLOW, "", 0, (), "phone", at))

    def unbind(self, who: str, n: int) -> None:
        self.said(e.Unbound(who, f"sip:{who}@192.0.2.{n % 3 + 20}", "deregistered", self.clock.at()))

    def subscribe(self, who: str, n: int) -> None:
        at = self.clock.at()
        dialog = e.Dialog(f"s{n}", f"tag{n % 5}", f"r{n}", f"<sip:{who}@x>", f"<sip:{who}@x>", f"sip:{who}@x", (), 0, 1)
        event = e.Subscribed(
            who, who, "dialog", f"line:{who}", "", "<sip:192.0.2.10>", f"sip:{who}@x", dialog, FLOW,
            at.timestamp() + 100 * n, n, "", at,
        )  # fmt: skip
        if dialog.local_tag not in self.live.core.subscriptions.by_tag:
            self.live.core.resume([event], self.clock.now())

    def set(self, who: str, n: int) -> None:
        value = ("", "on", "")[n % 3] if n % 4 != 1 else ("", "user:bob")[n % 2]
        self.live.core.wish([e.LineSet(who, SETTINGS[n % 4], value, "operator:test", self.clock.at())], 0.0)

    def record(self, *events: e.AnyEvent) -> None:
        for event in events:
            self.live.core.facts.record(event)
        self.live.core.flush()

    def call(self, who: str, n: int) -> None:
        """Somebody calls outside, or for help, and talks for a while; others do what they do meanwhile, later."""
        self.count += 1
        call, help_, at = f"call{self.count}", n % 7 == 6, self.clock.at()
        started = e.CallStarted(
            call, 0, at, "c", who, who, None, NUMBERS[who], who, "1", "911" if help_ else "+16695550100", help_, 0.0,
            (), FLOW, (), "", "", 1,
        )  # fmt: skip
        dialog = e.Dialog("c", "l", "r", "", "", "", (), 1, 1)
        shown = "+16695550101" if help_ else ""
        leg = e.LegStarted(call, 1, at, 1, "trunk:carrier", "sip:x", FLOW, dialog, "b", shown=shown)
        self.record(started, leg, e.GroupRung(call, 2, at, "110", self.count), e.LegAnswered(call, 3, at, 1, dialog))
        self.open.add(call)
        self.clock.advance(20.0 * n)
        self.record(e.LegEnded(call, 4, self.clock.at(), 1, "answered", "caller_hung_up", 200))
        if n % 5:  # else it stays up
            self.record(e.CallEnded(call, 5, self.clock.at(), "answered", "caller_hung_up", 200))
            self.open.discard(call)

    def reset(self, who: str, n: int) -> None:
        self.live.core.wish([e.QuotaReset(who if n % 2 else "", "operator:test", self.clock.at())], 0.0)

    def message(self, who: str, n: int) -> None:
        boxes, at, id_, which = self.live.core.mailboxes, self.clock.at(), f"m{n % 4}", n // 3
        if n % 3 == 0:
            boxes.leave(e.MessageLeft(who, id_, at, "", "101", "Alice", 3.0, n % 2 == 0, n % 5 == 0))
        elif n % 3 == 1:
            boxes.change(who, id_, ("played", "saved", "deleted", "restored", "mailed", "gone")[which % 6], who, at)
        else:
            boxes.set(who, ("pin", "wrong", "greeting")[which % 3], ("", "1")[n % 2], who, at)
        self.live.core.flush()

    def wait(self, who: str, n: int) -> None:
        self.clock.advance(30.0 * n)
        self.live.core.run_timers(self.clock.now())

    def save(self, who: str, n: int) -> None:
        """What the exchange does once a second."""
        new, self.saved = self.live.events[self.saved :], len(self.live.events)
        self.live.core.flush()
        end = self.journal.end
        self.bindings.apply([event for event in new if isinstance(event, e.Bound | e.Unbound)], end)
        self.subscribed.apply([event for event in new if isinstance(event, e.Subscribed | e.Unsubscribed)])
        self.facts.apply(*self.live.core.facts.take(), int(self.clock.at().timestamp()) // 60 - 1440, end)
        self.mailboxes.apply(self.live.core.mailboxes.take(), end)

    def tell(self, who: str, n: int) -> None:
        for _ in range(n):
            self.telling.turn()

    def sweep(self, who: str, n: int) -> None:
        """What the feeder does."""
        for position, events, _ in self.reader:
            for event in events:
                if isinstance(event, e.Event):
                    self.retention.saw(position.segment, event.call)
                elif isinstance(event, e.StateTold):
                    self.retention.saw_telling(position.segment, event)
        self.retention.sweep(self.journal.end.segment, self.open)

    def start(self, snapshots: bool) -> dict[str, Any]:
        """What another process would know, with the state file or without."""
        core = Exchange(Network(self.clock), model=MODEL).core
        found = replay(
            core,
            self.journal,
            self.bindings.load() if snapshots else (),
            self.facts.load() if snapshots else Kept(),
            self.clock.now(),
            self.clock.at(),
            structlog.get_logger(),
            self.mailboxes.load() if snapshots else KeptMailboxes(),
            self.subscribed.load() if snapshots else (),
            self.live.machine(),
        )
        return self.known(core) | {"subscribed": found.subscribed}

    def known(self, core: Any) -> dict[str, Any]:
        facts, boxes = core.facts.at(self.clock.at()), core.mailboxes
        return {
            "bindings": {(each.line, each.uri): each for each in core.registrar.bindings()},
            "lines": {name: facts.lines.get(name) for name in WHO},
            "settings": {name: dict(core.facts.settings(name)) for name in WHO},
            "rest": (dict(facts.cursors), dict(facts.shown), facts.account),
            "told": sorted(repr(each) for each in core.facts.told(self.clock.at) if getattr(each, "rows", True)),
            "messages": {(each.mailbox, each.id): each for each in boxes.all()},
            "values": {name: dict(boxes.values(name)) for name in WHO},
        }


DOINGS: tuple[Callable[[House, str, int], None], ...] = (
    *(House.bind, House.bind, House.unbind, House.subscribe, House.set, House.call, House.reset, House.message),
    *(House.wait, House.save, House.tell, House.tell, House.sweep, House.message),
)


def play(doings: list[tuple[int, int, int]]) -> tuple[House, int]:
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder))
        for doing, who, n in doings:
            DOINGS[doing](house, WHO[who], n)
        house.live.core.flush()
        with_it, without = house.start(True), house.start(False)
        assert without == with_it
        live = house.known(house.live.core)
        assert {name: without[name] for name in live} == live
        mine = {tag for tag, held in house.live.core.subscriptions.by_tag.items() if not held.told}
        assert set(without["subscribed"]) == mine
        house.reader.close()
        house.journal.close()
        return house, house.retention.deleted


@examples(60)
@given(
    st.lists(
        st.tuples(st.integers(0, len(DOINGS) - 1), st.integers(0, len(WHO) - 1), st.integers(1, 18)),
        min_size=5,
        max_size=120,
    )
)
def test_a_start_without_the_state_file_knows_the_same(doings: list[tuple[int, int, int]]) -> None:
    play(doings)


def test_most_of_a_long_journal_goes() -> None:
    """So that the test above is about something."""
    drawn = random.Random(6)
    doings = [(drawn.randrange(len(DOINGS)), drawn.randrange(len(WHO)), drawn.randint(1, 12)) for _ in range(500)]
    house, deleted = play(doings)
    assert deleted > 5 and house.telling.number > 5


def test_an_exchange_that_has_handed_over_tells_nothing_more(tmp_path: Path) -> None:
    """The next one has read the journal to its end, and writes it."""
    house = House(tmp_path)
    for n in range(20):
        house.bind("anna", n)
        house.subscribe("bob", n)
    house.telling.turn()
    assert house.telling.number and not house.telling.complete
    end = house.journal.end
    house.live.core.mute()
    for _ in range(20):
        house.telling.turn()
    assert house.journal.end == end
    house.journal.close()


def test_a_state_file_that_is_put_back_from_a_backup_revives_nothing(tmp_path: Path) -> None:
    """Also beside a part of the journal that is as old, of which only a call is left that is up still."""
    house = House(tmp_path)
    house.call("bob", 5)
    assert house.open
    house.set("anna", 4)
    house.message("anna", 3)
    house.save("", 0)
    old_facts, old_mailboxes = house.facts.load(), house.mailboxes.load()
    house.set("anna", 8)  # what was set is taken back
    house.message("anna", 7)  # and the message deleted
    for n in range(60):
        house.bind("bob", n)
        house.tell("", 1)
        house.sweep("", 0)
    first = next(iter(house.journal.read())).position.segment
    assert old_facts.position[0] >= first
    assert house.retention.deleted
    house.save("", 0)
    now = house.start(True)
    house.facts.load = lambda: old_facts  # type: ignore[method-assign]
    house.mailboxes.load = lambda: old_mailboxes  # type: ignore[method-assign]
    assert house.start(True) == now
    house.reader.close()
    house.journal.close()
