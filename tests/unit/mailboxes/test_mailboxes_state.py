"""One mailbox, one state for all who share it (DVM-1 to DVM-3), and its way through journal and state file."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import events as e
from records.codec import Codec
from switch.keeper import MailboxKeeper
from switch.mailboxes import DELETED, GONE, MAILED, PLAYED, RESTORED, SAVED, Counts, Mailboxes
from switch.state.bindings import Position
from switch.state.mailboxes import Changes, KeptMailboxes, MailboxStore, MemoryMailboxStore, SqliteMailboxStore
from switch.state.sqlite import open_state

AT = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=datetime.UTC)
BOSS, AIDE = "device:boss-desk", "device:aide-desk"


def left(
    message: str, minutes: int = 0, *, urgent: bool = False, going_on: bool = False, box: str = "boss"
) -> e.MessageLeft:
    at = AT + datetime.timedelta(minutes=minutes)
    return e.MessageLeft(box, message, at, "call", "+16695550100", "Ada", 7.5, urgent, going_on)


def boxes(*events: e.MailboxEvent) -> Mailboxes:
    made = Mailboxes()
    for event in events:
        made.record(event)
    return made


def heard(made: Mailboxes, box: str = "boss") -> list[str]:
    return [each.id for each in made.messages(box)]


def test_new_come_before_old_and_urgent_ones_first() -> None:
    made = boxes(left("a", 1), left("b", 2), left("c", 3, urgent=True), left("d", 0))
    assert heard(made) == ["c", "d", "a", "b"]
    assert made.change("boss", "c", PLAYED, AIDE, AT)
    assert made.change("boss", "d", SAVED, BOSS, AT)
    assert heard(made) == ["a", "b", "c", "d"]
    assert made.counts("boss") == Counts(new=2, old=2, urgent_new=0, urgent_old=1)


def test_what_one_has_played_is_played_for_all_and_what_is_deleted_is_for_all_dvm_2_and_3() -> None:
    told: list[tuple[str, Counts]] = []
    made = boxes(left("a"))
    made.on_change = (lambda box: told.append((box, made.counts(box))),)
    assert made.change("boss", "a", PLAYED, AIDE, AT)
    assert made.change("boss", "a", PLAYED, BOSS, AT), "what is done already is done"
    assert made.change("boss", "a", DELETED, BOSS, AT)
    assert not made.change("boss", "a", PLAYED, AIDE, AT)
    assert not made.change("boss", "a", SAVED, AIDE, AT)
    assert made.change("boss", "a", DELETED, AIDE, AT)
    assert told == [("boss", Counts(old=1)), ("boss", Counts())]


def test_a_recording_that_goes_on_is_no_message_yet() -> None:
    made = boxes(left("a", going_on=True))
    assert not made.messages("boss")
    assert made.counts("boss") == Counts()
    assert made.opened("call", "boss") is not None
    assert not made.change("boss", "a", DELETED, BOSS, AT)
    assert made.leave(left("a"))
    assert heard(made) == ["a"]
    assert made.opened("call", "boss") is None


def test_a_recording_that_was_dropped_cannot_be_completed() -> None:
    made = boxes(left("a", going_on=True))
    assert made.change("boss", "a", GONE, "call", AT)
    assert not made.leave(left("a"))
    assert not list(made.all())


def test_a_listener_that_fails_costs_no_message() -> None:
    wrong: list[str] = []
    journal: list[e.MailboxEvent] = []
    made = Mailboxes(journal.append, lambda error, where: wrong.append(where))

    def fails(box: str) -> None:
        raise ValueError

    made.on_change = (fails,)
    made.record(left("a"))
    assert wrong == ["mailbox changed"]
    assert heard(made) == ["a"]
    assert len(journal) == 1


MESSAGES = st.sampled_from(("a", "b", "c"))
WHATS = st.sampled_from((PLAYED, SAVED, DELETED, RESTORED, MAILED, GONE))
STEPS = st.lists(
    st.tuples(WHATS, MESSAGES, st.sampled_from((BOSS, AIDE))),
    max_size=30,
)


@given(STEPS)
def test_nothing_but_restored_brings_back_and_what_is_gone_stays_so_dvm_2(steps: list[tuple[str, str, str]]) -> None:
    journal: list[e.AnyEvent] = []
    made = Mailboxes(journal.append)
    for message in "abc":
        made.record(left(message))
    deleted: set[str] = set()
    gone: set[str] = set()
    played: set[str] = set()
    for what, message, by in steps:
        done = made.change("boss", message, what, by, AT)
        assert done == (message not in gone and (what in (GONE, MAILED, DELETED, RESTORED) or message not in deleted))
        if done:
            match what:
                case "deleted":
                    deleted.add(message)
                case "restored":
                    deleted.discard(message)
                case "gone":
                    gone.add(message)
                case "played" | "saved":
                    played.add(message)
        standing = {each.id: each for each in made.messages("boss")}
        assert set(standing) == {"a", "b", "c"} - deleted - gone
        assert {name for name, each in standing.items() if each.played} == played - deleted - gone
        counts = made.counts("boss")
        assert counts.new + counts.old == len(standing)
        assert counts.old == len(played & set(standing))
    anew = Mailboxes()
    anew.replay(Codec().decode(Codec().encode(journal)), known=False)
    assert set(anew.all()) == set(made.all())
    assert anew.counts("boss") == made.counts("boss")


@given(st.permutations([(PLAYED, AIDE), (DELETED, BOSS), (SAVED, AIDE)]), st.integers(0, 3))
def test_delete_and_play_at_once_in_any_order_never_resurrect(order: list[tuple[str, str]], saved_after: int) -> None:
    store = MemoryMailboxStore()
    made = boxes(left("a"))
    for at, (what, by) in enumerate(order):
        made.change("boss", "a", what, by, AT)
        if at == saved_after:
            store.apply(made.take(), (1, at))
    assert not made.messages("boss")
    store.apply(made.take(), (1, 9))
    anew = Mailboxes()
    anew.restore(store.load())
    assert not anew.messages("boss")


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> MailboxStore:
    if request.param == "memory":
        return MemoryMailboxStore()
    return SqliteMailboxStore(open_state(tmp_path / "state.sqlite3"))


def test_a_store_gives_back_what_it_took(store: MailboxStore) -> None:
    made = boxes(left("a", urgent=True), left("b"), left("c", going_on=True), left("d", box="desk"))
    made.set("boss", "pin", "hash", BOSS, AT)
    made.set("boss", "greeting", "standard", BOSS, AT)
    store.apply(made.take(), (1, 100))
    made.change("boss", "b", GONE, BOSS, AT)
    made.change("boss", "a", DELETED, BOSS, AT)
    made.change("desk", "d", MAILED, BOSS, AT)
    made.set("boss", "greeting", "", BOSS, AT)
    changes = made.take()
    store.apply(changes, (2, 7))
    store.apply(changes, (2, 7))
    kept = store.load()
    assert kept.position == (2, 7)
    anew = Mailboxes()
    anew.restore(kept)
    assert set(anew.all()) == set(made.all())
    assert {each.id for each in anew.all()} == {"a", "c", "d"}
    assert anew.values("boss") == {"pin": "hash"}
    assert anew.counts("desk") == Counts(new=1)
    assert not made.take()
    store.close()


def test_what_the_store_has_is_not_counted_twice_and_the_rest_comes_from_the_journal(store: MailboxStore) -> None:
    journal: list[e.MailboxEvent] = []
    made = Mailboxes(journal.append)
    made.record(left("a"))
    made.change("boss", "a", GONE, BOSS, AT)
    store.apply(made.take(), (1, 2))
    made.record(left("b"))
    anew = Mailboxes()
    kept = store.load()
    anew.restore(kept)
    for at, event in enumerate(journal, 1):
        anew.replay([event], known=(1, at) <= kept.position)
    assert heard(anew) == ["b"]
    store.close()


def test_what_could_not_be_written_is_written_with_what_is_newer() -> None:
    made = boxes(left("a"))
    made.set("boss", "pin", "old", BOSS, AT)
    failed = made.take()
    made.change("boss", "a", DELETED, BOSS, AT)
    made.set("boss", "pin", "new", BOSS, AT)
    made.give_back(failed)
    store = MemoryMailboxStore()
    store.apply(made.take(), (1, 1))
    kept: KeptMailboxes = store.load()
    assert [each.deleted > 0 for each in kept.messages] == [True]
    assert [each.value for each in kept.settings] == ["new"]


class FullDisk(MemoryMailboxStore):
    """A store that takes nothing while it is full."""

    full = True

    def apply(self, changes: Changes, position: Position) -> None:
        if self.full:
            raise OSError("no space left")
        super().apply(changes, position)


async def test_a_full_disk_is_told_and_costs_no_message() -> None:
    made, store = boxes(left("a")), FullDisk()
    keeper = MailboxKeeper(store, made, lambda: None, lambda: (1, 1))
    await keeper._write()
    assert keeper.trouble == "mailboxes cannot be saved: no space left"
    made.change("boss", "a", PLAYED, AIDE, AT)
    made.record(left("b"))
    store.full = False
    await keeper._write()
    assert not keeper.trouble
    assert {(each.id, each.played) for each in store.load().messages} == {("a", True), ("b", False)}
