"""The facts that decisions see, as a fold over the journal: who is in a call, who pays, what users have set."""

from __future__ import annotations

import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dialplan import model as m
from dialplan.destinations import NOWHERE, Destination, To, user
from dialplan.facts import QUIET, Condition, Facts, LineFacts
from dialplan.groups import Member, RingGroup, Strategy
from dialplan.lines import Quotas
from dialplan.prefixes import pack
from dialplan.rates import RateDeck, RateTable
from records import events as e
from switch.decided import draw_of, facts_of, told
from switch.facts import LiveFacts
from switch.state.facts import FactStore, Kept, MemoryFactStore, SqliteFactStore
from switch.state.sqlite import open_state
from tests.support.call_events import DIALOG, FLOW, started
from tests.support.exchange import house

START = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=datetime.UTC)
RATES = RateTable(
    {"": RateDeck("rates.csv", "EUR", pack({"+1": [(600_000, 0, 1, 1, 0, 0, 0)]}, 6), ("North America",))}
)


def model(**changes: object) -> m.Model:
    group = RingGroup(id="desk", strategy=Strategy.LONGEST_IDLE, members=(Member(line="202"), Member(line="203")))
    made = msgspec.structs.replace(house(), ring_groups={"desk": group}, rates=RATES, quotas=Quotas(calls=9))
    return msgspec.structs.replace(made, **changes)


def at(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


def leg(call: str, n: int, number: int, target: str, seconds: float, payer: str = "") -> e.LegStarted:
    return e.LegStarted(call, n, at(seconds), number, target, "sip:x@y", FLOW, DIALOG, "z9", "", payer, "+16695550199")


def live(*events: e.AnyEvent) -> LiveFacts:
    facts = LiveFacts()
    facts.use(model())
    for event in events:
        facts.record(event)
    return facts


def line(facts: LiveFacts, name: str, seconds: float) -> LineFacts:
    return facts.at(at(seconds)).line(name)


def test_a_line_is_active_from_its_call_or_answer_on_and_idle_since_its_end() -> None:
    facts = live(started("a"), leg("a", 1, 1, "line:202", 0), leg("a", 2, 2, "line:203", 0))
    assert line(facts, "201", 1).active == 1
    assert line(facts, "202", 1) is QUIET, "a telephone that only rings is not busy"
    facts.record(e.LegAnswered("a", 3, at(5), 1, DIALOG))
    facts.record(e.LegEnded("a", 4, at(5), 2, "cancelled", "completed_elsewhere", 487))
    assert line(facts, "202", 6).active == 1
    assert line(facts, "203", 6) is QUIET
    facts.record(e.CallEnded("a", 5, at(60), "answered", "caller_hung_up", 200))
    assert line(facts, "201", 61) is QUIET, "nobody asks since when it is idle"
    assert line(facts, "202", 61) == LineFacts(idle_since=at(60).timestamp())


def test_who_pays_for_calls_outside_is_known_by_minutes_and_cost_of_the_hour_and_the_day() -> None:
    facts = live(started("a"), leg("a", 1, 1, "trunk:carrier", 0), leg("a", 2, 2, "trunk:carrier", 0, payer="202"))
    assert line(facts, "201", 1).external == 1
    assert line(facts, "202", 1) == LineFacts(external=1)
    facts.record(e.LegAnswered("a", 3, at(10), 1, DIALOG))
    running = line(facts, "201", 10 + 90)
    assert (running.minutes_hour, running.minutes_day, running.cost_hour) == (1.5, 1.5, 900_000)
    facts.record(e.CallEnded("a", 4, at(10 + 120), "answered", "caller_hung_up", 200))
    after = LineFacts(minutes_hour=2.0, minutes_day=2.0, cost_hour=1_200_000, cost_day=1_200_000)
    assert line(facts, "201", 131) == after
    assert line(facts, "202", 131) is QUIET
    assert facts.at(at(131)).account == after
    assert line(facts, "201", 131 + 3600) == LineFacts(minutes_day=2.0, cost_day=1_200_000)
    assert line(facts, "201", 131 + 86_400) is QUIET


def test_an_emergency_call_counts_for_nothing_and_is_remembered_for_an_hour() -> None:
    """OUT-6, EMG-8."""
    facts = live(started("a", emergency=True), leg("a", 1, 1, "trunk:carrier", 0))
    facts.record(e.LegAnswered("a", 2, at(1), 1, DIALOG))
    assert line(facts, "201", 60) == LineFacts(active=1, helped_at=START)
    facts.record(e.CallEnded("a", 3, at(90), "answered", "caller_hung_up", 200))
    assert line(facts, "201", 3690) == LineFacts(helped_at=at(90)), "the hour is that after its end"
    assert line(facts, "201", 3691) is QUIET


def test_the_telephones_own_line_is_called_back_too() -> None:
    """XRL-5: from a shared line help is shown the telephone's number."""
    facts = LiveFacts()
    facts.use(model(devices={"desk-201": m.Device(id="desk-201", lines=("209", "201"), country="US")}))
    facts.record(started("a", emergency=True))
    assert line(facts, "209", 60) == LineFacts(helped_at=START)
    assert line(facts, "201", 60) == LineFacts(active=1, helped_at=START)


def test_what_a_user_sets_is_understood_and_taken_back() -> None:
    def said(key: str, value: str) -> e.LineSet:
        return e.LineSet("anna", key, value, "operator:root", START)

    facts = live(
        said("dnd", "on"),
        said("forward.busy", "user:ben"),
        said("forward.no_answer", "nowhere"),
        said("forward.outage", "from another version"),
        said("forward.after", "25"),
        said("out.sales", "out"),
    )
    forwards = {
        Condition.BUSY: user("ben"),
        Condition.NO_ANSWER: NOWHERE,
        Condition.OUTAGE: Destination(To.USER, "from another version"),
    }
    assert line(facts, "anna", 0) == LineFacts(dnd=True, forwards=forwards, after_s=25.0, out_of=frozenset(("sales",)))
    for key in list(facts.settings("anna")):
        facts.record(said(key, ""))
    assert line(facts, "anna", 0) is QUIET


def test_a_record_keeps_what_the_decision_asked_for_and_the_draw_follows_from_the_call() -> None:
    facts = live(e.LineSet("anna", "dnd", "on", "x", START), e.LineSet("ben", "dnd", "on", "x", START))
    facts.use(model(quotas=Quotas()))
    facts.record(e.GroupRung("c", 0, START, "desk", 7))
    seen = facts.at(START, draw_of("call"))
    assert told(seen, ["carl"]) == ""
    kept = told(seen, ["anna", "carl", "cursor:desk"])
    expected = Facts(lines={"anna": LineFacts(dnd=True)}, cursors={"desk": 7}, draw=draw_of("call"))
    assert facts_of("call", kept) == expected
    assert 0 <= draw_of("call") < 1
    assert draw_of("call") != draw_of("another")


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["start", "help", "ring", "out", "answer", "rated", "end leg", "end", "set", "rung", "reset"]),
        st.integers(0, 3),
        st.integers(1, 4000),
    ),
    max_size=40,
)


def history(drawn: list[tuple[int, str, int, int]]) -> tuple[list[e.AnyEvent], float]:
    """Events that a journal may hold, in time."""
    made: list[e.AnyEvent] = []
    up: dict[str, dict[int, bool]] = {}
    now = 0.0
    for number, (which, what, other, pause) in enumerate(drawn):
        now += pause
        call, then = f"c{which}", at(now)
        if what in ("start", "help") and call not in up:
            up[call] = {}
            made.append(msgspec.structs.replace(started(call, emergency=what == "help"), at=then))
        elif what == "set":
            made.append(e.LineSet("202", "dnd", "on" if other else "", "x", then))
        elif what == "reset":
            made.append(e.QuotaReset("202" if other else "", "x", then))
        elif call in up:
            legs = up[call]
            if what == "rung":
                made.append(e.GroupRung(call, number, then, "desk", number))
            elif what in ("ring", "out"):
                legs[len(legs) + 1] = True
                target = "line:202" if what == "ring" else "trunk:carrier"
                made.append(leg(call, number, len(legs), target, now, "202" if other else ""))
            elif what == "answer" and legs.get(other):
                made.append(e.LegAnswered(call, number, then, other, DIALOG))
            elif what == "rated" and legs.get(other):
                tariff = e.Tariff(pause * 1000, 5) if pause % 2 else None
                made.append(e.LegRated(call, number, then, other, then, "202", "+16695550199", tariff))
            elif what == "end leg" and legs.get(other):
                legs[other] = False
                made.append(e.LegEnded(call, number, then, other, "answered", "caller_hung_up", 200))
            elif what == "end":
                del up[call]
                made.append(e.CallEnded(call, number, then, "answered", "caller_hung_up", 200))
    return made, now


def shown(facts: LiveFacts, seconds: float) -> tuple[object, ...]:
    seen = facts.at(at(seconds))
    return dict(seen.lines), dict(seen.cursors), seen.account


@given(drawn=EVENTS, cut=st.integers(0, 40))
def test_after_a_crash_state_file_and_journal_come_to_the_same(
    drawn: list[tuple[int, str, int, int]], cut: int
) -> None:
    events, end = history(drawn)
    cut = min(cut, len(events))
    whole, before, store = live(*events), live(*events[:cut]), MemoryFactStore()
    store.apply(*before.take(), 0, (1, cut))
    after = LiveFacts()
    after.use(model())
    after.restore(store.load())
    after.replay(events[:cut], known=True)
    after.replay(events[cut:], known=False)
    for seconds in (end, end + 1800, end + 7200):
        assert shown(after, seconds) == shown(whole, seconds)


@given(drawn=EVENTS)
@example(drawn=[(3, "start", 0, 1), (3, "out", 0, 1), (3, "answer", 1, 1), (3, "answer", 1, 1)])
def test_figures_that_were_asked_for_all_the_time_are_those_that_are_asked_for_once(
    drawn: list[tuple[int, str, int, int]],
) -> None:
    """The sums of calls that are up are kept for a second."""
    events, end = history(drawn)
    asked, other = live(), live(*events)
    for event in events:
        shown(asked, (event.at - START).total_seconds())
        asked.record(event)
        shown(asked, (event.at - START).total_seconds())
    for seconds in (end, end + 0.4, end + 1800, end + 7200):
        assert shown(asked, seconds) == shown(other, seconds)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FactStore:
    return MemoryFactStore() if request.param == "memory" else SqliteFactStore(open_state(tmp_path / "state.db"))


def test_a_store_gives_back_what_it_was_given(store: FactStore) -> None:
    assert store.load() == Kept()
    facts = live(
        e.LineSet("anna", "dnd", "on", "operator:root", START),
        e.LineSet("anna", "forward.busy", "user:ben", "device:anna-desk", START),
        started("a", emergency=True),
        e.CallEnded("a", 1, at(1), "failed", "no_answer", 480),
        started("b"),
        leg("b", 1, 1, "trunk:carrier", 0),
        e.LegAnswered("b", 2, at(1), 1, DIALOG),
        e.GroupRung("b", 3, START, "desk", 3),
        e.CallEnded("b", 4, at(61), "answered", "caller_hung_up", 200),
    )
    store.apply(*facts.take(), 0, (1, 7))
    facts.record(e.LineSet("anna", "dnd", "", "operator:root", START))
    store.apply(*facts.take(), 0, (1, 8))
    assert facts.take() == ([], [])
    kept = store.load()
    assert kept.position == (1, 8)
    assert [(each.key, each.value, each.at) for each in kept.settings] == [("forward.busy", "user:ben", START)]
    after = LiveFacts()
    after.use(model())
    after.restore(kept)
    assert shown(after, 62) == shown(facts, 62)
    assert after.take() == ([], []), "what is restored need not be saved"
    store.apply([], [], int(at(3600).timestamp()) // 60, (1, 9))
    assert {row.kind for row in store.load().rows} == {"helped", "cursor"}
    store.close()
