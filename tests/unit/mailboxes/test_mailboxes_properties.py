"""Whatever several people and a crash do with mailboxes at once: what is deleted stays so, what is gone never comes
back, and each message that can be heard has its sound (DVM-2, DVM-3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from records import events as e
from switch.mailboxes import DELETED, PLAYED, RESTORED, SAVED
from switch.state.mailboxes import Message
from tests.support.examples import examples
from tests.support.mailboxes import House

BOXES = ("anna", "ben")
STEP = st.one_of(
    st.tuples(st.just("begin"), st.sampled_from(BOXES)),
    st.tuples(st.just("complete"), st.integers(0, 5), st.sampled_from((0.0, 1.0, 5.0))),
    *[st.tuples(st.sampled_from((PLAYED, SAVED, DELETED, RESTORED)), st.integers(0, 5))] * 3,
    st.tuples(st.just("drop"), st.integers(0, 5)),
    st.tuples(st.just("forward"), st.integers(0, 5), st.sampled_from(BOXES)),
    st.tuples(st.just("work"), st.integers(0, 3)),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("crash")),
)


def message_at(house: House, number: int) -> Message | None:
    known = sorted(house.boxes.all(), key=lambda each: (each.mailbox, each.id))
    return known[number % len(known)] if known else None


def check(house: House, before: dict[tuple[str, str], Message], journal: list[e.MailboxEvent]) -> None:
    now = {(each.mailbox, each.id): each for each in house.boxes.all()}
    changes = [(each.mailbox, each.message, each.what) for each in journal if isinstance(each, e.MessageChanged)]
    gone, restored = ({(box, message) for box, message, what in changes if what == done} for done in ("gone", RESTORED))
    assert not gone & set(now), "what is gone stays gone"
    for key, each in before.items():
        after = now.get(key)
        if after is not None:
            assert after.played or not each.played, "what was played once is played"
            assert after.deleted or not each.deleted or key in restored, "nothing but this brings it back"
            assert not after.open or each.open, "what is complete is not begun again"


@examples(150)
@given(st.lists(STEP, min_size=15, max_size=40))
def test_any_history_of_several_people_and_crashes(steps: list[tuple[object, ...]]) -> None:
    house = House()
    for box in (*BOXES, *BOXES):
        house.leave(box)
    for step in steps:
        before = {(each.mailbox, each.id): each for each in house.boxes.all()}
        match step:
            case ("begin", str(box)):
                house.desk.begin(box, "call", "+16695550100", "Ada")
            case ("complete", int(number), float(seconds)):
                found = message_at(house, number)
                if found is not None and found.open and not found.sent_by:
                    house.sounds.seconds.setdefault(found.id, seconds)
                    house.desk.complete(found.mailbox, found.id)
            case ("drop", int(number)):
                found = message_at(house, number)
                if found is not None and not (found.open and found.sent_by):  # nobody has a copy that is being made
                    house.desk.drop(found.mailbox, found.id)
            case ("forward", int(number), str(box)):
                found = message_at(house, number)
                if found is not None:
                    house.desk.forward(found.mailbox, found.id, box, "device:x", lambda done, now: None)
            case ("work", int(number)):
                house.run_one(number)
            case ("sweep",):
                house.desk.sweep()
            case ("crash",):
                house = house.again()
            case (str(what), int(number)):
                found = message_at(house, number)
                if found is not None:
                    house.boxes.change(found.mailbox, found.id, what, "device:x", house.at)
        check(house, before, house.journal)
    house = house.again()
    house.desk.recover([])
    house.run()
    heard = {(each.mailbox, each.id) for box in BOXES for each in house.boxes.messages(box)}
    assert not [each for each in house.boxes.all() if each.open]
    assert heard <= house.sounds.there, "each has its sound"
    assert house.sounds.there == {(each.mailbox, each.id) for each in house.boxes.all()}, "and nothing else is left"
