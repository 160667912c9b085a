"""The words of the dialplan's own sections, each from its text: destinations, permissions, ranges, quotas."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from config.problems import Wrong, nearest
from config.types import DURATION_PATTERN, E164, Identifier, Typed, bounded_duration, choice
from dialplan.destinations import NOWHERE, Destination, To
from dialplan.lines import Permission

MOST_SPOKEN = 1000
NONE = "none"
"""What undoes a value of a higher level: no forward, no limit, no number."""

UNIT = "x-unit"
"""Of a kind of value whose 0 is written `none`: how many of what it holds are one of what is written."""

SECONDS = "s"
"""The unit of a duration."""

_ALONE = {"voicemail": Destination(To.VOICEMAIL), "echo": Destination(To.ECHO), NONE: NOWHERE}
_KINDS = {each.value: each for each in To if each not in (To.NOWHERE, To.ECHO)}
_ALSO = {
    **dict.fromkeys(("group", "ringgroup", "ring-group", "hunt_group"), "ring_group"),
    **dict.fromkeys(("ivr", "menu", "auto_attendant", "aa"), "attendant"),
    **dict.fromkeys(("vm", "mailbox", "mail"), "voicemail"),
    **dict.fromkeys(("number", "tel", "pstn", "outside"), "external"),
    **dict.fromkeys(("line", "extension", "device"), "user"),
    **dict.fromkeys(("room", "meeting"), "conference"),
    **dict.fromkeys(("park_lot", "lot"), "park"),
    **dict.fromkeys(("call_queue",), "queue"),
    **dict.fromkeys(("play", "tone", "file"), "announce"),
}
_SOUND = re.compile(r"tone:[0-9]{2,4}|file:[^\x00-\x1f]{1,200}", re.ASCII)
EXAMPLES = "a name, `voicemail`, `ring_group:NAME`, `attendant:NAME`, `queue:NAME`, or a number such as +12125550100"


def text(value: Any) -> str:
    """The text itself. Raises Wrong for a list or a mapping."""
    if not isinstance(value, str):
        kind = "a mapping" if isinstance(value, dict) else "a list"
        raise Wrong(f"a single value is wanted here, this is {kind}")
    return value


def checked(kind: Any, value: Any) -> Any:
    """The value by one of the annotated types of `config.types`. Raises Wrong."""
    mark: Typed = kind.__metadata__[0]
    return mark.check(value)


def parse_destination(value: Any) -> Destination:
    """A destination from its word. That its name exists is for `fitting_names` to see. Raises Wrong."""
    word = text(value)
    alone = _ALONE.get(word)
    if alone is not None:
        return alone
    if word.startswith("+"):
        return Destination(To.EXTERNAL, checked(E164, word))
    kind, colon, name = word.partition(":")
    if not colon:
        try:
            return Destination(To.USER, checked(Identifier, word))
        except Wrong:
            raise Wrong("not a destination", EXAMPLES) from None
    to = _KINDS.get(kind)
    if to is None:
        if kind in _ALONE:
            raise Wrong(f"`{kind}` has no name behind it", f"write `{kind}`")
        meant = _ALSO.get(kind.lower()) or nearest(kind.lower(), _KINDS)
        raise Wrong(f"there is no kind of destination `{kind}`", f"write `{meant}:{name}`" if meant else EXAMPLES)
    if to is To.EXTERNAL:
        return Destination(to, checked(E164, name))
    if to is To.ANNOUNCE:
        if not _SOUND.fullmatch(name):
            raise Wrong("not something that can be played", "`announce:tone:425` or `announce:file:NAME`")
        return Destination(to, name)
    try:
        return Destination(to, checked(Identifier, name))
    except Wrong as wrong:
        raise Wrong(f"`{kind}:` wants a name behind it: {wrong.message}", wrong.hint) from None


def _range(value: Any) -> tuple[str, str]:
    match = re.fullmatch(r"([0-9]{1,15})\s*-\s*([0-9]{1,15})", text(value), re.ASCII)
    if match is None:
        raise Wrong("a range of internal numbers is wanted here", "such as 200-299")
    first, last = match[1], match[2]
    if len(first) != len(last) or first > last:
        raise Wrong("the two ends must be equally long, the smaller one first", "such as 200-299")
    return first, last


def _slots(value: Any) -> tuple[str, str]:
    first, last = _range(value)
    if int(last) - int(first) >= 1000:
        raise Wrong("more than 1000 slots")
    return first, last


def _seconds(low: int, high: int) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        seconds = bounded_duration(text(value), low, high)
        if seconds != int(seconds):
            raise Wrong("must be whole seconds", f"write `{round(seconds)}s`")
        return seconds

    return check


def _limit(low: int, high: int) -> Callable[[Any], float]:
    within = _seconds(low, high)
    return lambda value: 0.0 if value == NONE else within(value)


def _at_most(high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        word = text(value)
        if word == NONE:
            return 0
        if not re.fullmatch(r"[1-9][0-9]*", word, re.ASCII) or len(word) > 18 or int(word) > high:
            hint = "for no limit write `none`"
            raise Wrong(f"must be a whole number from 1 to {high}, or `none`", hint)
        return int(word)

    return check


def _money(value: Any) -> int:
    word = text(value)
    if word == NONE:
        return 0
    match = re.fullmatch(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?", word, re.ASCII)
    micro = int(match[1]) * 1_000_000 + int((match[2] or "").ljust(6, "0")) if match is not None else 0
    if not micro:
        raise Wrong(
            "an amount is wanted here, in the currency of the rates", "such as 50 or 12.50; `none` for no limit"
        )
    return micro


def _prefix(value: Any) -> str:
    word = re.sub(r"[ .()/-]", "", text(value))
    if not re.fullmatch(r"\+[1-9][0-9]{0,14}", word, re.ASCII):
        raise Wrong("a prefix is written with its country code", "such as +1900")
    return word


def _caller_id(value: Any) -> str:
    return "" if value == NONE else str(checked(E164, value))


def _name_or_none(value: Any) -> str:
    return "" if value == NONE else str(checked(Identifier, value))


def _contact(value: Any) -> str:
    word = text(value)
    if word.startswith("+") or re.fullmatch(r"[0-9 ().-]{7,}", word, re.ASCII):
        return str(checked(E164, word))
    return str(checked(Identifier, word))


def _feature_code(value: Any) -> str:
    word = text(value)
    if not re.fullmatch(r"[*#][0-9*#]{1,7}", word, re.ASCII):
        bare = re.fullmatch(r"[0-9]{1,7}", word, re.ASCII)
        raise Wrong("a feature code begins with * or #", f'write `"*{word}"`' if bare else 'such as "*78"')
    return word


def _choice_key(value: Any) -> str:
    word = text(value)
    if not re.fullmatch(r"[0-9*#]|timeout|invalid", word, re.ASCII):
        raise Wrong("a choice is one key of a telephone, `timeout` or `invalid`")
    return word


def _directory_key(value: Any) -> str:
    word = text(value)
    if not re.fullmatch(r"[0-9*#]", word, re.ASCII):
        raise Wrong("one key of a telephone is wanted here", "such as `8`")
    return word


def _spoken(value: Any) -> str:
    said = text(value).strip()
    if not 0 < len(said) <= MOST_SPOKEN:
        raise Wrong("what is said has 1 to 1,000 characters", "for longer words a `greeting` file")
    return said


def _account_code(value: Any) -> str:
    word = text(value)
    if not re.fullmatch(r"[0-9]{1,16}", word, re.ASCII):
        raise Wrong("an account code is made of 1 to 16 digits")
    return word


def _permission(value: Any) -> Permission:
    return Permission(choice(*Permission).check(value))


_EITHER = ["string", "integer"]

DestinationWord = Annotated[Destination, Typed(parse_destination, type="string")]
Range = Annotated[tuple[str, str], Typed(_range, type="string", pattern=r"^[0-9]+\s*-\s*[0-9]+$")]
Slots = Annotated[tuple[str, str], Typed(_slots, type="string", pattern=r"^[0-9]+\s*-\s*[0-9]+$")]
Prefix = Annotated[str, Typed(_prefix, type="string")]
CallerId = Annotated[str, Typed(_caller_id, type="string")]
NameOrNone = Annotated[str, Typed(_name_or_none, type=_EITHER)]
Contact = Annotated[str, Typed(_contact, type=_EITHER)]
FeatureCode = Annotated[str, Typed(_feature_code, type="string")]
DirectoryKey = Annotated[str, Typed(_directory_key, type=_EITHER)]
Spoken = Annotated[str, Typed(_spoken, type="string")]
ChoiceKey = Annotated[str, Typed(_choice_key, type=_EITHER)]
AccountNumber = Annotated[str, Typed(_account_code, type=_EITHER)]
Money = Annotated[int, Typed(_money, type=_EITHER, **{UNIT: 1_000_000})]
PermissionWord = Annotated[Permission, Typed(_permission, enum=list(Permission))]


def at_most(high: int) -> Typed:
    """A whole number from 1, or `none` for no limit, which is 0."""
    return Typed(_at_most(high), type=_EITHER, **{UNIT: 1})


def whole_seconds(low: int, high: int) -> Typed:
    """Whole seconds; bounds included."""
    return Typed(_seconds(low, high), type="string", pattern=DURATION_PATTERN)


def limit(low: int, high: int) -> Typed:
    """Whole seconds, or `none`, which is 0."""
    return Typed(_limit(low, high), type="string", **{UNIT: SECONDS})
