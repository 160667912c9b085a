"""The clock of a call's limit (LIM-1 to LIM-11, K.12), as a value."""

from __future__ import annotations

import datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from switch.calls import limits
from switch.calls.limits import Party, Period, Periods, regroup
from tests.support.examples import examples

START = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=datetime.UTC)


def at(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


def over(periods: Periods) -> float | None:
    """When the call is cut, in seconds from the start."""
    ends = limits.ends(periods)
    return (ends - START).total_seconds() if ends is not None else None


def told(periods: Periods) -> float | None:
    """When the warning is due."""
    warns = limits.warns(periods)
    return (warns - START).total_seconds() if warns is not None else None


ANNA = Party("line:anna", "anna", 60)
BOB = Party("line:bob", "bob", 300)
FREE = Party("line:free", "free", 0)


def test_a_limit_of_60_warns_at_40_and_ends_at_60() -> None:
    """LIM-2, LIM-3."""
    periods = regroup((), [1], [ANNA], at(0))
    assert (told(periods), over(periods)) == (40, 60)


def test_who_has_no_limit_talks_for_ever_and_is_never_warned() -> None:
    """LIM-9."""
    periods = regroup((), [1], [FREE], at(0))
    assert (told(periods), over(periods)) == (None, None)


def test_a_limit_below_20_s_warns_at_once() -> None:
    """LIM-9."""
    periods = regroup((), [1], [Party("line:c", "c", 15)], at(5))
    assert (told(periods), over(periods)) == (5, 20)


def test_calls_within_the_house_have_no_period() -> None:
    """LIM-9."""
    assert regroup((), [], [ANNA, BOB], at(0)) == ()


def test_a_transfer_resets_to_the_value_of_the_destination() -> None:
    """LIM-4: A limit 60, B limit 300, A transfers at 50; and with B unlimited."""
    periods = regroup((), [1], [ANNA], at(0))
    assert over(regroup(periods, [1], [BOB], at(50))) == 350
    assert over(regroup(periods, [1], [FREE], at(50))) is None


def test_a_transfer_that_fails_comes_back_to_the_clock_that_ran() -> None:
    """LIM-4: nothing was transferred."""
    periods = regroup((), [1], [ANNA], at(0))
    alone = regroup(periods, [1], [], at(30))
    assert regroup(alone, [1], [ANNA], at(45)) == periods


def test_a_call_that_is_transferred_outside_keeps_the_transferors_limit() -> None:
    """K.12: also when the one outside that it goes to was called by the transferor a while ago."""
    periods = regroup((), [1], [ANNA], at(0))
    assert over(regroup(periods, [1, 2], [Party("", "anna", 60)], at(30))) == 60
    consulted = regroup((), [2], [ANNA], at(20))
    assert over(regroup(periods + consulted, [1, 2], [], at(30))) == 60


def test_a_forward_outside_has_the_limit_of_who_forwarded() -> None:
    """LIM-10: of a call from outside, and of a colleague's."""
    assert over(regroup((), [0, 1], [Party("", "bob", 300)], at(0))) == 300
    assert over(regroup((), [1], [Party("line:anna", "bob", 300)], at(0))) == 300


def test_parking_resets_nothing_whoever_retrieves() -> None:
    """LIM-7: limit 120, parked at 30 for 40 s, retrieved from another set at 70: ends at 120."""
    periods = regroup((), [1], [Party("line:anna", "anna", 120)], at(0))
    parked = regroup(periods, [1], [], at(30))
    assert over(parked) == 120, "the clock runs on meanwhile"
    for retriever in (BOB, FREE, ANNA):
        assert over(regroup(parked, [1], [retriever], at(70), inherit=True)) == 120


def test_who_retrieved_may_fail_to_transfer_and_still_resets_nothing() -> None:
    """LIM-7, LIM-4."""
    periods = regroup((), [1], [Party("line:anna", "anna", 120)], at(0))
    bobs = regroup(regroup(periods, [1], [], at(30)), [1], [BOB], at(70), inherit=True)
    assert over(regroup(regroup(bobs, [1], [], at(80)), [1], [BOB], at(90))) == 120


def test_an_unlimited_call_stays_so_for_who_retrieves_it() -> None:
    """LIM-7."""
    periods = regroup((), [1], [FREE], at(0))
    assert over(regroup(regroup(periods, [1], [], at(5)), [1], [ANNA], at(9), inherit=True)) is None


def test_a_third_party_neither_resets_nor_lifts_and_the_earliest_wins() -> None:
    """LIM-5, K.12."""
    periods = regroup((), [1], [BOB], at(0))
    three = regroup(periods, [1, 2], [BOB], at(100))
    assert over(three) == 300
    assert over(regroup(periods, [1], [BOB, FREE], at(100))) == 300
    assert over(regroup(periods, [1], [BOB, ANNA], at(100))) == 160, "hers is earlier"


def test_when_the_leg_or_the_set_that_ruled_leaves_the_next_goes_on_and_is_not_reset() -> None:
    """K.12."""
    three = regroup(regroup((), [1], [BOB], at(0)), [1, 2], [BOB], at(100))
    assert over(limits.without(three, 1)) == 400
    assert over(regroup(three, [2], [BOB], at(150))) == 400
    with_anna = regroup(regroup((), [1], [BOB], at(0)), [1], [BOB, ANNA], at(250))
    assert over(regroup(with_anna, [1], [ANNA], at(260))) == 310
    assert over(regroup(with_anna, [1], [BOB], at(260))) == 300


def test_a_meet_me_conference_lifts_it_and_leaving_starts_afresh() -> None:
    """LIM-6."""
    assert over(regroup((), [1], [ANNA], at(500))) == 560


def test_a_reset_after_the_warning_arms_it_again() -> None:
    """LIM-11."""
    periods = limits.warned(regroup((), [1], [ANNA], at(0)), at(40))
    assert (told(periods), over(periods)) == (None, 60)
    assert told(regroup(periods, [1], [BOB], at(50))) == 330


def test_who_retrieves_after_the_warning_hears_no_second_one() -> None:
    """LIM-11."""
    periods = limits.warned(regroup((), [1], [ANNA], at(0)), at(40))
    assert told(regroup(regroup(periods, [1], [], at(45)), [1], [BOB], at(50), inherit=True)) is None


def test_one_warning_is_for_all_that_end_so_soon_and_a_later_one_has_its_own() -> None:
    """LIM-11, K.12."""
    three = regroup(regroup((), [1], [ANNA], at(0)), [1, 2], [ANNA], at(10))
    early = limits.warned(three, at(40))
    assert [each.warned for each in early] == [True, False]
    assert told(limits.without(early, 1)) == 50
    assert all(each.warned for each in limits.warned(three, at(50)))


def test_who_was_called_for_help_has_no_limit_whoever_talks_with_them() -> None:
    """LIM-9: also after a transfer, and in another call."""
    helped = (Period(1, limits.EXEMPT, "", 0.0, at(0)),)
    assert over(regroup(helped, [1], [ANNA], at(9))) is None
    moved = limits.taken(4, limits.clocks(helped, 1))
    assert over(regroup(moved, [4], [ANNA], at(9))) is None


def test_two_sets_without_a_name_of_their_own_are_not_mixed_up() -> None:
    """A leg that has gone takes its periods along."""
    assert regroup((Period(1, "line:anna", "anna", 60, at(0)),), [2], [BOB], at(9)) == (
        Period(2, "line:bob", "bob", 300, at(9)),
    )


LIMITS = {"line:a": 30.0, "line:b": 75.0, "line:c": 0.0, "line:d": 12.0}


def party(name: str) -> Party:
    return Party(name, name[5:], LIMITS[name])


class Histories(RuleBasedStateMachine):
    """LIM-11. The clock against a second book: of each pair how many seconds it has left, counted down as they talk.

    The two books share nothing but the story: instants and who is there on one side, allowances on the other."""

    def __init__(self) -> None:
        super().__init__()
        self._call()

    def _call(self) -> None:
        """A call begins."""
        self.now = 0.0
        self.periods: Periods = ()
        self.outside: list[int] = [1]
        self.inside: list[str] = []
        self.meeting = False
        self.next = 2
        self.left: dict[tuple[int, str], float] = {}
        self.gone_warned: set[tuple[int, str]] = set()
        self.talked = 0.0
        self.allowed = 0.0
        self.warnings = 0
        self.resets = 0
        self.ended = False
        self._join(["line:a"])

    def _join(self, inside: list[str], inherit: bool = False) -> None:
        """Those inside change; both books are told."""
        before = dict(self.left)
        for leg in self.outside:
            away = [(key, left) for key, left in before.items() if key[0] == leg and key[1] not in inside]
            if inside:
                for key, _ in away:
                    del self.left[key]
            for name in inside:
                self.resets += (leg, name) not in before
                if inherit and away:
                    own = [((leg, name), before[leg, name])] if (leg, name) in before else []
                    least, self.left[leg, name] = min(away + own, key=lambda pair: pair[1])
                    if least in self.gone_warned:
                        self.gone_warned.add((leg, name))
                    else:
                        self.gone_warned.discard((leg, name))
                elif (leg, name) not in before:
                    self.left[leg, name] = LIMITS[name] or float("inf")
                    self.allowed += self.left[leg, name]
                    self.gone_warned.discard((leg, name))
        self.inside = inside
        self.periods = regroup(
            self.periods, self.outside, [party(name) for name in inside], at(self.now), inherit=inherit
        )

    def _live(self) -> bool:
        return not self.ended

    @precondition(_live)
    @rule(seconds=st.floats(0.25, 40, width=16))
    def talk(self, seconds: float) -> None:
        """Time passes: the clock's own timers fire on the way, as they would in the exchange."""
        until = self.now + seconds
        while not self.ended:
            warns, ends = limits.warns(self.periods), limits.ends(self.periods)
            due = [each for each in (warns, ends) if each is not None and each <= at(until)]
            if not due:
                break
            self._pass((min(due) - START).total_seconds())
            if ends is not None and ends <= at(self.now):
                self.ended = True
                least = min(self.left.values())
                assert abs(least) < 1e-3, "cut too early or too late"
                break
            self.warnings += 1
            self.periods = limits.warned(self.periods, at(self.now))
            soon = {key for key, left in self.left.items() if left <= limits.WARNING_S + 1e-3}
            assert soon - self.gone_warned, "a second warning for a period"
            self.gone_warned |= soon
        if not self.ended:
            self._pass(until)

    def _pass(self, until: float) -> None:
        seconds = max(0.0, until - self.now)
        self.now = max(until, self.now)
        if not self.meeting:
            self.talked += seconds
            for key in self.left:
                self.left[key] -= seconds

    @precondition(lambda self: self.ended)
    @rule()
    def call_again(self) -> None:
        self._call()

    @precondition(_live)
    @rule()
    def hold_record_or_charge(self) -> None:
        """LIM-8: the same parties as before, told again."""
        before = self.periods
        if not self.meeting and self.inside:
            self._join(self.inside)
        assert self.periods == before

    @precondition(lambda self: self._live() and self.inside and not self.meeting)
    @rule()
    def park(self) -> None:
        self._join([])

    @precondition(lambda self: self._live() and not self.inside and not self.meeting)
    @rule(name=st.sampled_from(sorted(LIMITS)))
    def retrieve(self, name: str) -> None:
        before = limits.ends(self.periods)
        self._join([name], inherit=True)
        assert limits.ends(self.periods) == before

    @precondition(lambda self: self._live() and self.inside and not self.meeting)
    @rule(name=st.sampled_from(sorted(LIMITS)))
    def transfer(self, name: str) -> None:
        self._join([name])

    @precondition(lambda self: self._live() and len(self.inside) == 1 and not self.meeting)
    @rule(name=st.sampled_from(sorted(LIMITS)))
    def conference_with_a_colleague(self, name: str) -> None:
        before = limits.ends(self.periods)
        self._join(sorted({*self.inside, name}))
        after = limits.ends(self.periods)
        assert before is None or (after is not None and after <= before), (
            "a party was added, and it was lifted or reset"
        )

    @precondition(lambda self: self._live() and len(self.outside) == 1 and self.inside and not self.meeting)
    @rule()
    def conference_with_somebody_outside(self) -> None:
        before = limits.ends(self.periods)
        self.outside = [*self.outside, self.next]
        self.next += 1
        self._join(self.inside)
        after = limits.ends(self.periods)
        assert before is None or (after is not None and after <= before)

    @precondition(lambda self: self._live() and len(self.outside) == 2)
    @rule()
    def one_outside_leaves(self) -> None:
        gone = self.outside.pop(0)
        self.left = {key: left for key, left in self.left.items() if key[0] != gone}
        self.periods = limits.without(self.periods, gone)

    @precondition(lambda self: self._live() and len(self.inside) == 2)
    @rule()
    def one_inside_leaves(self) -> None:
        self._join(self.inside[1:])

    @precondition(lambda self: self._live() and not self.meeting)
    @rule()
    def meet(self) -> None:
        self.meeting, self.inside, self.left, self.periods = True, [], {}, ()
        self.outside = self.outside[:1]
        self.gone_warned.clear()

    @precondition(lambda self: self._live() and self.meeting)
    @rule(name=st.sampled_from(sorted(LIMITS)))
    def leave_the_meeting(self, name: str) -> None:
        self.meeting = False
        self._join([name])

    @invariant()
    def both_books_agree(self) -> None:
        ends = limits.ends(self.periods)
        least = min(self.left.values(), default=float("inf"))
        if ends is None:
            assert least == float("inf")
        else:
            assert abs((ends - at(self.now)).total_seconds() - least) < 1e-3

    @invariant()
    def nobody_talks_longer_than_the_sum_of_what_was_allowed(self) -> None:
        assert self.talked <= self.allowed + 1e-3
        assert self.warnings <= self.resets


TestHistories = Histories.TestCase
TestHistories.settings = settings(examples(100), stateful_step_count=30)


@given(st.lists(st.sampled_from(("hold", "park")), max_size=8), st.integers(30, 600))
def test_holding_and_parking_as_often_as_one_likes_does_not_move_the_end(what: list[str], limit: int) -> None:
    """LIM-7, LIM-8."""
    periods = regroup((), [1], [Party("line:a", "a", limit)], at(0))
    sets = ("line:b", "line:c", "line:a")
    for number, each in enumerate(what):
        if each == "park":
            periods = regroup(periods, [1], [], at(number))
            periods = regroup(periods, [1], [party(sets[number % 3])], at(number + 0.5), inherit=True)
    assert over(periods) == limit
