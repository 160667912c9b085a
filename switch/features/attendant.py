"""Auto attendants: a menu answers, and the caller goes where his keys lead.

    menu      -[key of a choice]-> there    -[an internal number]-> there    -[the directory's key]-> name
    menu      -[no key, wrong key]-> asked again, `tries` times in all; then `timeout` or `invalid`, or goodbye
    name      -[letters]-> list    -[nobody, too many]-> name    -[no letters]-> menu
    list      -[1 to 8]-> there    -[9]-> the next names    -[other key, none]-> menu

Where a choice leads is decided by the planner, with the destination in the request (`CallRequest.to`), so a menu leads
to whatever a forward leads to, another menu too. A menu keeps nothing over a crash: it begins again.

A caller who does nothing is not kept for ever: after `MOST_IDLE` menus in a row that he has not touched we hang up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dialplan import by_name
from dialplan.destinations import Destination, To, user
from dialplan.groups import Attendant as Settings
from dialplan.lines import Line
from dialplan.model import Model
from dialplan.plan import Attendant
from media.engine import MediaEvent
from records import events as e
from switch.calls.answering import serve
from switch.calls.dialogue import Answer, Ask, Dialogue
from switch.calls.elsewhere import go_on, request
from switch.calls.leg import Leg
from switch.prompts.words import Sources, Words

if TYPE_CHECKING:
    from switch.calls.call import Call

NAME = "attendant"
MOST_IDLE = 8
BETWEEN_S = 2.5
"""Between the digits of an internal number: a key that begins one waits so long before it counts as a choice."""
LONGEST = 12
LETTERS = 16
AT_ONCE = 8
"""So many names have a key in a list."""
MOST_NAMES = 24
WAITING = ("timeout", "invalid")
NOTHING = ("silence:100",)
"""In place of words: what follows does so in an input of its own."""
_KINDS = {
    To.VOICEMAIL: "the mailbox of",
    To.CONFERENCE: "the conference",
    To.ATTENDANT: "the menu",
    To.PARK: "parking",
    To.ECHO: "an echo",
}


class Attendants:
    """The executor of `Attendant` steps, and who makes their services again after a crash."""

    def __init__(self, model: Callable[[], Model], words: Words) -> None:
        self._model = model
        self._words = words
        self._idle: dict[str, int] = {}
        """By call: how many menus in a row nobody has touched."""

    def __call__(self, call: Call, step: Attendant, now: float) -> None:
        """Let the caller talk with the menu."""
        settings = self._model().attendants.get(step.attendant)
        if settings is None:
            call.refuse_step(step.id, None, "No Such Menu", now)
            return
        serve(call, Menu(self._model(), self._words, self._idle, settings, step.id, len(step.hops)), now)

    def resume(self, call: Call, name: str) -> Menu | None:
        """See `switch.calls.serving.Resume`."""
        model = self._model()
        settings = model.attendants.get(name)
        return Menu(model, self._words, self._idle, settings, "", 0) if settings is not None else None

    def over(self, call: Call, now: float) -> None:
        """See `Context.over`."""
        self._idle.pop(call.id, None)


def texts(model: Model) -> set[str]:
    """What all menus of a model say by text, so that it can be made before somebody listens."""
    found = {words for each in model.attendants.values() if (words := spoken(model, each))}
    if any(each.directory for each in model.attendants.values()):
        found.update(line.name for line in model.lines.values() if line.listed and line.name)
    return found


def spoken(model: Model, settings: Settings) -> str:
    """The text of a menu that has no file: its own, or its choices read out."""
    if settings.greeting:
        return ""
    if settings.say:
        return settings.say
    parts = [
        f"For {name}, press {_KEYS.get(key, key)}."
        for key, to in settings.choices.items()
        if key not in WAITING and (name := _called(model, to))
    ]
    if settings.directory:
        parts.append(f"To dial by name, press {_KEYS.get(settings.directory, settings.directory)}.")
    if settings.dial_extension:
        parts.append("If you know the extension, you may dial it now.")
    return " ".join(parts)[:1000]


_KEYS = {"*": "star", "#": "pound"}


def _called(model: Model, to: Destination) -> str:
    """What a destination is called, for who listens."""
    tables = {
        To.USER: model.lines,
        To.RING_GROUP: model.ring_groups,
        To.ATTENDANT: model.attendants,
        To.QUEUE: model.queues,
        To.CONFERENCE: model.conferences,
        To.PARK: model.park_lots,
    }
    if to.kind is To.VOICEMAIL:
        named = model.mailboxes.get(to.name) or model.lines.get(to.name)
    else:
        named = tables.get(to.kind, {}).get(to.name)  # type: ignore[attr-defined]
    name = str(getattr(named, "name", "") or to.name.replace("_", " ").replace("-", " "))
    if to.kind in (To.EXTERNAL, To.ANNOUNCE):
        return "" if to.kind is To.ANNOUNCE else "another number"
    return " ".join(filter(None, (_KINDS.get(to.kind, ""), name)))


class Menu:
    """The service of one call."""

    def __init__(
        self, model: Model, words: Words, idle: dict[str, int], settings: Settings, step: str, hops: int
    ) -> None:
        self.name = f"{NAME}:{settings.id}"
        self._model = model
        self._words = words
        self._idle = idle
        self._menu = settings
        self._step = step
        self._hops = hops
        self._tried = 0
        self._call: Call
        self._talk: Dialogue

    # -- what the call tells ------------------------------------------------------------------------------------

    def begin(self, call: Call, now: float) -> None:
        """See `Service.begin`."""
        self.parted(call, now)  # begun anew, as its port was: the far end has gone over to another family
        self._call, self._talk = call, Dialogue(call, call.front)
        self._idle[call.id] = idle = self._idle.get(call.id, 0) + 1
        call.noted = True
        if idle > MOST_IDLE:
            self._goodbye((), now)
        elif not self._keys:
            self._talk.say(self._greeting() or NOTHING, lambda then: self._leave("timeout", then), now)
        else:
            self._ask((), now)

    def heard(self, call: Call, leg: Leg, event: MediaEvent, now: float) -> None:
        """See `Service.heard`."""
        self._talk.heard(event, now)

    def left(self, call: Call, leg: Leg, now: float) -> bool:
        """See `Service.left`."""
        return False

    def parted(self, call: Call, now: float) -> None:
        """See `Service.parted`."""
        talk: Dialogue | None = getattr(self, "_talk", None)
        if talk is not None:
            talk.stop()

    # -- the menu -----------------------------------------------------------------------------------------------

    @property
    def _keys(self) -> bool:
        """Whether there is anything to press."""
        menu = self._menu
        return bool(menu.directory or menu.dial_extension or any(key not in WAITING for key in menu.choices))

    def _greeting(self) -> Sources:
        if self._menu.greeting:
            return self._words.file(self._menu.greeting)
        text = spoken(self._model, self._menu)
        return self._words.said(text) if text else ()

    def _ask(self, before: Sources, now: float) -> None:
        self._tried += 1
        ask = Ask(
            words=before + self._greeting(),
            most=LONGEST,
            ends="",
            enough=self._enough,
            first_s=self._menu.timeout_s,
            between_s=BETWEEN_S,
        )
        self._talk.ask(ask, self._chosen, now)

    def _enough(self, digits: str) -> bool:
        """Whether nothing that could still be dialled would mean more than this."""
        if not self._menu.dial_extension:
            return True
        return not any(number.startswith(digits) and number != digits for number in self._model.extensions)

    def _chosen(self, answer: Answer, now: float) -> None:
        digits, menu = answer.digits, self._menu
        if digits:
            self._idle[self._call.id] = 0
        if not digits:
            self._in_vain("timeout", now)
        elif digits == menu.directory:
            self._ask_name((), now)
        elif digits in menu.choices:
            self._go(digits, menu.choices[digits], now)
        elif menu.dial_extension and digits in self._model.extensions:
            self._go("extension", self._model.extensions[digits], now)
        else:
            self._in_vain("invalid", now)

    def _in_vain(self, why: str, now: float) -> None:
        if self._tried >= self._menu.tries:
            self._leave(why, now)
        elif why == "timeout":
            self._ask((), now)
        else:
            long = self._menu.dial_extension and len(self._menu.choices) == 0
            self._ask(self._words.sources("extension_unknown" if long else "invalid_choice"), now)

    def _leave(self, why: str, now: float) -> None:
        to = self._menu.choices.get(why)
        if to is not None:
            self._go(why, to, now)
        else:
            self._record(why, "")
            self._goodbye(self._words.sources("goodbye") if self._keys else (), now)

    def _goodbye(self, words: Sources, now: float) -> None:
        self._talk.say(words or NOTHING, self._call.service_over, now)

    def _go(self, how: str, to: Destination, now: float) -> None:
        call = self._call
        self._record(how, str(to))
        wanted = request(call, call.state.started.number)
        go_on(call, self._step, replace(wanted, to=to, hops=wanted.hops + self._hops), now)

    def _record(self, how: str, to: str) -> None:
        call = self._call
        call.record(e.MenuChosen(call.id, call.state.n, call.context.at(), self._menu.id, how, to))

    # -- dialling by name (DIR-1) -------------------------------------------------------------------------------

    def _ask_name(self, before: Sources, now: float) -> None:
        words = before + self._words.sources("name_enter")
        self._talk.ask(Ask(words=words, most=LETTERS, ends="#", first_s=8.0), self._spelled, now)

    def _spelled(self, answer: Answer, now: float) -> None:
        if not answer.digits:
            self._back(now)
            return
        found = by_name.found(self._model.lines, answer.digits)
        if not found:
            self._again("name_unknown", now)
        elif len(found) > MOST_NAMES:
            self._again("name_too_many", now)
        else:
            self._offer(found, now)

    def _again(self, why: str, now: float) -> None:
        """Asked for a name in vain: counts as the menu's own questions do."""
        self._tried += 1
        if self._tried > self._menu.tries:
            self._leave("invalid", now)
        else:
            self._ask_name(self._words.sources(why), now)

    def _back(self, now: float) -> None:
        if self._tried >= self._menu.tries:
            self._leave("timeout", now)
        else:
            self._ask((), now)

    def _offer(self, found: list[Line], now: float) -> None:
        """Up to eight names, each with its key; 9 for those after them."""
        here, rest = found[:AT_ONCE], found[AT_ONCE:]
        words: list[str] = []
        for number, line in enumerate(here, 1):
            words += self._words.sources("name_press", f"number_{number}", "name_for")
            words += self._named(line)
        if rest:
            words += self._words.sources("name_more")

        def picked(answer: Answer, then: float) -> None:
            key = int(answer.digits) if answer.digits.isdecimal() else 0
            if 0 < key <= len(here):
                self._go("name", user(here[key - 1].id), then)
            elif key == AT_ONCE + 1 and rest:
                self._offer(rest, then)
            else:
                self._back(then)

        self._talk.ask(Ask(words=tuple(words), ends="", first_s=self._menu.timeout_s), picked, now)

    def _named(self, line: Line) -> Iterable[str]:
        yield from self._words.said(line.name)
        if line.extension:
            yield from self._words.sources("extension")
            yield from self._words.digits(line.extension)
