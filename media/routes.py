"""What becomes of each payload number between two legs: relayed as it is, under another number, or transcoded.

A far end receives by the numbers of its own description, and sends by those of ours (RFC 3264 section 5.1), so the two
ends of a bridge may call one codec by different numbers, or have none in common. `between` says it for one direction;
it is worked out anew whenever one side is described, and remembered, as most telephones say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import msgspec

from media import codecs, rtp
from media.engine import Remote

TRANSCODE = -1
"""In place of a number: it is to be decoded, and encoded anew."""
COMFORT = -2
"""Comfort noise which the other side does not take: of use for who decodes, else dropped."""
_STATIC = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000", 13: "CN/8000"}
_REMEMBERED = 256

Names = tuple[tuple[int, str], ...]


class Route(msgspec.Struct, frozen=True):
    """One direction of a bridge. `words` are the first two bytes of packets that the loop relays by itself; `numbers`
    says where all others go, by payload number: a number, TRANSCODE or COMFORT; what is missing is dropped."""

    words: frozenset[int]
    numbers: Mapping[int, int]


def is_event(name: str) -> bool:
    """Whether a name of a=rtpmap is that of telephone-events, of any clock."""
    return name[:15].upper() == "TELEPHONE-EVENT"


def is_comfort(name: str) -> bool:
    """Whether it is that of comfort noise."""
    return name[:3].upper() == "CN/"


@lru_cache(_REMEMBERED)
def _names(known: Names, others: Names) -> Mapping[int, str]:
    return MappingProxyType(dict(known) | dict(others))


def coming(remote: Remote) -> Mapping[int, str]:
    """What the numbers that may come from a far end stand for; where nobody has said, what RFC 3551 says."""
    if remote.codecs:
        return _names(remote.codecs, remote.sends)
    said = tuple((number, _STATIC[number]) for number in remote.payloads if number in _STATIC)
    return _names(said, ((remote.payload, remote.codec),))


@lru_cache(_REMEMBERED)
def _events(told: int | None, sends: Names) -> frozenset[int]:
    found = {number for number, name in sends if is_event(name)}
    return frozenset(found if told is None else found | {told})


def events(remote: Remote) -> frozenset[int]:
    """The numbers under which telephone-events may come from a far end."""
    return _events(remote.telephone_event, remote.sends)


@lru_cache(_REMEMBERED)
def _all(payloads: tuple[int, ...], events: frozenset[int]) -> Route:
    numbers = {number: number for number in payloads}
    return Route(rtp.first_words(tuple(number for number in payloads if number not in events)), numbers)


def back(remote: Remote) -> Route:
    """How packets go back to where they came from: an echo."""
    return _all(remote.payloads, events(remote))


def between(source: Remote, target: Remote) -> Route:
    """How packets go from one far end to the other."""
    return _between(
        source.payloads,
        source.codecs,
        source.sends,
        events(source),
        (target.codecs, target.telephone_event, target.codec),
    )


@lru_cache(_REMEMBERED)
def _between(
    payloads: tuple[int, ...],
    known: Names,
    sends: Names,
    events: frozenset[int],
    target: tuple[Names, int | None, str],
) -> Route:
    takes, event, codec = target
    if not (known and takes):
        return _all(payloads, events)  # nobody has said what they mean
    numbers: dict[int, int] = {}
    there = {number: name.upper() for number, name in takes}
    called = {name: number for number, name in reversed(there.items()) if name}
    for number, name in (dict(known) | dict(sends)).items():
        name = name.upper()
        if number in events:
            continue
        if there.get(number) == name:
            numbers[number] = number
        elif name in called:
            numbers[number] = called[name]
        elif is_comfort(name):
            numbers[number] = COMFORT
        elif codecs.known(name) and codecs.known(codec):
            numbers[number] = TRANSCODE
    if event is not None:
        numbers |= dict.fromkeys(events, event)
    # Telephone-events are left to the slow way, where digits are read.
    plain = tuple(number for number, to in numbers.items() if number == to and number not in events)
    return Route(rtp.first_words(plain), MappingProxyType(numbers))
