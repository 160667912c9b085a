"""Auto attendants: keys, time-outs, wrong keys, internal numbers, names (DIR-1), menus in menus, hours, and a crash in
the middle (issue 5: auto attendant with every destination that forwarding has)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from dialplan import groups
from dialplan import model as m
from dialplan.destinations import of_text, user
from dialplan.hours import Hours
from media.engine import Digit, PlayEnded
from records import events as e
from switch.calls.context import CallSettings
from switch.calls.onward import RINGING_TONE
from switch.features import attendant
from tests.support.engine import Book
from tests.support.examples import examples
from tests.support.exchange import house
from tests.support.phone import PhoneCall
from tests.support.raw_phone import RawDialog, describe
from tests.support.scene import Scene


def to(word: str):  # type: ignore[no-untyped-def]
    found = of_text(word)
    assert found is not None
    return found


class Front:
    """Alice in a menu: what she hears, and her keys."""

    def __init__(self, scene: Scene, number: str = "500") -> None:
        self.scene = scene
        alice = next((phone for phone in scene.phones if phone.user == "alice"), None) or scene.phone("alice")
        self.call: PhoneCall = alice.call(number)
        scene.wait()
        assert self.call.up

    @property
    def book(self) -> Book:
        return self.scene.book(self.call)

    @property
    def hears(self) -> str:
        return self.book.source.replace("file:", "")

    def press(self, keys: str) -> None:
        for key in keys:
            self.scene.exchange.tell(Digit(self.book.lease.leg, key, 100))
            self.scene.wait(0.1)

    def listens(self) -> None:
        """To the end of what is said."""
        tune = self.book.tune
        assert tune is not None
        self.scene.exchange.tell(PlayEnded(self.book.lease.leg, tune.id))
        self.scene.wait(0.1)

    def waits(self, seconds: float) -> None:
        self.scene.wait(seconds)


@pytest.fixture
def menus(scene: Scene) -> Callable[..., Front]:
    """Make the menus, and let Alice call 500."""

    def make(
        number: str = "500", lines: dict[str, dict[str, object]] | None = None, **made: dict[str, object]
    ) -> Front:
        model = house()
        found = {
            name: groups.Attendant(id=name, **{"greeting": f"{name}.wav", **settings})
            for name, settings in made.items()
        }
        named = {each.extension: to(f"attendant:{each.id}") for each in found.values() if each.extension}
        changed = {name: structs.replace(model.lines[name], **more) for name, more in (lines or {}).items()}
        model = structs.replace(
            model,
            lines={**model.lines, **changed},
            extensions={**model.extensions, "500": to("attendant:main"), **named},
            attendants=found,
            hours={"never": Hours(id="never")},
        )
        scene.exchange.use_model(m.versioned(model))
        return Front(scene)

    return make


def chosen(scene: Scene) -> list[tuple[str, str, str]]:
    return [(each.attendant, each.how, each.to) for each in scene.exchange.events if isinstance(each, e.MenuChosen)]


def test_a_key_leads_to_a_user_while_the_greeting_is_said(scene, menus):
    bob = scene.phone("bob")
    front = menus(main={"choices": {"1": to("bob")}})
    assert front.hears == "main.wav"
    front.press("1")
    assert front.book.tune == RINGING_TONE
    bob.last.answer()
    scene.wait()
    assert len(scene.exchange.engine.joined()) == 1
    assert chosen(scene) == [("main", "1", "user:bob")]
    front.call.hang_up()
    scene.wait()
    assert scene.exchange.record.service == "attendant:main"


@pytest.mark.parametrize(
    ("word", "answers"),
    [("ring_group:110", {"bob", "carol"}), ("user:carol", {"carol"}), ("+12125550100", {"trunk"})],
)
def test_every_kind_of_destination_that_rings(scene, menus, word, answers):
    phones = {name: scene.phone(name) for name in ("bob", "carol")}
    carrier = scene.carrier()
    front = menus(main={"choices": {"2": to(word)}})
    front.press("2")
    ringing = {name for name, phone in phones.items() if phone.calls}
    if "trunk" in answers:
        invite = carrier.take("INVITE")
        assert "12125550100" in invite.uri
        carrier.reply(invite, 486)
    else:
        assert ringing == answers
    front.call.hang_up()
    scene.wait()


@pytest.mark.parametrize(
    ("word", "hears"), [("announce:file:closed.wav", "closed.wav"), ("announce:tone:425", "tone:425"), ("echo", "echo")]
)
def test_every_kind_of_destination_that_sounds(scene, menus, word, hears):
    front = menus(main={"choices": {"3": to(word)}})
    front.press("3")
    assert front.hears == hears
    front.call.hang_up()
    scene.wait()


def test_files_are_those_of_the_configurations_folder(scene, menus):
    scene.exchange.core.directory.file = lambda name: (f"file:/config/{name}",)
    front = menus(main={"choices": {"3": to("announce:file:closed.wav")}})
    front.press("3")
    assert front.hears == "/config/closed.wav"
    scene.exchange.crash_and_restart()
    scene.exchange.core.directory.file = lambda name: (f"file:/config/{name}",)
    scene.wait()
    front.call.hang_up()
    scene.wait()


def test_a_menu_leads_to_another_and_back(scene, menus):
    bob = scene.phone("bob")
    front = menus(
        main={"choices": {"1": to("attendant:sub")}}, sub={"choices": {"*": to("attendant:main"), "2": to("bob")}}
    )
    front.press("1")
    assert front.hears == "sub.wav"
    front.press("*")
    assert front.hears == "main.wav"
    front.press("12")
    assert bob.calls
    assert [how for _, how, _ in chosen(scene)] == ["1", "*", "1", "2"]
    bob.last.answer()
    scene.wait()
    bob.last.hang_up()
    scene.wait()


def test_a_menu_that_is_closed_sends_on_to_where_its_hours_say(scene, menus):
    front = menus(
        main={"choices": {"1": to("attendant:shut")}},
        shut={"hours": "never", "closed": to("announce:file:night.wav"), "choices": {"1": to("bob")}},
    )
    front.press("1")
    assert front.hears == "night.wav"
    front.call.hang_up()
    scene.wait()


def test_who_presses_nothing_is_asked_again_and_then_sent_on(scene, menus):
    scene.phone("bob")
    front = menus(main={"choices": {"1": to("carol"), "timeout": to("bob")}, "tries": 2, "timeout_s": 4.0})
    front.waits(30)
    assert front.hears == "main.wav", "the time begins when all is said"
    front.listens()
    front.waits(3.5)
    assert front.hears == "main.wav"
    first = front.book.tune
    front.waits(1)
    assert front.book.tune != first, "asked again"
    front.listens()
    front.waits(4.1)
    assert front.book.tune == RINGING_TONE
    assert chosen(scene) == [("main", "timeout", "user:bob")]
    front.call.hang_up()
    scene.wait()


def test_who_presses_nothing_is_said_goodbye_where_nothing_else_is_said(scene, menus):
    front = menus(main={"choices": {"1": to("bob")}, "tries": 1})
    front.listens()
    front.waits(5.1)
    assert front.hears == "goodbye"
    front.listens()
    assert front.call.over
    assert chosen(scene) == [("main", "timeout", "")]
    assert scene.exchange.record.reason == "callee_hung_up"


def test_a_wrong_key_is_told_and_asked_again_and_then_sent_on(scene, menus):
    scene.phone("bob")
    front = menus(main={"choices": {"1": to("carol"), "invalid": to("bob")}, "tries": 2})
    front.press("7")
    assert front.hears == "invalid_choice,main.wav"
    front.press("8")
    assert front.book.tune == RINGING_TONE
    assert chosen(scene) == [("main", "invalid", "user:bob")]
    front.call.hang_up()
    scene.wait()


def test_an_internal_number_is_dialled_and_a_key_that_begins_one_waits(scene, menus):
    bob, carol = scene.phone("bob"), scene.phone("carol")
    front = menus(main={"choices": {"1": to("carol")}, "dial_extension": True}, other={"extension": "501"})
    front.press("102")
    assert bob.calls
    assert not carol.calls
    assert chosen(scene) == [("main", "extension", "user:bob")]
    front.call.hang_up()
    scene.wait()


def test_a_key_that_begins_an_internal_number_counts_after_a_moment(scene, menus):
    bob, carol = scene.phone("bob"), scene.phone("carol")
    front = menus(main={"choices": {"1": to("carol")}, "dial_extension": True})
    front.press("1")
    assert not carol.calls
    front.waits(attendant.BETWEEN_S)
    assert carol.calls
    assert not bob.calls
    front.call.hang_up()
    scene.wait()


def test_without_leave_no_internal_number_is_reached(scene, menus):
    bob = scene.phone("bob")
    front = menus(main={"choices": {"5": to("carol")}, "tries": 1})
    front.press("102")
    assert not bob.calls
    assert front.hears == "goodbye"
    front.call.hang_up()
    scene.wait()


def test_dialling_by_name_finds_who_is_listed_and_nobody_else(scene, menus):
    """DIR-1: a hidden user is not reached by name, still by extension."""
    bob, carol = scene.phone("bob"), scene.phone("carol")
    front = menus(
        lines={"bob": {"name": "Bob Carter"}, "carol": {"name": "Carol Carter", "listed": False}},
        main={"directory": "8", "dial_extension": True},
    )
    front.press("8")
    assert front.hears == "name_enter"
    front.press("2278#")
    assert front.hears == "name_press,number_1,name_for,“Bob Carter”,extension,1,0,2"
    front.press("1")
    assert bob.calls
    assert not carol.calls
    assert chosen(scene) == [("main", "name", "user:bob")]
    front.call.hang_up()
    scene.wait()
    again = Front(scene)
    again.press("103")
    assert carol.calls
    again.call.hang_up()
    scene.wait()


def test_names_that_find_nobody_and_lists_that_go_on(scene, menus):
    bob = house().lines["bob"]
    names = {f"p{number}": f"Pat {chr(65 + number)}dams" for number in range(10)}
    more = {each: structs.replace(bob, id=each, name=name, extension="") for each, name in names.items()}
    front = menus(main={"directory": "8", "tries": 4})
    changed = scene.exchange.model
    scene.exchange.use_model(m.versioned(structs.replace(changed, lines={**changed.lines, **more})))
    front.call.hang_up()
    scene.wait()
    front = Front(scene)
    front.press("8999#")
    assert front.hears == "name_unknown,name_enter"
    front.press("728#")
    assert front.hears.count("name_press") == 8
    assert front.hears.endswith("name_more")
    front.press("9")
    assert front.hears.count("name_press") == 2
    front.press("5")
    assert front.hears == "main.wav", "no name has that key: back to the menu"
    front.call.hang_up()
    scene.wait()


def test_a_menu_of_text_and_one_without_either(scene, menus):
    front = menus(main={"greeting": "", "say": "Welcome to Example.", "choices": {"1": to("bob")}})
    assert front.hears == "“Welcome to Example.”"
    front.call.hang_up()
    scene.wait()
    front = menus(
        main={"greeting": "", "choices": {"1": to("bob"), "2": to("voicemail:bob"), "#": to("attendant:sub")}},
        sub={"name": "nights"},
    )
    assert front.hears == "“For Bob, press 1. For the mailbox of Bob, press 2. For the menu nights, press pound.”"
    front.call.hang_up()
    scene.wait()


def test_an_announcement_is_a_menu_without_keys(scene, menus):
    front = menus(main={"choices": {"timeout": to("announce:file:rest.wav")}})
    front.listens()
    assert front.hears == "rest.wav"
    front.call.hang_up()
    scene.wait()


def test_menus_that_lead_to_each_other_do_not_keep_a_silent_caller_for_ever(scene, menus):
    front = menus(
        main={"choices": {"1": to("bob"), "timeout": to("attendant:sub")}, "tries": 1},
        sub={"choices": {"1": to("bob"), "timeout": to("attendant:main")}, "tries": 1},
    )
    for _ in range(attendant.MOST_IDLE):
        assert not front.call.over
        front.listens()
        front.waits(5.1)
    assert front.hears == "silence:100"
    front.listens()
    assert front.call.over


def test_over_a_crash_the_menu_begins_again(scene, menus):
    bob = scene.phone("bob")
    front = menus(main={"choices": {"1": to("attendant:sub")}}, sub={"choices": {"2": to("bob")}})
    front.press("1")
    scene.exchange.crash_and_restart()
    scene.wait()
    assert front.hears == "sub.wav"
    front.press("2")
    assert bob.calls
    bob.last.answer()
    scene.wait()
    assert len(scene.exchange.engine.joined()) == 1
    front.call.hang_up()
    scene.wait()
    assert bob.last.over


def test_a_caller_from_outside_chooses_too(scene, menus):
    bob = scene.phone("bob")
    menus(main={"choices": {"1": to("bob")}}).call.hang_up()
    scene.wait()
    model = scene.exchange.model
    dids = {"+12125550111": to("attendant:main")}
    scene.exchange.use_model(m.versioned(structs.replace(model, dids=dids)))
    carrier = scene.carrier()
    dialog = RawDialog.call(carrier, "+12125550111", describe(carrier.address[0]))
    scene.wait(0.1)
    answer = carrier.take(200)
    dialog.take_answer(answer)
    dialog.ack()
    scene.wait(0.1)
    scene.exchange.tell(Digit(scene.exchange.engine.at(answer.audio_port).lease.leg, "1", 100))
    scene.wait(0.1)
    assert bob.calls
    dialog.request("BYE")
    scene.wait(0.1)
    carrier.take(200)
    assert scene.exchange.records[-1].service == "attendant:main"


def test_the_choice_of_nobody_there_is_told_by_a_busy_tone(scene, menus):
    front = menus(main={"choices": {"1": user("bob")}})
    front.press("1")
    front.waits(0.5)
    assert front.hears.startswith("tone:480+620")
    front.waits(5)
    assert front.call.over


@examples(40)
@given(st.lists(st.one_of(st.sampled_from("0123456789*#AD!"), st.sampled_from(["end", "wait", "crash"])), max_size=25))
def test_whatever_is_pressed_the_caller_is_served_or_the_call_is_over(steps: list[str]) -> None:
    """Nothing raises, loops or is left over; in the end the journal and the live calls agree (`Scene.finish`)."""
    model = house()
    tree = {
        "main": {"1": "bob", "2": "attendant:sub", "3": "+12125550100", "timeout": "attendant:sub", "#": "echo"},
        "sub": {"*": "attendant:main", "4": "ring_group:110", "5": "voicemail:nobody", "6": "announce:tone:425"},
    }
    found = {
        name: groups.Attendant(
            id=name,
            greeting=f"{name}.wav",
            dial_extension=name == "sub",
            directory="8",
            choices={k: to(v) for k, v in made.items()},
        )
        for name, made in tree.items()
    }
    extensions = {**model.extensions, "500": to("attendant:main"), "501": to("attendant:sub")}
    scene = Scene(model=m.versioned(structs.replace(model, attendants=found, extensions=extensions)))
    scene.phone("bob").refuses = 486
    front = Front(scene)
    for step in steps:
        if front.call.over:
            break
        book = front.book
        if step == "wait":
            scene.wait(6.0)
        elif step == "crash":
            scene.exchange.crash_and_restart()
            scene.wait(0.1)
        elif step == "end":
            if book.tune is not None and not book.tune.loop:
                front.listens()
        else:
            front.press(step)
    if not front.call.over:
        front.call.hang_up()
    scene.wait(1)
    assert front.call.over
    scene.finish()


@pytest.mark.parametrize(
    ("scene", "refuses", "hears"),
    [
        ({"settings": CallSettings(announcements="early")}, 480, "refused_unavailable"),
        ({"settings": CallSettings(announcements="answer")}, 603, "refused_unavailable"),
        ({"settings": CallSettings(announcements="early")}, 486, "tone:480+620:500,silence:500"),
        ({"settings": CallSettings(announcements="off")}, 480, "tone:480+620:500,silence:500"),
    ],
    indirect=["scene"],
)
@pytest.mark.parametrize("crash", [False, True])
def test_who_is_not_reached_from_a_menu_is_told_by_voice(scene, menus, refuses, hears, crash):
    scene.phone("bob").refuses = refuses
    front = menus(main={"choices": {"1": to("bob")}})
    front.press("1")
    front.waits(0.5)
    assert front.hears == hears
    if hears.startswith("refused"):
        if crash:
            scene.exchange.crash_and_restart()
            scene.wait(0.1)
            assert front.hears == hears
        front.listens()
    else:
        front.waits(5)
    assert front.call.over
    assert scene.exchange.record.service == "attendant:main"
