"""Where a call can be sent, as one small value: a kind and a name. `user:anna`, `ring_group:sales`, `external:+1…`.

What the operator writes, what a user sets at run time and what the planner follows are all of this type.
"""

from __future__ import annotations

import enum

import msgspec


class To(enum.StrEnum):
    """The kinds. The name is that of the entity in the model; of `EXTERNAL` a number in E.164; of `VOICEMAIL` a
    mailbox, empty for that of whoever was called; of `ANNOUNCE` a source as `plan.Announce` has it; `NOWHERE` has none
    and means that a call is not forwarded: that is how a user switches off what the configuration says."""

    USER = "user"
    RING_GROUP = "ring_group"
    ATTENDANT = "attendant"
    VOICEMAIL = "voicemail"
    EXTERNAL = "external"
    QUEUE = "queue"
    CONFERENCE = "conference"
    PARK = "park"
    ANNOUNCE = "announce"
    ECHO = "echo"
    NOWHERE = "nowhere"


class Destination(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A kind and a name."""

    kind: To
    name: str = ""

    def __str__(self) -> str:
        # Added up: an enum's member takes the long way through a format.
        return self.kind + ":" + self.name if self.name else str(self.kind)


NOWHERE = Destination(To.NOWHERE)


def user(name: str) -> Destination:
    """A user, or another line."""
    return Destination(To.USER, name)


def ring_group(name: str) -> Destination:
    """A ring group."""
    return Destination(To.RING_GROUP, name)


_KINDS: dict[str, To] = {each.value: each for each in To}
_NAMELESS = frozenset((To.VOICEMAIL, To.ECHO, To.NOWHERE))
_NAMED = frozenset(To) - {To.ECHO, To.NOWHERE}


def of_text(text: str) -> Destination | None:
    """What `str` of a destination, or an operator, writes: `user:anna`, `voicemail`, `+3315550100`; a bare name is a
    user. None when it is none. Whether there is such a one is the model's to say."""
    text = text.strip()
    kind, colon, name = text.partition(":")
    known = _KINDS.get(kind)
    if known is not None and (known in _NAMED if name else known in _NAMELESS and not colon):
        return Destination(known, name)
    if colon or not text:
        return None
    if text[0] == "+":
        return Destination(To.EXTERNAL, text) if text[1:].isascii() and text[1:].isdigit() else None
    return user(text)
