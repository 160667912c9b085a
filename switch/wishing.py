"""What people may set for a line at run time, looked at before it holds: `ringplan set` and feature codes end here.

    dnd on | off
    forward busy | no_answer | outage | always   DESTINATION | off | default
    forward delay   10s to 60s | default
    group NAME   in | out           a ring group or queue the line is in, or one whose calls it takes
    reset

Of a telephone, `device:NAME`, it is `lock on | off` (PIN-6): a locked one rings, and calls for help alone.

`off` means that a call is not forwarded, whatever the configuration says; `default` goes back to what it says. What the
configuration locks cannot be set. Each change is an event of the journal, with who made it and when.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from config.problems import did_you_mean
from dialplan import permission, rules
from dialplan.destinations import NOWHERE, Destination, To, of_text
from dialplan.draft import Draft
from dialplan.facts import NO_FACTS, Condition
from dialplan.follow import follow
from dialplan.lines import Line
from dialplan.model import Model
from dialplan.numbers import Kind, clean, normalise
from dialplan.plan import CallRequest
from records.events import LineSet
from switch.control import Handler, Refused
from switch.facts import LiveFacts
from switch.state import wishes
from switch.views import ForwardView, WishesView

LEAST_S, MOST_S = 10, 60
USAGE = (
    "dnd on|off",
    "forward busy|no_answer|outage|always DESTINATION|off|default",
    "forward delay 10s to 60s|default",
    "group NAME in|out",
    "reset",
)
DEVICE = rules.device("")
DEVICE_USAGE = ("lock on|off", "reset")
DESTINATIONS = "voicemail, user:anna, +16695550100, ring_group:desk, attendant:main, queue:support"
MOST_WORD = 200
_MODELS = {
    To.RING_GROUP: "ring_groups",
    To.ATTENDANT: "attendants",
    To.QUEUE: "queues",
    To.CONFERENCE: "conferences",
    To.VOICEMAIL: "mailboxes",
    To.USER: "lines",
}


class Wishing:
    """The changes. `model` is the dialplan of the moment, `apply` takes events that hold from then on."""

    def __init__(
        self,
        model: Callable[[], Model],
        facts: LiveFacts,
        at: Callable[[], datetime.datetime],
        apply: Callable[[Sequence[LineSet]], None],
    ) -> None:
        self._model = model
        self._facts = facts
        self._at = at
        self._apply = apply

    def handlers(self) -> dict[str, Handler]:
        """By the name that a command asks for."""
        return {"set": self.set}

    def set(self, args: dict[str, Any]) -> WishesView:
        """Change something, or nothing, and tell how the line stands. Raises Refused."""
        name = str(args.get("line", ""))[:MOST_WORD]
        device = self._device(name) if name.startswith(DEVICE) else None
        line = self._line(name) if device is None else None
        words = args.get("words", ())
        if words and isinstance(words, list | tuple):
            said, by = [str(word)[:MOST_WORD] for word in words[:8]], str(args.get("by", ""))
            self.change(name, said, by) if device is None else self._change_device(name, said, by)
        if line is not None:
            return self._view(line)
        locked = wishes.read(self._facts.settings(name)).locked
        return WishesView(line=name, name=device or "", locked=locked)

    def _device(self, name: str) -> str:
        """The telephone's id."""
        known = self._model().devices
        device = name.removeprefix(DEVICE)
        if device not in known:
            raise Refused(f"there is no telephone “{device}”", _hints(device, known))
        return device

    def _change_device(self, name: str, words: Sequence[str], by: str) -> None:
        match [word.lower() for word in words]:
            case ["lock", "on" | "off" as wanted]:
                self._hold(name, {wishes.LOCK: wishes.ON if wanted == "on" else ""}, by)
            case ["reset"]:
                self._hold(name, dict.fromkeys(self._facts.settings(name), ""), by)
            case _:
                raise Refused(
                    f"“{' '.join(words)}” says nothing that can be set for a telephone",
                    tuple(f"  {use}" for use in DEVICE_USAGE),
                )

    def change(self, name: str, words: Sequence[str], by: str) -> None:
        """What these words say holds from now on. Raises Refused, and nothing has changed then."""
        line = self._line(name)
        match [words[0].lower(), *words[1:]] if words else []:
            case ["dnd", "on" | "off" as wanted]:
                changes = {wishes.DND: wishes.ON if wanted == "on" else ""}
            case ["forward", "delay" | "after", wanted]:
                changes = {wishes.AFTER: self._delay(line, wanted)}
            case ["forward", condition, wanted]:
                changes = self._forward(line, condition, wanted)
            case ["group", group, "in" | "out" as wanted]:
                changes = {wishes.OUT + self._group(line, group): wishes.AWAY if wanted == "out" else ""}
            case ["reset"]:
                changes = dict.fromkeys(self._facts.settings(line.id), "")
            case _:
                raise Refused(f"“{' '.join(words)}” says nothing that can be set", tuple(f"  {use}" for use in USAGE))
        self._hold(line.id, changes, by)

    def _hold(self, name: str, changes: dict[str, str], by: str) -> None:
        before = self._facts.settings(name)
        events = [
            LineSet(name, key, value, by, self._at()) for key, value in changes.items() if before.get(key, "") != value
        ]
        if events:
            self._apply(events)

    # -- what may be set ----------------------------------------------------------------------------------------

    def _line(self, name: str) -> Line:
        model = self._model()
        line = model.lines.get(name)
        if line is None:
            to = model.extensions.get(name)
            line = model.lines.get(to.name) if to is not None and to.kind is To.USER else None
        if line is None:
            raise Refused(f"there is no user and no line “{name}”", _hints(name, model.lines))
        return line

    def _delay(self, line: Line, wanted: str) -> str:
        if line.forwards.after_locked:
            self._locked(line, "after", "delay")
        if wanted == "default":
            return ""
        digits = wanted.removesuffix("s")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 4 and LEAST_S <= int(digits) <= MOST_S):
            raise Refused(f"“{wanted}” is no delay: {LEAST_S}s to {MOST_S}s, in whole seconds, or default")
        return str(int(digits))

    def _forward(self, line: Line, named: str, wanted: str) -> dict[str, str]:
        try:
            condition = Condition(named.lower().replace("-", "_"))
        except ValueError:
            known = [each.value for each in Condition]
            raise Refused(f"calls are not forwarded on “{named}”", _hints(named, [*known, "delay"])) from None
        self._unlocked(line, condition)
        if wanted == "default":
            value = ""
        elif wanted == "off":
            value = str(NOWHERE)
        else:
            value = str(self._destination(line, wanted))
        return {wishes.FORWARD + condition.value: value}

    def _unlocked(self, line: Line, condition: Condition) -> None:
        """PRO-3: a configured lock wins."""
        if condition in line.forwards.locked:
            self._locked(line, condition.value, condition.value)

    def _locked(self, line: Line, key: str, called: str) -> NoReturn:
        origin = self._model().origins.get(rules.forward(line.id, key) + ".lock")
        who = f"the {origin.text} ({origin.file}:{origin.line})" if origin is not None else "the configuration"
        raise Refused(f"forward {called} of {line.id} is locked by {who}")

    def _destination(self, line: Line, wanted: str) -> Destination:
        """A destination that there is. Numbers are understood as they are dialled on that line."""
        model = self._model()
        digits = clean(wanted)
        to = _dialled(model, line, digits) if digits else of_text(wanted)
        if to is None and digits:
            raise Refused(f"“{wanted}” is no extension and no whole number", ("such as +16695550100",))
        if to is None or to.kind not in (*_MODELS, To.EXTERNAL):
            raise Refused(f"“{wanted}” is no destination", (f"such as {DESTINATIONS}",))
        if to.kind is To.EXTERNAL:
            number = normalise(to.name, line.profile)
            if number.kind is not Kind.E164:
                raise Refused(f"“{wanted}” is no whole number", ("such as +16695550100",))
            asked = CallRequest(digits=number.value, at=self._at(), line=line.id)
            refused = permission.refusal(Draft(model, asked, NO_FACTS, follow), (line,), number)
            if refused is not None:
                raise Refused(f"{line.id} may not forward to {number.value}: {refused.text}")
            return Destination(To.EXTERNAL, number.value)
        if to.kind is To.VOICEMAIL and not to.name:
            if not line.mailbox:
                raise Refused(f"voicemail is not enabled for {line.id}")
            return to
        if to.kind is To.USER and to.name == line.id:
            raise Refused(f"{line.id} would forward to itself")
        known: dict[str, Any] = getattr(model, _MODELS[to.kind])
        if to.name not in known:
            kind = to.kind.value.replace("_", " ")
            raise Refused(f"there is no {kind} “{to.name}”", _hints(to.name, known))
        return to

    def _group(self, line: Line, wanted: str) -> str:
        known = self._groups(line)
        if wanted not in known:
            raise Refused(f"{line.id} is in no group “{wanted}”", _hints(wanted, known))
        return wanted

    def _groups(self, line: Line) -> list[str]:
        """The groups and queues that the line is in, and those whose calls it takes as a delegate."""
        model = self._model()
        groups = [
            name for name, each in model.ring_groups.items() if any(member.line == line.id for member in each.members)
        ]
        queues = [name for name, each in model.queues.items() if line.id in each.members]
        return list(dict.fromkeys((*groups, *queues, *model.serves.get(line.id, ()))))

    # -- how it stands ------------------------------------------------------------------------------------------

    def _view(self, line: Line) -> WishesView:
        said = wishes.read(self._facts.settings(line.id))
        forwards = []
        for condition in Condition:
            own: Destination | None = said.forwards.get(condition)
            configured: Destination | None = getattr(line.forwards, condition.value)
            locked = condition in line.forwards.locked
            counts = configured if own is None or locked else own
            forwards.append(
                ForwardView(
                    condition=condition.value,
                    to="off" if counts is None or counts == NOWHERE else str(counts),
                    configured=str(configured) if configured is not None else "off",
                    set_by_user=own is not None and not locked,
                    locked=locked,
                )
            )
        after_locked = line.forwards.after_locked
        return WishesView(
            line=line.id,
            name=line.name,
            dnd=said.dnd,
            forwards=tuple(forwards),
            after_s=(not after_locked and said.after_s) or line.forwards.after_s,
            after_configured_s=line.forwards.after_s,
            after_set_by_user=bool(said.after_s) and not after_locked,
            after_locked=after_locked,
            groups=tuple(self._groups(line)),
            out_of=tuple(sorted(said.out_of)),
        )


def _dialled(model: Model, line: Line, digits: str) -> Destination | None:
    """What these digits are on that line: an extension, a DID of ours, a number outside."""
    inside = model.extensions.get(digits)
    if inside is not None:
        return inside
    number = normalise(digits, line.profile)
    if number.kind is not Kind.E164:
        return None
    return model.dids.get(number.value) or Destination(To.EXTERNAL, number.value)


def _hints(word: str, known: Iterable[str]) -> tuple[str, ...]:
    hint = did_you_mean(word, known)
    return (hint,) if hint else ()
