"""What a call was decided with is in its record: stored and read back, also where it is no text."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from dialplan.facts import Facts, LineFacts
from dialplan.plan import CallRequest
from records.cdr import Asked, CallRecord, Passed, Transfer
from records.events import CallEvent, CallForwarded, CallReplanned, TransferBegun, TransferOver
from records.segments import Position
from records.store import Store
from switch.decided import TOO_MANY, draw_of, told
from switch.past import question_of
from tests.support.call_events import answered_call, at
from tests.support.feeding import records

FACTS = '{"lines":{"ben":{"dnd":true}}}'


def kept(tmp_path: Path, *events: CallEvent) -> CallRecord:
    (record,) = records(*events)
    store = Store(f"sqlite:///{tmp_path}/records.db")
    store.migrate()
    store.apply([record], Position(0, 1))
    found = store.call(record.call)
    store.close()
    assert found is not None
    return found


def test_facts_and_later_questions_are_kept(tmp_path: Path) -> None:
    first, second, *others = answered_call("c1")
    asked = CallReplanned("c1", 1, at(0.5), "replan", FACTS, (("user:carl", "rings"),), '{"digits":"1"}')
    late = [replace(each, n=each.n + 1) for each in (second, *others)]
    record = kept(tmp_path, replace(first, facts=FACTS, hops=2, because=(("user:ben", "busy"),)), asked, *late)
    assert record.facts == FACTS
    assert record.hops == 2
    assert record.because == (("user:ben", "busy"), ("user:carl", "rings"))
    assert record.again == (Asked('{"digits":"1"}', FACTS, (("user:carl", "rings"),)),)


def test_reasons_that_quote_what_is_no_text_do_not_stop_the_store(tmp_path: Path) -> None:
    first, *others = answered_call("c1")
    record = kept(tmp_path, replace(first, because=(("dids", "none is 1\udcff2"),)), *others)
    assert record.because == (("dids", "none is 1?2"),)


def test_our_own_forwards_and_the_account_are_kept(tmp_path: Path) -> None:
    first, second, *others = answered_call("c1")
    forwarded = CallForwarded("c1", 1, at(0.5), "anna", 486, "201", "Anna Berg", "voicemail:anna", "ring/1", loop=True)
    late = [replace(each, n=each.n + 1) for each in (second, *others)]
    record = kept(tmp_path, replace(first, account="4711", proven=False, attested=True), forwarded, *late)
    assert record.passed == (Passed(at(0.5), "anna", 486, "201", "Anna Berg", "voicemail:anna", "ring/1"),)
    assert (record.account, record.proven, record.attested) == ("4711", False, True)


def test_who_transferred_the_call_and_how_that_came_out_is_kept(tmp_path: Path) -> None:
    first, second, *others = answered_call("c1")
    begun = [
        TransferBegun("c1", 1, at(0.2), 1, "line:bob", "103", "blind", "refer", refer=7),
        TransferOver("c1", 2, at(0.3), 1, "failed", 486),
        TransferBegun("c1", 3, at(0.4), 1, "line:bob", "104", "attended", "refer", "c2"),
        TransferOver("c1", 4, at(0.5), 1, "done", 200, "line:dave"),
    ]
    late = [replace(each, n=each.n + 4) for each in (second, *others)]
    record = kept(tmp_path, first, *begun, *late)
    assert record.transfers == (
        Transfer(at(0.2), "line:bob", "103", "blind", "refer", "", "failed", 486, "", at(0.3)),
        Transfer(at(0.4), "line:bob", "104", "attended", "refer", "c2", "done", 200, "line:dave", at(0.5)),
    )


def test_facts_beyond_measure_are_not_kept_and_that_is_known() -> None:
    lines = {f"user{number}": LineFacts(active=1, dnd=True) for number in range(5000)}
    assert told(Facts(lines=lines), lines) == TOO_MANY
    asked = question_of("c1", CallRequest(digits="1", at=at(0)), TOO_MANY)
    assert not asked.known
    assert asked.facts == replace(Facts(), draw=draw_of("c1"))
