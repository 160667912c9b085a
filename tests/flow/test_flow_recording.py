"""Recording of calls (REC-1 to REC-7): whose rules, who is told first, and what becomes of it in a call."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialplan import model as m
from dialplan.lines import Announce, Policy
from dialplan.termination import Reason, Result, Termination
from media.engine import PlayEnded, RecordEnded
from records import events as e
from switch.calls.call import Call
from switch.calls.moving import move
from switch.calls.pairing import pair
from switch.control import Refused
from switch.features.recording.keeping import RecordingSettings, is_for_help
from switch.features.recording.recording import ANNOUNCE_S
from switch.recordings import FILE_NAME
from tests.support.engine import Book
from tests.support.exchange import CARRIER, changed, house
from tests.support.phone import Phone, PhoneCall
from tests.support.scene import Scene

KEYS = {"*1": "record", "*3": "record_pause"}
TOLD = "rec_announcement"


def recorded(**policies: dict[str, Any]) -> m.Model:
    """The house, where these lines are recorded as told."""
    lines = {name: {"policy": Policy(owner=name, **policy)} for name, policy in policies.items()}
    return m.versioned(msgspec.structs.replace(changed(house(), **lines), call_keys=KEYS))


def rules(**policies: dict[str, Any]) -> Any:
    return pytest.mark.parametrize("scene", [{"model": recorded(**policies)}], indirect=True)


ALWAYS = frozenset(("inbound", "outbound", "internal"))
SILENTLY = {"record": ALWAYS}
LOUDLY = {"record": ALWAYS, "announce": Announce.ALL}
WISHED = {"on_demand": True}


def only(scene: Scene) -> Call:
    (call,) = scene.exchange.calls
    return call


def leg_of(scene: Scene, side: PhoneCall) -> tuple[int, Book]:
    """The engine's number of a telephone's leg, and its book."""
    book = scene.book(side)
    return book.lease.leg, book


def kept(scene: Scene, side: PhoneCall) -> list[bool]:
    """The recordings of a telephone's leg: whether each is on."""
    return list(leg_of(scene, side)[1].spools.values())


def hears(scene: Scene, side: PhoneCall) -> str:
    """What is played to a telephone on top of all else."""
    over = leg_of(scene, side)[1].over
    return ",".join(over.sources) if over is not None else ""


def heard_out(scene: Scene, side: PhoneCall, *failed: str) -> None:
    """What is played to a telephone comes to its end."""
    leg, book = leg_of(scene, side)
    over, book.over = book.over, None
    assert over is not None, "nothing is played"
    scene.exchange.tell(PlayEnded(leg, over.id, failed))


def presses(scene: Scene, side: PhoneCall, keys: str) -> None:
    scene.press(side, keys)


def told(scene: Scene, kind: type) -> list[Any]:
    return [event for event in scene.exchange.events if type(event) is kind]


def written(scene: Scene) -> None:
    """The engine has closed all that has ended, and says so."""
    ended, scene.exchange.engine.ended = scene.exchange.engine.ended, []
    for event in ended:
        scene.exchange.tell(event)


def hang_up(scene: Scene, side: PhoneCall) -> None:
    side.hang_up()
    scene.wait()
    written(scene)


def whole(scene: Scene) -> None:
    """Every file is over, and every spool closed."""
    book = scene.exchange.recordings
    assert set(book.finished) == set(book.open) and not any(book.open.values())


@rules(bob=SILENTLY)
def test_both_sides_are_kept_from_the_answer_to_the_end(scene: Scene) -> None:
    """REC-3, REC-5: nobody is told by default. REC-7: the record names the file."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    assert kept(scene, call) == kept(scene, answer) == [True]
    assert not hears(scene, call) and not hears(scene, answer)
    started = told(scene, e.RecordingStarted)
    assert [(event.leg, event.side, event.by) for event in started] == [(0, 0, "policy"), (1, 1, "policy")]
    (connected,) = told(scene, e.Connected)
    assert all(event.at == connected.at for event in started)
    hang_up(scene, call)
    whole(scene)
    (one,) = scene.exchange.record.recordings
    assert one.file == started[0].file == scene.exchange.recordings.finished[0] and one.legs == (0, 1)
    assert one.file.endswith(f"/{scene.exchange.record.call}-1.wav") and not one.why


@rules(bob={"record": frozenset(("inbound",))}, carol={"record": frozenset(("outbound",))})
def test_calls_of_other_directions_are_not_kept(scene: Scene) -> None:
    """REC-1: a call in the house is neither inbound nor outbound."""
    call, _ = scene.talking(scene.phone("alice"), scene.phone("bob"))
    assert kept(scene, call) == []
    hang_up(scene, call)
    carrier = scene.phone("carrier", CARRIER[0], register=False)
    for caller, number, callee, wanted in (
        ("carrier", "102", "bob", True),
        ("carrier", "103", "carol", False),
        ("carol", "6692223333", "carrier", True),
    ):
        phones = {each.user: each for each in scene.phones}
        if callee == "carol" or caller == "carol":
            phones.setdefault("carol", scene.phones[-1] if scene.phones[-1].user == "carol" else scene.phone("carol"))
        phones["carrier"] = carrier
        call = phones[caller].call(number)
        scene.wait()
        phones[callee].last.answer()
        scene.wait()
        assert call.up and bool(kept(scene, call)) is wanted, (caller, callee)
        hang_up(scene, call)


@pytest.mark.parametrize(
    ("scene", "caller", "callee"),
    [
        ({"model": recorded(bob={"record": ALWAYS, "announce": announce})}, *sides)
        for announce, sides in {
            Announce.CALLER: (True, False),
            Announce.CALLEE: (False, True),
            Announce.ALL: (True, True),
        }.items()
    ],
    indirect=["scene"],
)
def test_who_is_to_be_told_hears_it_to_its_end_before_anything_is_kept(
    scene: Scene, caller: bool, callee: bool
) -> None:
    """REC-2, REC-4."""
    sides = dict(zip(scene.talking(scene.phone("alice"), scene.phone("bob")), (caller, callee), strict=True))
    assert [TOLD in hears(scene, side) for side in sides] == [caller, callee]
    for side in (side for side, wanted in sides.items() if wanted):
        assert all(kept(scene, each) == [] for each in sides), "before the announcement has been heard"
        scene.wait(4.0)
        heard_out(scene, side)
    assert all(kept(scene, each) == [True] for each in sides)
    assert [event.announced for event in told(scene, e.RecordingStarted)] == [caller, callee]
    hang_up(scene, next(iter(sides)))
    assert scene.exchange.record.recordings[0].announced == tuple(n for n, told in enumerate((caller, callee)) if told)


@rules(bob=LOUDLY)
def test_an_announcement_that_cannot_be_played_keeps_nothing(scene: Scene) -> None:
    """REC-4: it fails closed, the call goes on, and the record says why. Nobody tries again by himself."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    heard_out(scene, answer)
    heard_out(scene, call, "file:gone")
    assert kept(scene, call) == kept(scene, answer) == [] and call.up
    does(scene, only(scene).rejoined)
    assert not hears(scene, call) and not told(scene, e.RecordingStarted)
    hang_up(scene, call)
    (one,) = scene.exchange.record.recordings
    assert (one.file, one.why, one.legs) == ("", "announcement", ()) and "cannot be played" in one.detail


@rules(bob=LOUDLY)
def test_an_announcement_whose_end_is_not_told_of_keeps_nothing(scene: Scene) -> None:
    """REC-4: another tune took its place, or the worker is stuck."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    heard_out(scene, answer)
    scene.wait(ANNOUNCE_S)
    assert kept(scene, call) == kept(scene, answer) == []
    assert [event.why for event in told(scene, e.RecordingEnded)] == ["announcement"]
    hang_up(scene, call)


@rules(bob=LOUDLY)
def test_who_holds_the_call_is_told_when_he_listens_again(scene: Scene) -> None:
    """REC-4: what is played to a telephone that does not listen has not been heard, whatever the engine says."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    heard_out(scene, call)
    leg, book = leg_of(scene, answer)
    assert book.over is not None
    answer.hold()
    scene.wait()
    scene.exchange.tell(PlayEnded(leg, next(iter(tunes(scene, leg))).id))
    scene.wait(2 * ANNOUNCE_S)
    assert kept(scene, call) == kept(scene, answer) == [] and not told(scene, e.RecordingEnded)
    answer.resume()
    scene.wait(1.0)
    heard_out(scene, answer)
    assert kept(scene, call) == kept(scene, answer) == [True]
    hang_up(scene, call)


def tunes(scene: Scene, leg: int) -> list[Any]:
    """What was played to a leg on top of all else."""
    return [command[2] for command in scene.exchange.engine.log if command[:2] == ("play", leg) and command[2].over]


@rules(bob=LOUDLY)
def test_tones_in_place_of_an_announcement_are_none(scene: Scene) -> None:
    """REC-4: where the words are missing, prompts are tones. Nobody is told of anything by them."""
    scene.exchange.features.recording._prompt = lambda prompt: ("tone:440:150",)
    call, _ = scene.talking(scene.phone("alice"), scene.phone("bob"))
    assert not hears(scene, call) and kept(scene, call) == []
    assert "is not there" in told(scene, e.RecordingEnded)[0].detail
    hang_up(scene, call)


@rules(bob=LOUDLY)
def test_a_call_that_ends_during_the_announcement_leaves_nothing(scene: Scene) -> None:
    call, _ = scene.talking(scene.phone("alice"), scene.phone("bob"))
    hang_up(scene, call)
    assert scene.exchange.record.recordings == () and not scene.exchange.recordings.open


@rules(alice={"record": ALWAYS, "announce": Announce.CALLER}, bob={"record": ALWAYS, "announce": Announce.CALLEE})
def test_of_two_rules_the_stricter_announcement_counts(scene: Scene) -> None:
    """XRL-8, and as `explain` tells it."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    assert TOLD in hears(scene, call) and TOLD in hears(scene, answer)
    hang_up(scene, call)


@rules(bob=WISHED)
def test_it_is_switched_on_off_and_on_again_by_keys(scene: Scene) -> None:
    """REC-5: each time a file of its own; who pressed hears that it is done, and the other one hears nothing."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    assert kept(scene, call) == []
    for said, wanted in (("rec_started", [True]), ("rec_stopped", []), ("rec_started", [True])):
        presses(scene, answer, "*1")
        assert said in hears(scene, answer) and not hears(scene, call)
        heard_out(scene, answer)
        assert kept(scene, call) == kept(scene, answer) == wanted
        written(scene)
    hang_up(scene, call)
    whole(scene)
    first, second = scene.exchange.record.recordings
    assert (first.by, first.why, second.why) == ("device:bob", "off", "") and first.file != second.file


@rules(bob={"on_demand": True, "announce": Announce.ALL})
def test_what_is_switched_on_is_announced_as_well(scene: Scene) -> None:
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    presses(scene, answer, "*1")
    assert TOLD in hears(scene, call) and TOLD in hears(scene, answer) and kept(scene, call) == []
    heard_out(scene, call)
    heard_out(scene, answer)
    assert kept(scene, call) == kept(scene, answer) == [True]
    hang_up(scene, call)


@rules(bob=WISHED)
def test_without_permission_it_is_refused_audibly(scene: Scene) -> None:
    """REC-1, REC-5: Alice may not, whatever Bob may."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    presses(scene, call, "*1")
    assert "refused_not_permitted" in hears(scene, call) and kept(scene, answer) == []
    heard_out(scene, call)
    presses(scene, answer, "*1")
    assert kept(scene, answer) == [True], "a refusal is no end of it for others"
    hang_up(scene, call)
    refused, _ = scene.exchange.record.recordings
    assert (refused.why, refused.by, refused.file) == ("refused", "device:alice", "")


@rules(bob=SILENTLY)
def test_it_is_paused_for_card_data(scene: Scene) -> None:
    """Both sides, in the same instant; a pause is counted in the record."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    presses(scene, answer, "*3")
    assert kept(scene, call) == kept(scene, answer) == [False] and "rec_paused" in hears(scene, answer)
    heard_out(scene, answer)
    presses(scene, answer, "*3")
    assert kept(scene, call) == kept(scene, answer) == [True] and "rec_resumed" in hears(scene, answer)
    presses(scene, call, "*3")
    assert kept(scene, call) == [True], "Alice has no say in it"
    hang_up(scene, call)
    assert scene.exchange.record.recordings[0].pauses == 1


def operator(scene: Scene, what: str) -> None:
    call, recording = only(scene), scene.exchange.features.recording
    does(scene, lambda now: recording.command(call, what, "operator:test", now))


def test_the_operator_may_do_all_of_it(scene: Scene) -> None:
    """`ringplan record`: whatever the lines may."""
    call, _ = scene.talking(scene.phone("alice"), scene.phone("bob"))
    for what, wanted in (("on", [True]), ("pause", [False]), ("resume", [True]), ("off", [])):
        operator(scene, what)
        assert kept(scene, call) == wanted
        with pytest.raises(Refused):
            operator(scene, what)
    hang_up(scene, call)
    assert scene.exchange.record.recordings[0].by == "operator:test"


def test_before_the_answer_there_is_nothing_to_record(scene: Scene) -> None:
    scene.phone("bob")
    call = scene.phone("alice").call("102")
    scene.wait()
    with pytest.raises(Refused):
        operator(scene, "on")
    call.cancel()
    scene.wait()


@rules(bob=SILENTLY)
def test_a_full_disk_ends_the_recording_and_not_the_call(scene: Scene) -> None:
    """Of one side or the other: half a conversation is of no use."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    leg, book = leg_of(scene, answer)
    (path,) = book.spools
    book.spools.clear()
    scene.exchange.tell(RecordEnded(leg, path, "failed", 10, 2000, 1.0, 0.5, "No space left on device"))
    assert call.up and kept(scene, call) == []
    does(scene, only(scene).rejoined)
    assert kept(scene, call) == [], "and it is not begun again by itself"
    hang_up(scene, call)
    whole(scene)
    (one,) = scene.exchange.record.recordings
    assert (one.why, one.detail) == ("failed", "No space left on device") and one.file


@rules(bob=SILENTLY)
def test_a_worker_that_is_killed_leaves_nothing_of_its_spools(scene: Scene) -> None:
    """It tells of no spool's end: `Exchange.check_over` looks for what is remembered of them."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    for leg in [leg_of(scene, side)[0] for side in (call, answer)]:
        scene.exchange.lose_leg(leg)
    scene.wait()
    assert call.over and answer.over
    written(scene)
    (one,) = scene.exchange.record.recordings
    assert scene.exchange.recordings.finished == [one.file]


@rules(bob=SILENTLY)
def test_hold_changes_nothing(scene: Scene) -> None:
    """REC-7."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    before = [leg_of(scene, side)[1].spools.copy() for side in (call, answer)]
    answer.hold()
    scene.wait()
    assert [leg_of(scene, side)[1].spools for side in (call, answer)] == before
    hang_up(scene, call)
    assert len(scene.exchange.record.recordings) == 1


def does(scene: Scene, what: Any) -> None:
    """Something is done to calls in one input of its own."""
    errors: list[BaseException] = []

    def act(now: float) -> None:
        try:
            what(now)
        except Refused as error:
            errors.append(error)

    scene.exchange.core.go_on(act, scene.clock.now())
    scene.exchange._after()
    if errors:
        raise errors[0]


def transferred(scene: Scene, asked: Call, call: Call) -> None:
    """What an attended transfer by `asked`'s caller does: whom it called takes the transferor's place in `call`."""

    def act(now: float) -> None:
        (transferor,) = (leg for leg in call.legs.values() if leg.target == asked.caller.target)
        remains = call.other(transferor)
        assert remains is not None
        taken = move(asked.legs[asked.state.peer or 0], call, now)
        call.hang_up_leg(transferor, Termination(Result.ANSWERED, Reason.TRANSFERRED, 200), now)
        pair(call, remains, taken, now, call.state.legs[taken.index].terms)
        asked.hang_up(now)

    does(scene, act)
    scene.wait()


@pytest.mark.parametrize("scene", [{"model": recorded(bob=SILENTLY)}, {"model": recorded(bob=LOUDLY)}], indirect=True)
def test_it_goes_on_through_a_transfer_with_whoever_comes_in(scene: Scene) -> None:
    """REC-7: a new spool, on the side of who left, in the same file. Where the others were told, so is he, first."""
    loud = "all" in str(scene.exchange.model.lines["bob"].policy.announce)
    alice, bob, carol = scene.phone("alice"), scene.phone("bob"), scene.phone("carol")
    call, answer = scene.talking(alice, bob)
    for side in (call, answer) if loud else ():
        heard_out(scene, side)
    first = only(scene)
    bob.call("103")
    scene.wait()
    carol.last.answer()
    scene.wait()
    (asked,) = (each for each in scene.exchange.calls if each is not first)
    for side in (bob.last, carol.last) if loud else ():
        if hears(scene, side):
            heard_out(scene, side)
    transferred(scene, asked, first)
    written(scene)
    if loud:
        assert TOLD in hears(scene, carol.last) and not any(kept(scene, carol.last))
        assert kept(scene, call) == [True], "who has been told is recorded meanwhile"
        heard_out(scene, carol.last)
    assert kept(scene, call) == [True] and kept(scene, carol.last) == [True]
    started = [event for event in told(scene, e.RecordingStarted) if event.call == first.id]
    assert [event.side for event in started] == [0, 1, 1] and len({event.file for event in started}) == 1
    hang_up(scene, call)
    whole(scene)


@rules(bob=SILENTLY)
def test_it_goes_on_after_a_crash(scene: Scene) -> None:
    """The engine is told again, and no file is begun anew."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    presses(scene, answer, "*3")
    scene.exchange.crash_and_restart(1.0)
    scene.wait()
    assert kept(scene, call) == kept(scene, answer) == [False], "and it is still paused"
    presses(scene, answer, "*3")
    assert kept(scene, call) == kept(scene, answer) == [True]
    assert len(told(scene, e.RecordingStarted)) == 2
    hang_up(scene, call)
    whole(scene)


@rules(alice=SILENTLY)
def test_a_worker_dies_and_what_it_has_written_is_made_at_once(scene: Scene) -> None:
    """No end of a spool is told by the dead; the file is made of what there is."""
    alice, bob = scene.phone("alice"), scene.phone("bob")
    call, answered = scene.talking(alice, bob)
    legs = [leg_of(scene, side)[0] for side in (call, answered)]
    book = scene.exchange.recordings
    assert [len(each) for each in book.open.values()] == [2]
    for leg in legs:
        scene.exchange.lose_leg(leg)
    scene.wait()
    assert call.over and answered.over
    assert [len(each) for each in book.open.values()] == [0]
    assert book.finished == list(book.open)
    assert scene.exchange.record.reason == "media_lost"


@rules(alice=LOUDLY)
def test_a_worker_dies_and_its_successor_writes_on_in_the_same_file(scene: Scene) -> None:
    """What the dead one has written may be torn: each time another spool begins, and nobody is told again."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    for side in (call, answer):
        heard_out(scene, side)
    legs = [leg_of(scene, side) for side in (call, answer)]
    for dies in range(1, 3):
        for leg, book in legs:
            (path,) = book.spools
            del book.spools[path]
            scene.exchange.tell(RecordEnded(leg, path, "closed", 0, 0, 3.0, 3.0, "the media worker died"))
        assert [list(book.spools.values()) for _, book in legs] == [[True], [True]]
        started = told(scene, e.RecordingStarted)
        assert len(started) == 2 + 2 * dies
        assert len({event.spool for event in started}) == len(started)
        assert {event.file for event in started} == {started[0].file}
        assert TOLD not in hears(scene, call) + hears(scene, answer)
        if dies == 1:
            presses(scene, call, "*3")
            assert kept(scene, call) == kept(scene, answer) == [False]
            presses(scene, call, "*3")
    scene.exchange.crash_and_restart(1.0)
    assert kept(scene, call) == kept(scene, answer) == [True]
    hang_up(scene, call)
    whole(scene)
    (one,) = scene.exchange.record.recordings
    assert not one.why


@rules(bob=LOUDLY)
def test_a_crash_during_the_announcement_has_it_said_again(scene: Scene) -> None:
    """REC-4: nobody knows how far it was heard."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    heard_out(scene, answer)
    scene.exchange.crash_and_restart(1.0)
    scene.wait()
    assert TOLD in hears(scene, call) and TOLD in hears(scene, answer) and kept(scene, call) == []
    heard_out(scene, answer)
    heard_out(scene, call)
    assert kept(scene, call) == kept(scene, answer) == [True]
    hang_up(scene, call)


@rules(alice=LOUDLY)
def test_a_call_for_help_is_recorded_only_as_configured_and_never_waits(scene: Scene) -> None:
    """EMG-6: whatever the line's own rules are; without an announcement."""
    alice, carrier = scene.phone("alice"), scene.phone("carrier", CARRIER[0], register=False)
    for wanted in (False, True):
        scene.exchange.recordings.settings = RecordingSettings(emergency=wanted)
        call = alice.call("911")
        scene.wait()
        carrier.last.answer()
        scene.wait()
        assert call.up and not hears(scene, call) and kept(scene, call) == [True] * wanted
        hang_up(scene, call)


@rules(alice=SILENTLY)
def test_the_file_of_a_call_for_help_is_known_by_its_name(scene: Scene) -> None:
    """So that it may be kept for longer. What was kept before somebody was sent on for help is a file of its own."""
    scene.exchange.recordings.settings = RecordingSettings(emergency=True)
    alice, bob, carrier = scene.phone("alice"), scene.phone("bob"), scene.phone("carrier", CARRIER[0], register=False)
    call = alice.call("911")
    scene.wait()
    carrier.last.answer()
    scene.wait()
    hang_up(scene, call)
    record = scene.exchange.record
    assert [each.file.rpartition("-")[2] for each in record.recordings] == ["1e.wav"]
    call, answer = scene.talking(alice, bob)
    assert kept(scene, answer) == [True]
    call.refer("sip:911@pbx.example.com")
    scene.wait()
    carrier.last.answer()
    scene.wait()
    assert answer.up and any(kept(scene, answer))
    hang_up(scene, answer)
    record = scene.exchange.records[-1]
    assert [(each.file.rpartition("-")[2], each.why) for each in record.recordings] == [
        ("1.wav", "off"),
        ("2e.wav", ""),
    ]
    files = [file for each in record.recordings for file in (each.file, f"spools/{each.file[:-4]}.0.1.2.spool")]
    assert [is_for_help(each) for each in files] == [False, False, True, True]
    assert all(FILE_NAME.fullmatch(each.file) for each in record.recordings)


def test_a_call_that_nobody_records_is_told_nothing_of_it(scene: Scene) -> None:
    """The basic call: no command, no event."""
    phones: tuple[Phone, Phone] = scene.phone("alice"), scene.phone("bob")
    call, _ = scene.talking(*phones)
    hang_up(scene, call)
    assert not any(command[0] in ("record", "end_record", "pause") for command in scene.exchange.engine.log)
    assert scene.exchange.record.recordings == ()


@rules(bob=SILENTLY)
def test_a_bug_in_recording_costs_no_call(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and the two talk on."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    scene.exchange.tolerates = True
    for name in ("_follow", "_over"):
        monkeypatch.setattr(scene.exchange.features.recording, name, broken)
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    assert call.up and answer.up and any("ZeroDivisionError" in error for error in scene.exchange.errors)
    hang_up(scene, call)
    assert scene.exchange.record.result == "answered"


@rules(bob=LOUDLY)
def test_who_has_not_described_himself_yet_is_told_when_he_has(scene: Scene) -> None:
    """An INVITE without an offer: the answer comes with the ACK, and until then nothing that we play is heard."""
    bob = scene.phone("bob")
    call = scene.phone("alice").call("102", offer=False)
    scene.wait()
    bob.last.answer()
    scene.wait(1.0)
    sides = (call, bob.last)
    assert all(TOLD in hears(scene, side) for side in sides) and not any(kept(scene, side) for side in sides)
    for side in sides:
        heard_out(scene, side)
    assert [kept(scene, side) for side in sides] == [[True], [True]]
    hang_up(scene, bob.last)


@rules(bob={"announce": Announce.ALL})
def test_what_the_operator_switches_on_is_announced_by_the_lines_rules(scene: Scene) -> None:
    """REC-6: a site's rule that all are told holds whoever records. It may be called off meanwhile."""
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    operator(scene, "on")
    assert TOLD in hears(scene, call) and TOLD in hears(scene, answer) and kept(scene, call) == []
    operator(scene, "off")
    assert not hears(scene, call) and not hears(scene, answer)
    scene.wait(2 * ANNOUNCE_S)
    assert [event.why for event in told(scene, e.RecordingEnded)] == ["off"]
    operator(scene, "on")
    heard_out(scene, call)
    heard_out(scene, answer)
    assert kept(scene, call) == kept(scene, answer) == [True]
    hang_up(scene, call)


@rules(bob={"on_demand": True, "announce": Announce.CALLER})
def test_a_key_calls_off_what_is_being_announced(scene: Scene) -> None:
    call, answer = scene.talking(scene.phone("alice"), scene.phone("bob"))
    presses(scene, answer, "*1")
    assert TOLD in hears(scene, call)
    presses(scene, answer, "*1")
    assert not hears(scene, call) and "rec_stopped" in hears(scene, answer)
    assert kept(scene, call) == [] and not told(scene, e.RecordingStarted)
    hang_up(scene, call)
