"""What may stand under `tests:`: calls, and what is expected of them. Only what is written is compared."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any

from pydantic import Field

from config.problems import Wrong, nearest
from config.section import Section
from config.times import parse_instant
from config.types import Boolean, Identifier, OneOrMore, Text, Typed, duration, e164, parse_duration
from config.words import NONE, text
from dialplan.lines import Announce
from dialplan.pretend import Phone, ScriptError, behaviours
from dialplan.termination import Reason

_EITHER = ["string", "integer"]
_KINDS = ("voicemail", "attendant", "queue", "conference", "park", "retrieve", "announce", "feature", "collect")
Ending = tuple[str | None, int | None]


def _instant(value: Any) -> datetime.datetime:
    return parse_instant(text(value))


def _behaviour(value: Any) -> tuple[Phone, ...]:
    try:
        return behaviours(text(value))
    except ScriptError as error:
        message, _, hint = str(error).partition("; ")
        raise Wrong(message, hint) from None


def _ending(value: Any) -> Ending:
    """`busy`, `486`, or both: `busy 486`."""
    words = text(value).split()
    reason: str | None = None
    status: int | None = None
    for word in words:
        if re.fullmatch(r"[2-6][0-9]{2}", word, re.ASCII) and status is None:
            status = int(word)
        elif word in set(Reason) and reason is None:
            reason = word
        else:
            near = nearest(word, [each.value for each in Reason])
            raise Wrong(
                f"`{word}` is no way in which a call ends",
                f"did you mean `{near}`?" if near else "a reason, a SIP status or both, such as `busy 486`",
            )
    if not words:
        raise Wrong("must not be empty")
    return reason, status


def _target(value: Any) -> str:
    word = text(value)
    kind, colon, name = word.partition(":")
    if not colon:
        return word
    if kind not in ("user", "line", "trunk") or not name:
        raise Wrong(f"`{word}` is nobody who rings", "write the name of a user or a line, or `trunk:NAME`")
    return word if kind == "trunk" else name


def _service(value: Any) -> str:
    word = text(value)
    kind, colon, name = word.partition(":")
    if word in ("echo", "nothing") or (colon and name and kind in _KINDS):
        return word
    near = nearest(kind, _KINDS)
    hint = f"did you mean `{near}:{name or 'NAME'}`?" if near else "such as `voicemail:anna` or `attendant:main`"
    raise Wrong(f"`{word}` is nothing that answers by itself", hint)


def _caller_id(value: Any) -> str:
    word = text(value)
    return "nothing" if word == NONE else word if word == "withheld" else e164(word)


def _limit(value: Any) -> float:
    word = text(value)
    return 0.0 if word == NONE else parse_duration(word)


def _draw(value: Any) -> float:
    word = text(value)
    if not re.fullmatch(r"0(?:\.[0-9]{1,9})?", word, re.ASCII):
        raise Wrong("must be at least 0 and below 1", "such as 0.5")
    return float(word)


Instant = Annotated[datetime.datetime, Typed(_instant, type="string")]
Behaviour = Annotated[tuple[Phone, ...], Typed(_behaviour, type=_EITHER)]
Target = Annotated[str, Typed(_target, type="string")]
Targets = Annotated[list[Target], OneOrMore()]
Told = Annotated[str, Typed(lambda value: _told(value), enum=[each.value for each in Announce])]


def _told(value: Any) -> str:
    word = text(value)
    if word not in set(Announce):
        raise Wrong("must be `none`, `caller`, `callee` or `all`")
    return word


class Expect(Section):
    """What is expected of a call. Only what is written is compared."""

    rings: Targets | None = Field(
        default=None, description="all who ring, in the order in which they begin; `[]`: nobody"
    )
    never: Targets = Field(default_factory=list, description="who must not ring")
    connected: Target | None = Field(default=None, description="who answers, or `nobody`")
    then: Annotated[str, Typed(_service, type="string")] | None = Field(
        default=None, description="what the call comes to at last: `voicemail:anna`, `attendant:main`, `nothing`"
    )
    number: Text | None = Field(default=None, description="the called number, normalised")
    after: Annotated[float, duration(0, 86400)] | None = Field(default=None, description="when it is answered or ends")
    ends: Annotated[Ending, Typed(_ending, type=_EITHER)] | None = Field(
        default=None, description="a reason, a SIP status, or both: `busy 486`"
    )
    hears: Text | None = Field(default=None, description="what is announced before the call ends, or `nothing`")
    forwards: Annotated[list[Text], OneOrMore()] | None = Field(
        default=None, description="who forwards the call, in order; a ring group as `ring_group:desk`"
    )
    trunk: Identifier | None = Field(default=None, description="the trunk that has the call at last")
    sent: Text | None = Field(default=None, description="the number that this trunk gets, before its own form of it")
    caller_id: Annotated[str, Typed(_caller_id, type="string")] | None = Field(
        default=None, description="the number that this trunk is shown, `withheld`, or `none`"
    )
    limit: Annotated[float, Typed(_limit, type="string")] | None = Field(
        default=None, description="how long the call may last, or `none`"
    )
    recorded: Boolean | None = Field(default=None, description="whether it is recorded by itself")
    told: Told | None = Field(default=None, description="who is told that it is recorded")
    emergency: Boolean | None = Field(default=None, description="whether it is a call for help")
    account: Text | None = Field(default=None, description="the account code that it is charged to, or `nothing`")
    address: Text | None = Field(default=None, description="of a call for help, where help is to go, or `nothing`")
    notified: Annotated[list[Text], OneOrMore()] | None = Field(
        default=None, description="of a call for help, who is told at once; `[]`: nobody"
    )


class Test(Section):
    """A call, and what is expected of it."""

    name: Text = Field(min_length=1, description="what it shows, in a line")
    from_: Identifier | None = Field(default=None, alias="from", description="a user, a line or a device")
    line: Identifier | None = Field(default=None, description="the line that is called on; else the telephone's first")
    trunk: Identifier | None = Field(default=None, description="the carrier that brings the call, instead of `from`")
    caller: Text | None = Field(default=None, description="the caller's number, as the carrier writes it")
    attested: Boolean = Field(default=False, description="whether the number has attestation A")
    anonymous: Boolean = Field(default=False, description="whether the caller asks not to be shown")
    dial: Text = Field(min_length=1, description="what is dialled")
    at: Instant | None = Field(
        default=None,
        description="when, such as `2026-12-24 18:05`, in the caller's zone (from outside: in that of who is called);"
        " else a Wednesday in March at 10:00",
    )
    phones: dict[Text, Behaviour] = Field(
        default_factory=dict,
        description="what telephones and trunks do: `anna: busy`, `trunk:carrier: 503`; all others ring",
    )
    facts: dict[Text, Text] = Field(
        default_factory=dict, description="what is so at the moment: `anna.dnd: on`, `sales.cursor: 2`"
    )
    presses: Annotated[list[Text], OneOrMore()] = Field(
        default_factory=list,
        description="what is pressed in menus: keys, an internal number, `timeout`, `invalid`",
    )
    account: Text = Field(default="", description="the account code that is given when one is asked for")
    draw: Annotated[float, Typed(_draw, type=["string", "number"])] = Field(
        default=0.0, description="the call's random number, from 0 up to 1"
    )
    hangs_up: Annotated[float, duration(0, 86400)] | None = Field(default=None, description="when the caller gives up")
    expect: Expect = Field(default_factory=Expect, description="what is expected; only what is written is compared")
