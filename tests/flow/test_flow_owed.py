"""What the exchange owed somebody when it was killed, it says when it is back: at every append, after what followed
from it has left, before, and twice before. How a transfer went, what a lamp shows, how many messages there are, the
letter about one, and the letter about a call for help."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dialplan.destinations import Destination, To
from dialplan.lines import Forwards
from records import events as e
from switch.calls import alarm, letter
from tests.flow.test_flow_emergency import company
from tests.flow.test_flow_kill import Host
from tests.flow.test_flow_sent_for_help import company as with_places
from tests.support import scenarios
from tests.support.exchange import CARRIER, Exchange, boxes_of, changed
from tests.support.killer import Killer
from tests.support.raw_phone import describe
from tests.support.scene import Scene
from tests.support.subscriber import Subscriber, dialogs

AWAY = {"forwards": Forwards(always=Destination(To.VOICEMAIL)), "mailbox": "carol"}
HOW: dict[str, dict[str, bool]] = {"after": {}, "before": {"mute": True}, "twice": {"mute": True, "twice": True}}


def killed_at_every_append(how: str, stage: Callable[[], Scene], run: Callable[[Scene], None]) -> None:
    at, done = 0, True
    while done:
        at += 1
        scene = stage()
        killer = Killer(scene, at, **HOW[how])
        try:
            run(scene)
            scene.finish()
        except Exception as error:
            raise AssertionError(f"killed at append {at}: {error!r}") from error
        done = killer.done
    assert at > 4


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "scenario", ["blind transfer", "refused transfer", "attended transfer", "transfer while it rings"]
)
def test_who_transferred_hears_how_it_went(scenario: str, how: str) -> None:
    def run(scene: Scene) -> None:
        scenarios.CALLS[scenario](scene)
        scene.wait(40.0)
        for phone in scene.phones:
            for call in phone.calls:
                if any(200 <= status < 300 for status in call.referred):
                    assert call.outcome or call.over
        scenarios.good_night(scene)

    killed_at_every_append(how, scenarios.stage, run)


class Watched(Scene):
    """Carol's telephone watches something, and has said so before anything happens."""

    def __init__(self, watched: str, event: str) -> None:
        super().__init__(Anew, model=changed(scenarios.company(), carol=AWAY) if event != "dialog" else None)
        self.exchange.use_mailboxes(*boxes_of(self.exchange.model))
        for name in ("alice", "bob"):
            self.phone(name)
        self.watch = Subscriber(self.raw("carol"), watched, self.wait, event)
        self.strict = False
        self.watch.ask()
        self.last = self.watch.told(1.0)[-1]

    def wait(self, seconds: float = 0.5) -> None:
        """Every NOTIFY is answered as it comes."""
        if not hasattr(self, "last"):
            super().wait(seconds)
            return
        for _ in range(max(1, round(seconds / 0.1))):
            super().wait(seconds / max(1, round(seconds / 0.1)))
            self.last = (self.watch.answered() or [self.last])[-1]


class Anew(Exchange):
    """What `switch.mailbox_room` does at a start is done."""

    def restart(self, left: letter.Letter | None = None) -> None:
        super().restart(left)
        self.core.go_on(lambda now: self.desk.recover(self.core.calls.by_id), self.clock.now())
        self._after()


@pytest.mark.parametrize("how", HOW)
def test_a_lamp_shows_how_it_is(how: str) -> None:
    def run(scene: Scene) -> None:
        assert isinstance(scene, Watched)
        for _ in range(2):
            scenarios.talking(scene)
            scene.wait(3.0)
            up = [state for state in dialogs(scene.last) if state.endswith("confirmed")]
            assert len(up) == len(scene.exchange.calls), scene.last.body
            scenarios.good_night(scene)
            scene.wait(3.0)
            assert not any(state.endswith("confirmed") for state in dialogs(scene.last)), scene.last.body

    killed_at_every_append(how, lambda: Watched("102", "dialog"), run)


@pytest.mark.parametrize("how", HOW)
def test_of_a_message_is_told_by_lamp_and_letter(how: str) -> None:
    def run(scene: Scene) -> None:
        assert isinstance(scene, Watched)
        for _ in range(2):
            call = scene.phones[0].call("103")
            scene.wait(0.5)
            scenarios.heard_out(scene, 2)
            scene.wait(5.0)
            if call.up:
                call.hang_up()
            scene.wait(0.5)
            scenarios.heard_out(scene, 1)
            scene.wait(15.0)
        exchange = scene.exchange
        exchange.core.go_on(lambda now: exchange.desk.sweep(), scene.clock.now())
        exchange._after()
        scene.wait(3.0)
        found = exchange.core.mailboxes.messages("carol")
        assert not [each for each in exchange.core.mailboxes.all() if each.open]
        assert {each.id for each in found} <= {each.id for each in exchange.left}
        assert {("carol", each.id) for each in found} <= exchange.sounds.there
        assert f"Voice-Message: {len(found)}/0" in scene.last.body
        assert found

    killed_at_every_append(how, lambda: Watched("103", "message-summary"), run)


class Writes(Exchange):
    """Its mail server takes five seconds for a letter; one that waits is lost with the process."""

    def _boot(self) -> None:
        super()._boot()
        self.taken: list[alarm.Letter] = getattr(self, "taken", [])
        self.core.calls.alarms.post = self._post

    def _post(self, written: alarm.Letter) -> str:
        core = self.core

        def take(now: float) -> None:
            if core is self.core and self.alive:
                self.taken.append(written)
                core.help_told(written.call, f"mail:{written.to}", "sent", "", now)
                self._after()

        self.clock.timers.start(self.clock.now() + 5.0, self, take)
        return ""


@pytest.mark.parametrize("how", HOW)
def test_of_a_call_for_help_that_is_over_somebody_is_told_all_the_same(how: str) -> None:
    def stage() -> Scene:
        scene = Scene(Writes, model=company("mail:security@example.com"))
        scene.phone("alice")
        return scene

    def run(scene: Scene) -> None:
        Host(scene, CARRIER)
        call = scene.phones[0].call("911")
        scene.wait(2.0)
        if call.up:
            call.hang_up()
        scene.wait(30.0)
        exchange = scene.exchange
        assert isinstance(exchange, Writes)
        calls = {event.call for event in exchange.events if isinstance(event, e.CallStarted)}
        assert {each.call for each in exchange.taken} == calls
        assert call.over and len(exchange.taken) <= 2
        before = len(exchange.taken)
        exchange.crash_and_restart(1.0)
        scene.wait(10.0)
        assert len(exchange.taken) == before, "nobody is told again of what he knows"

    killed_at_every_append(how, stage, run)


@pytest.mark.parametrize("how", HOW)
def test_so_it_is_of_somebody_who_was_sent_on_to_help(how: str) -> None:
    def stage() -> Scene:
        scene = Scene(Writes, model=with_places())
        for name in ("alice", "bob"):
            scene.phone(name)
        return scene

    def run(scene: Scene) -> None:
        Host(scene, CARRIER)
        scenarios.talking(scene)
        call = scenarios.up(scene.phones[1])
        if call is not None:
            call.refer("911")
        scene.wait(2.0)
        scenarios.good_night(scene)
        scene.wait(30.0)
        exchange = scene.exchange
        assert isinstance(exchange, Writes)
        helped = {event.call for event in exchange.events if isinstance(event, e.CallReplanned) and event.help}
        assert {each.call for each in exchange.taken} == helped
        assert helped or exchange.crashes

    killed_at_every_append(how, stage, run)


def test_what_is_owed_of_a_call_that_did_not_get_to_help_says_who_wanted_it() -> None:
    """Nobody took the call, so that it is an ordinary one again; the letter had not left."""
    scene = Scene(Writes, model=with_places())
    alice, bob = scene.phone("alice"), scene.phone("bob")
    itsp = scene.carrier()
    _, answered = scene.talking(alice, bob)
    answered.refer("911")
    scene.wait(0.1)
    itsp.reply(itsp.take("INVITE"), 486, tag="b")
    scene.wait(0.5)
    exchange = scene.exchange
    assert isinstance(exchange, Writes) and not exchange.taken and not exchange.calls[0].for_help
    exchange.crash_and_restart(1.0)
    scene.wait(10.0)
    (written,) = exchange.taken
    assert written.subject.startswith("EMERGENCY 911: Telephone of alice") and "Alice 101" in written.text
    answered.hang_up()
    scene.wait(1)
    scene.finish()


def test_an_upgrade_while_it_rings_owes_no_letter_that_has_left() -> None:
    """It is decided anew, but was a call for help from its beginning: nobody is told of that decision."""
    scene = Scene(Writes, model=company("mail:security@example.com"))
    alice, itsp = scene.phone("alice"), scene.carrier()
    call = alice.call("911")
    scene.wait(0.1)
    invite = itsp.take("INVITE")
    itsp.reply(invite, 180, tag="e")
    scene.wait(alarm.FRESH_S + 10)
    exchange = scene.exchange
    assert isinstance(exchange, Writes) and len(exchange.taken) == 1
    for _ in range(2):
        exchange.hand_over()
        scene.wait(10)
    assert len(exchange.taken) == 1
    asked = [event for event in exchange.events if isinstance(event, e.CallReplanned)]
    assert asked and all(event.emergency and event.help is None for event in asked)
    itsp.reply(invite, 200, describe(CARRIER[0]), tag="e")
    scene.wait(0.5)
    itsp.take("ACK")
    assert call.up and exchange.calls[0].for_help
    scene.over(call, itsp)
    scene.wait(60)
    scene.finish()
