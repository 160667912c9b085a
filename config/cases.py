"""From `tests:` to calls that can be asked about, each with its place; names that do not exist are errors with theirs.

It needs the compiled model, so it comes when all else is sound.
"""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterable, Mapping

import msgspec

from config.again import explain_again
from config.problems import Mark, Problem, did_you_mean
from config.schema_tests import Expect, Test
from config.validate import Loaded
from dialplan import pretend_facts, question
from dialplan.expected import NOBODY, NOTHING, Expected
from dialplan.facts import Facts
from dialplan.model import Model
from dialplan.numbers import clean
from dialplan.pretend import ScriptError
from dialplan.question import Caller, Question, QuestionError

MOST_TESTS = 5000
USUAL = datetime.datetime.fromisoformat("2026-03-04T10:00")
"""When a test calls that does not say it: a working day in the caller's zone, always the same, so that a test that is
green today is green tomorrow."""


class Case(msgspec.Struct, frozen=True):
    """One test: its name, where it stands, the call, and what is expected. `marks` tell where each expectation
    stands; `again` is the command that explains the call."""

    name: str
    mark: Mark
    question: Question
    expected: Expected
    marks: Mapping[str, Mark] = {}
    again: str = ""


def cases(loaded: Loaded, model: Model) -> tuple[list[Case], list[Problem]]:
    """All tests of a configuration, and what is wrong with others."""
    known = _Known(model)
    found: list[Case] = []
    problems: list[Problem] = []
    seen: dict[str, Mark] = {}
    for at, test in enumerate(loaded.settings.tests):
        mark = loaded.mark("tests", at)
        if at == MOST_TESTS:
            problems.append(Problem("too-large", mark, f"more than {MOST_TESTS} tests", "they run on every load"))
            break
        first = seen.setdefault(test.name, mark)
        if first is not mark:
            where = f"the first is at {first.file}:{first.line}"
            problems.append(
                Problem("duplicate-name", loaded.mark("tests", at, "name"), "another test has this name", where)
            )
        reader = _Reader(loaded, model, known, test, at)
        case = reader.case(mark)
        problems += reader.problems
        if case is not None:
            found.append(case)
    return found, problems


class _Known:
    """The names that a test may use."""

    def __init__(self, model: Model) -> None:
        self.targets = {f"line:{name}" for name in model.lines} | {f"trunk:{name}" for name in model.trunks}
        self.services = {
            "voicemail": {*model.mailboxes, *(line.mailbox for line in model.lines.values() if line.mailbox)},
            "attendant": set(model.attendants),
            "queue": set(model.queues),
            "conference": set(model.conferences),
            "park": set(model.park_lots),
            "feature": set(model.features.values()),
        }
        kinds: dict[str, Iterable[str]] = {
            "ring_group": model.ring_groups,
            "attendant": model.attendants,
            "queue": model.queues,
        }
        self.forwarders = {*model.lines, *(f"{kind}:{name}" for kind, names in kinds.items() for name in names)}


class _Reader:
    """Makes one case, and gathers what is wrong with it."""

    def __init__(self, loaded: Loaded, model: Model, known: _Known, test: Test, at: int) -> None:
        self._loaded, self._model, self._known, self._test = loaded, model, known, test
        self._path = ("tests", at)
        self.problems: list[Problem] = []

    def _wrong(self, code: str, message: str, hint: str, *path: str | int, key: bool = False) -> None:
        find = self._loaded.key_mark if key else self._loaded.mark
        self.problems.append(Problem(code, find(*self._path, *path), message, hint))

    def case(self, mark: Mark) -> Case | None:
        test = self._test
        caller = self._caller()
        if caller is None:
            return None
        at = question.instant(self._model, test.at or USUAL, caller, test.dial)
        facts = self._facts(at)
        phones = {}
        for name, does in test.phones.items():
            target = self._target(name, "phones", name, key=True)
            if target in phones:
                self._wrong(
                    "duplicate-name",
                    f"`{name}` is there twice",
                    "write several telephones as rings+busy",
                    "phones",
                    name,
                    key=True,
                )
            phones[target] = does
        expected = self._expected(test.expect)
        if self.problems or facts is None:
            return None
        asked = Question(
            dial=test.dial,
            caller=caller,
            at=at,
            number=test.caller or "",
            anonymous=test.anonymous,
            attested=test.attested,
            account=test.account,
            presses=tuple(test.presses),
            phones=phones,
            hangs_up_s=test.hangs_up,
            facts=facts,
        )
        written = sorted(test.expect.model_fields_set)
        marks = {each: self._loaded.key_mark(*self._path, "expect", each) for each in written}
        return Case(test.name, mark, asked, expected, marks, explain_again(test, USUAL.isoformat(timespec="minutes")))

    def _caller(self) -> Caller | None:
        test = self._test
        if (test.from_ is None) == (test.trunk is None):
            self._wrong(
                "conflicting-keys",
                "a test has either `from` or `trunk`",
                "`from: anna`, or the trunk that brings the call",
            )
            return None
        key = "trunk" if test.trunk is not None else "from"
        try:
            name = f"trunk:{test.trunk}" if test.trunk is not None else test.from_ or ""
            return question.caller_of(self._model, name, test.line or "")
        except QuestionError as error:
            self._wrong("unknown-name", error.message, error.hint, "line" if error.part == "line" else key)
            return None

    def _facts(self, at: datetime.datetime) -> Facts | None:
        model, test = self._model, self._test
        names = pretend_facts.Names(model.lines, model.devices, model.ring_groups)
        for key, value in test.facts.items():
            try:
                pretend_facts.facts({key: value}, at, names)
            except ScriptError as error:
                message, _, hint = str(error).partition("; ")
                self._wrong("bad-value", message, hint, "facts", key, key=True)
        if self.problems:
            return None
        return pretend_facts.facts(test.facts, at, names, draw=test.draw)

    def _target(self, name: str, *path: str | int, key: bool = False) -> str:
        """A line or a trunk, as `line:NAME` and `trunk:NAME`."""
        kind, colon, bare = name.partition(":")
        target = f"{'trunk' if kind == 'trunk' else 'line'}:{bare}" if colon else f"line:{name}"
        if target not in self._known.targets:
            what = "trunk" if target.startswith("trunk:") else "user or line"
            hint = self._hint(target, self._known.targets).replace("`line:", "`")
            if path[-1] == "trunk":
                hint = hint.replace("`trunk:", "`")
            self._wrong("unknown-name", f"there is no {what} `{bare if colon else name}`", hint, *path, key=key)
        return target

    def _hint(self, word: str, known: Iterable[str]) -> str:
        near = difflib.get_close_matches(word, sorted(known), 1)
        return f"did you mean `{near[0]}`?" if near else ""

    def _expected(self, expect: Expect) -> Expected:
        written = expect.model_fields_set
        if not written:
            self._wrong("empty-value", "nothing is expected here", "such as `expect: {rings: [anna]}`")
        for key in ("rings", "never"):
            for at, name in enumerate(getattr(expect, key) or ()):
                self._target(name, "expect", key, at)
        if expect.connected not in (None, NOBODY):
            self._target(expect.connected or "", "expect", "connected")
        for at, name in enumerate(expect.forwards or ()):
            if name not in self._known.forwarders:
                self._wrong(
                    "unknown-name",
                    f"nobody forwards as `{name}`",
                    did_you_mean(name, self._known.forwarders),
                    "expect",
                    "forwards",
                    at,
                )
        if expect.trunk not in (None, NOTHING):
            self._target(f"trunk:{expect.trunk}", "expect", "trunk")
        if expect.then not in (None, NOTHING):
            self._service(expect.then or "")
        reason, status = expect.ends or (None, None)
        return Expected(
            rings=None if expect.rings is None else tuple(expect.rings),
            never=tuple(expect.never),
            connected=expect.connected,
            then=expect.then,
            number=None if expect.number is None else clean(expect.number) or expect.number,
            after_s=expect.after,
            reason=reason,
            status=status,
            hears=expect.hears,
            forwards=None if expect.forwards is None else tuple(expect.forwards),
            trunk=expect.trunk,
            sent=expect.sent,
            caller_id=expect.caller_id,
            limit_s=expect.limit,
            recorded=expect.recorded,
            told=expect.told,
            emergency=expect.emergency,
            account=expect.account,
            address=expect.address,
            notified=None if expect.notified is None else tuple(expect.notified),
        )

    def _service(self, word: str) -> None:
        kind, _, name = word.partition(":")
        known = self._known.services.get(kind)
        if known is not None and name not in known:
            self._wrong("unknown-name", f"there is no {kind} `{name}`", did_you_mean(name, known), "expect", "then")
