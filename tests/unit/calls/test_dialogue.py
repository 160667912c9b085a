"""The dialogue with a leg: words, digits, terminator, times, barge-in, tries, secrets (issue 5: menus and PINs)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.engine import Digit, PlayEnded, Tune
from switch.calls.dialogue import MOST_AHEAD, Answer, Ask, Dialogue
from switch.sip.timer import Timers

WORDS = ("file:words",)


class Stage:
    """A call, a leg and an engine, as far as a dialogue looks at them."""

    def __init__(self) -> None:
        self.timers = Timers()
        self.tunes: list[Tune] = []
        self.stops = 0
        self.now = 100.0
        self.answers: list[Answer] = []
        self.said = 0
        self.broken: list[Exception] = []
        engine = SimpleNamespace(play=lambda leg, tune: self.tunes.append(tune), stop=self._stop)
        context = SimpleNamespace(engine=engine, endpoint=SimpleNamespace(timers=self.timers))
        call = SimpleNamespace(context=context, broken=lambda error, now: self.broken.append(error))
        leg = SimpleNamespace(sound=SimpleNamespace(lease=SimpleNamespace(leg=5)))
        self.talk = Dialogue(cast("Any", call), cast("Any", leg))

    def _stop(self, leg: int) -> None:
        self.stops += 1

    def ask(self, **how: Any) -> None:
        self.talk.ask(Ask(**{"words": WORDS, **how}), lambda answer, now: self.answers.append(answer), self.now)

    def dial(self, digits: str) -> None:
        for digit in digits:
            self.talk.heard(Digit(5, digit, 100), self.now)

    def ended(self, tune: Tune | None = None) -> bool:
        return self.talk.heard(PlayEnded(5, (tune or self.tunes[-1]).id), self.now)

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.timers.run(self.now)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_digit_cuts_the_words_short_and_answers(stage):
    stage.ask()
    stage.dial("4")
    assert stage.stops == 1
    assert stage.answers == [Answer("4", complete=True, good=True)]
    assert not stage.talk.asking
    assert len(stage.timers) == 0


def test_the_terminator_ends_the_answer_and_is_not_part_of_it(stage):
    stage.ask(most=6, ends="#*")
    stage.dial("123*")
    assert stage.answers == [Answer("123", complete=True, good=True, key="*")]


def test_the_first_digit_has_its_time_from_the_end_of_the_words_on(stage):
    stage.ask(first_s=5.0)
    stage.passes(60)
    assert not stage.answers
    stage.ended()
    stage.passes(4.9)
    assert not stage.answers
    stage.passes(0.2)
    assert stage.answers == [Answer("", complete=False, good=False)]


def test_each_further_digit_has_a_time_of_its_own(stage):
    stage.ask(most=9, between_s=3.0)
    for digit in "12":
        stage.dial(digit)
        stage.passes(2.9)
    assert not stage.answers
    stage.passes(0.2)
    assert stage.answers == [Answer("12", complete=False, good=True)]


def test_words_that_are_to_be_heard_are_heard_to_their_end(stage):
    stage.ask(barge_in=False)
    stage.dial("7")
    assert stage.stops == 0
    assert not stage.answers
    stage.ended()
    stage.dial("8")
    assert stage.answers == [Answer("8", complete=True, good=True)]


def test_too_few_digits_and_bad_ones_are_asked_for_again(stage):
    stage.ask(most=4, least=4, tries=3, again=("file:again",), good=lambda digits: digits != "0000")
    stage.dial("12#")
    assert stage.tunes[-1].sources == ("file:again", *WORDS)
    stage.dial("0000")
    assert len(stage.tunes) == 3
    stage.dial("0000")
    assert stage.answers == [Answer("0000", complete=True, good=False)], "the third time was the last"


def test_a_question_asked_again_may_be_answered(stage):
    stage.ask(tries=2)
    stage.ended()
    stage.passes(5.1)
    stage.dial("3")
    assert stage.answers == [Answer("3", complete=True, good=True)]


def test_what_was_said_goes_on_at_its_own_end_alone(stage):
    stage.talk.say(WORDS, lambda now: stage.ask(), stage.now)
    first = stage.tunes[-1]
    assert not stage.talk.heard(PlayEnded(5, first.id + 1), stage.now)
    assert not stage.talk.asking
    assert stage.ended(first)
    assert stage.talk.asking
    assert stage.tunes[-1].id != first.id
    assert not stage.ended(first), "told late, it ends no later tune"


def test_nothing_to_say_goes_on_at_once(stage):
    stage.talk.say((), lambda now: stage.ask(words=()), stage.now)
    assert stage.talk.asking
    assert not stage.tunes
    stage.passes(5.1)
    assert stage.answers == [Answer("", complete=False, good=False)]


def test_digits_dialled_ahead_answer_the_next_questions(stage):
    stage.talk.say(WORDS, None, stage.now)
    stage.dial("12#9")
    stage.ask(most=4)
    stage.ask()
    assert stage.answers == [Answer("12", complete=True, good=True, key="#"), Answer("9", complete=True, good=True)]
    assert len(stage.tunes) == 1, "no question was said"


def test_not_more_is_kept_ahead_than_will_do_and_it_can_be_forgotten(stage):
    stage.dial("1" * 100)
    stage.ask(most=100)
    stage.passes(3.1)
    assert stage.answers == [Answer("1" * MOST_AHEAD, complete=False, good=True)]
    stage.dial("5")
    stage.talk.forget()
    stage.ask()
    assert stage.tunes


def test_secrets_are_not_shown(stage):
    stage.ask(secret=True, most=6)
    assert stage.talk.secret
    stage.dial("4711#")
    assert stage.answers[0].digits == "4711"
    assert "4711" not in repr(stage.answers)
    assert not stage.talk.secret


def test_once_stopped_nothing_comes_of_it(stage):
    stage.ask()
    stage.ended()
    stage.talk.stop()
    stage.passes(60)
    assert not stage.answers
    assert len(stage.timers) == 0


def test_what_raises_in_a_callback_of_a_timer_is_told_to_the_call(stage):
    stage.talk.ask(Ask(words=()), lambda answer, now: {}["nothing"], stage.now)
    stage.passes(5.1)
    assert isinstance(stage.broken[0], KeyError)


@given(
    steps=st.lists(st.one_of(st.sampled_from("0123456789*#AD!"), st.sampled_from(["end", "time"])), max_size=40),
    most=st.integers(1, 6),
    least=st.integers(1, 6),
    tries=st.integers(1, 4),
    barge_in=st.booleans(),
)
def test_whatever_is_dialled_a_question_has_at_most_one_answer_and_leaves_no_timer(steps, most, least, tries, barge_in):
    stage = Stage()
    stage.ask(most=most, least=min(least, most), tries=tries, barge_in=barge_in)
    for step in steps:
        if step == "end":
            stage.ended()
        elif step == "time":
            stage.passes(6.0)
        else:
            stage.dial(step)
    assert len(stage.answers) <= 1
    assert len(stage.tunes) <= tries
    assert len(stage.timers) <= 1
    if stage.answers:
        assert len(stage.answers[0].digits) <= most
        assert len(stage.timers) == 0
    else:
        assert stage.talk.asking
