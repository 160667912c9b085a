"""`ringplan explain` and `tell`, from words to what is said: the same for a configuration that is read and for the one
that is live."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable
from typing import Any

import msgspec

from dialplan import english, hours, pretend, pretend_facts, question, telling
from dialplan.explanation import Explanation, explain
from dialplan.facts import NO_FACTS, Facts
from dialplan.model import Model
from dialplan.pretend import Phone, ScriptError
from dialplan.question import Answer, Question, QuestionError
from switch.control import Handler, Refused
from switch.facts import LiveFacts
from switch.views import ExplainedView, SentenceView, ToldView

MOST_WORD = 2000


class Words(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question as it is typed. `at` empty: now."""

    from_: str
    to: str
    line: str = ""
    at: str = ""
    phones: str = ""
    facts: str = ""
    caller: str = ""
    anonymous: bool = False
    attested: bool = False
    presses: tuple[str, ...] = ()
    account: str = ""
    draw: float = 0.0
    hangs_up_s: float | None = None


def ask(
    model: Model,
    words: Words,
    now: datetime.datetime,
    facts: Facts | None = None,
    unreachable: Collection[str] = (),
) -> tuple[Answer, Explanation]:
    """Ask and explain. `facts` and `unreachable` (targets without a telephone) are what is so at the moment; what the
    words say goes before. Raises QuestionError."""
    if not words.to:
        raise QuestionError("to", "nothing is dialled", "such as --to 201")
    caller = question.caller_of(model, words.from_, words.line)
    zone = question.zone(model, caller, words.to)
    at = instant(words.at, zone, now)
    try:
        script: dict[str, tuple[Phone, ...]] = dict.fromkeys(unreachable, ())
        known = [*(f"line:{name}" for name in model.lines), *(f"trunk:{name}" for name in model.trunks)]
        script |= pretend.phones(words.phones, known)
    except ScriptError as error:
        raise QuestionError("phones", str(error)) from None
    names = pretend_facts.Names(model.lines, model.devices, model.ring_groups)
    try:
        pairs = pretend_facts.pairs(words.facts)
        seen = pretend_facts.facts(pairs, at, names, draw=words.draw, base=facts or NO_FACTS)
    except ScriptError as error:
        raise QuestionError("facts", str(error)) from None
    asked = Question(
        dial=words.to,
        caller=caller,
        at=at,
        number=words.caller,
        anonymous=words.anonymous,
        attested=words.attested,
        account=words.account,
        presses=words.presses,
        phones=script,
        hangs_up_s=words.hangs_up_s,
        facts=seen,
    )
    answer = question.answer(model, asked)
    return answer, explain(model, answer, zone)


def told(model: Model, name: str, calls: bool, at: str, now: datetime.datetime, facts: Facts = NO_FACTS) -> ToldView:
    """What happens when `name` is called, or with `calls` what it may call. `at` as in Words. Raises QuestionError."""
    to = telling.destination(model, name)
    if calls:
        line = model.lines.get(to.name)
        if line is None:
            raise QuestionError("name", f"`{name}` is nobody who calls")
        said = telling.tell_calls(model, line)
    else:
        when = instant(at, telling.zone(model, to), now)
        said = telling.tell(model, to, when, fixed=bool(at), facts=facts)
    return ToldView(name=str(to), sentences=tuple(SentenceView(each.depth, english.sentence(each)) for each in said))


def instant(text: str, zone: str, now: datetime.datetime) -> datetime.datetime:
    """`2026-12-24T18:05`, with or without an offset; empty: now. Raises QuestionError."""
    place = hours.zone_of(zone)
    if not text:
        return now.astimezone(place)
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        hint = "write 2026-12-24T18:05, in the caller's zone, or with an offset such as +01:00"
        raise QuestionError("at", f"{text!r} is no date and time", hint) from None
    return at.replace(tzinfo=place) if at.tzinfo is None else at


class Explaining:
    """The same for the exchange that runs: its dialplan, what is so at the moment, and who is registered."""

    def __init__(
        self,
        model: Callable[[], Model],
        facts: LiveFacts,
        registered: Callable[[], Iterable[str]],
        at: Callable[[], datetime.datetime],
    ) -> None:
        self._model = model
        self._facts = facts
        self._registered = registered
        self._at = at

    def handlers(self) -> dict[str, Handler]:
        """By the name that a command asks for."""
        return {"explain": self.explain, "tell": self.tell}

    def explain(self, args: dict[str, Any]) -> ExplainedView:
        """One call explained. Raises Refused for a question that is no question."""
        try:
            words = msgspec.convert(args.get("words"), Words)
        except msgspec.ValidationError as error:
            raise Refused(f"not a question: {error}") from None
        if max(map(len, (words.to, words.phones, words.facts, *words.presses))) > MOST_WORD:
            raise Refused(f"a word is longer than {MOST_WORD} characters")
        model, now = self._model(), self._at()
        there = set(self._registered())
        away = [f"line:{name}" for name in model.lines if name not in there]
        try:
            _, found = ask(model, words, now, self._facts.at(now, words.draw), away)
        except QuestionError as error:
            return ExplainedView(wrong=str(error))
        return ExplainedView(explanation=msgspec.json.encode(found).decode())

    def tell(self, args: dict[str, Any]) -> ToldView:
        """What happens when somebody is called, with what users have set for themselves. Raises Refused for a question
        that is no question."""
        name, at, calls = args.get("name"), args.get("at", ""), args.get("calls", False)
        if not (isinstance(name, str) and isinstance(at, str) and max(len(name), len(at)) <= MOST_WORD):
            raise Refused("not a question: a name and a time are wanted")
        now = self._at()
        try:
            return told(self._model(), name, calls is True, at, now, self._facts.at(now))
        except QuestionError as error:
            return ToldView(wrong=str(error))
