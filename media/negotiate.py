"""What the exchange does with session descriptions: offers and answers passed between two legs (RFC 3264), all pure.

The exchange stands between two phones and relays plain RTP, so a description is passed on by a list of what may pass:
codecs, their parameters, packet times, bandwidth and direction of one audio stream. All that belongs to one hop (ICE,
multiplexing, feedback, identification of sources, keys) stays behind.

Our own descriptions on one leg form a series: the same `o=` id for the life of the leg, the version one higher
whenever anything changed, and never fewer streams than before (RFC 3264 section 8). `previous`, the last description
that we sent on the leg, carries all three from one call of these functions to the next.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec
from msgspec import structs

from media import sdp
from media.engine import Remote
from media.sdp import Description, Media, NotAcceptable, Origin

_PLAIN = frozenset(("RTP/AVP", "RTP/AVPF"))
_SECURE = frozenset(("RTP/SAVP", "RTP/SAVPF"))
SUITES = frozenset(("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"))
_SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY_BYTES = 30
"""Master key and master salt of those suites together (RFC 4568 section 6.2)."""
KEY = "inline:-"
"""What stands in our own descriptions in place of our key; whoever sends them puts it there."""
LOST_KEY = KEY + "-"
"""In place of one that is not known any more, so that what has the next one is another description."""
_CRYPTO = re.compile(r"([0-9]{1,9})[ \t]+(\S+)[ \t]+inline:([^\s;]+)((?:[ \t]+\S+)*)[ \t]*")
_PASSED = ("rtpmap:", "fmtp:", "ptime:", "maxptime:", "silenceSupp:")
_WAYS = {"sendrecv": (True, True), "sendonly": (True, False), "recvonly": (False, True), "inactive": (False, False)}
_NAMES = {ways: name for name, ways in _WAYS.items()}


class Ours(msgspec.Struct, frozen=True, gc=False):
    """A codec that we make and understand: its payload number, a=rtpmap and a=fmtp in an offer of ours, and what it
    costs to make, from nothing to much."""

    number: int
    name: str
    parameters: str
    cost: int


_OURS = {
    "PCMU": Ours(0, "PCMU/8000", "", 0),
    "PCMA": Ours(8, "PCMA/8000", "", 0),
    "G722": Ours(9, "G722/8000", "", 1),
    "opus": Ours(107, "opus/48000/2", "maxplaybackrate=16000", 2),
}
LOCAL_CODECS = tuple(_OURS)
_COST = {ours.name.upper(): ours.cost for ours in _OURS.values()}
_EVENT_NUMBER = 101
_EVENT = "TELEPHONE-EVENT/"
_REMEMBERED = 128
_ADDRESSES = 1024


def _parsed(description: bytes | Description) -> Description:
    return description if isinstance(description, Description) else sdp.parse(description)


def _has_key(media: Media) -> bool:
    return media.proto in _SECURE and crypto(media) is not None


def _pick(description: Description) -> int:
    """Where the stream of `audio` is; -1 if there is none."""
    for index, media in enumerate(description.media):
        if media.kind == "audio" and media.port and (media.proto in _PLAIN or _has_key(media)):
            return index
    return -1


def audio(description: bytes | Description) -> Media | None:
    """The one stream that we serve: the first audio stream that is not refused, of plain RTP or of SRTP with a key that
    we can use. None if there is none."""
    if description.__class__ is not Description:
        description = _parsed(description)
    for media in description.media:
        if media.kind == "audio" and media.port and (media.proto in _PLAIN or _has_key(media)):
            return media
    return None


class Crypto(msgspec.Struct, frozen=True, gc=False):
    """One a=crypto line that we can use: its tag, its suite, and the master key and salt; empty where `KEY` stands."""

    tag: int
    suite: str
    key: bytes

    def __repr__(self) -> str:
        return f"Crypto(tag={self.tag}, suite={self.suite!r})"


def crypto(media: Media, tag: int | None = None) -> Crypto | None:
    """The first a=crypto line that we can use (RFC 4568 section 7.1.2), or the one with this tag; also in RTP/AVP,
    which means SRTP if the other side can (RFC 8643). Keys with an identifier (MKI) and session parameters that we
    would have to know make a line useless."""
    for line in media.crypto:
        found = _CRYPTO.fullmatch(line)
        if found is None or found[2] not in SUITES or (tag is not None and int(found[1]) != tag):
            continue
        key, *more = found[3].split("|")
        if any(":" in each for each in more) or not all(each[0] == "-" for each in found[4].split()):
            continue
        try:
            read = base64.b64decode(key, validate=True) if key.strip("-") else b""
        except (binascii.Error, ValueError):
            continue
        if len(read) in (0, KEY_BYTES):
            return Crypto(int(found[1]), found[2], read)
    return None


def _keyless(media: Media) -> tuple[str, ...]:
    """The a=crypto of a description of ours, to be sent again."""
    used = crypto(media)
    return (f"{used.tag} {used.suite} {KEY}",) if used is not None else ()


def keyless(description: Description) -> Description:
    """The description without its keys, for the record."""
    return structs.replace(description, media=tuple([_again(media) for media in description.media]))


def agreed(theirs: bytes | Description, ours: bytes | Description) -> Crypto | None:
    """What the far end encrypts with, if both descriptions agree on SRTP. Raises NotAcceptable if only ours has it, or
    its key is not there any more."""
    own = audio(ours)
    mine = crypto(own) if own is not None else None
    if mine is None:
        return None
    media = audio(theirs)
    found = crypto(media, mine.tag) if media is not None else None
    if found is None or found.suite != mine.suite or not found.key:
        if media is not None and not media.crypto and media.proto in _PLAIN:
            return None  # it was asked whether it could (RFC 8643), and cannot
        raise NotAcceptable("no key of the far end")
    return found


def _ways(description: Description, media: Media) -> tuple[bool, bool]:
    """(it sends, it receives). An unspecified address means that nothing is to be sent there (RFC 3264 section 8.4)."""
    sends, receives = _WAYS[description.direction(media)]
    return sends, receives and description.address(media) not in ("0.0.0.0", "::", "::0")  # noqa: S104


@lru_cache(_REMEMBERED)
def _passed(attributes: tuple[str, ...], ways: tuple[bool, bool]) -> tuple[str, ...]:
    return (*[line for line in attributes if line.startswith(_PASSED)], _NAMES[ways])


def _refused(media: Media) -> Media:
    """The stream with port 0: refused in an answer, not used in an offer (RFC 3264 sections 5.1 and 6)."""
    return Media(media.kind, 0, media.proto, media.formats[:1])


def _written(streams: tuple[Media, ...], address: str, session_id: int, version: int, previous: bytes) -> bytes:
    origin = Origin("ringplan", session_id, version, address)
    if previous:
        old = sdp.parse(previous).origin
        same = sdp.write(Description(Origin("ringplan", old.id, old.version, address), "-", address, (), streams))
        if same == previous:
            return previous
        # RFC 3264 section 8: the version MUST go up by one when the description changes.
        origin = Origin("ringplan", old.id, old.version + 1, address)
    return sdp.write(Description(origin, "-", address, (), streams))


def only(description: Description, codecs: Sequence[str]) -> Description:
    """The description with those codecs alone (lower case, `g722`), in that order, as its far end would have written
    it. Tones and comfort noise stay. Raises NotAcceptable when none of them is in it.

    A stream that is refused (port 0) stays refused.
    """
    place = _pick(description)
    if place < 0:
        return description
    media = description.media[place]
    names = {number: name.partition("/")[0].lower() for number, name in media.codecs().items()}
    kept = [number for codec in codecs for number, name in names.items() if name == codec]
    if not kept:
        raise NotAcceptable(f"none of {', '.join(codecs)} is in it")
    kept += [number for number, name in names.items() if name in ("telephone-event", "cn")]
    formats = tuple(str(number) for number in kept)
    if formats == media.formats:
        return description
    lines = tuple(line for line in media.attributes if _about(line) in (None, *kept))
    stream = structs.replace(media, formats=formats, attributes=lines)
    return _with(description, place, stream)


def _with(description: Description, place: int, stream: Media) -> Description:
    """The description with that stream in this place."""
    streams = description.media
    streams = (*streams[:place], stream, *streams[place + 1 :])
    return Description(description.origin, description.name, description.connection, description.attributes, streams)


def widened(description: Description, codecs: Sequence[str] = ()) -> Description:
    """An offer with those of our codecs besides, at its end, that it has not, as we can transcode them; of `codecs`
    alone (lower case) where there are any. As it is when there is nothing in it that we can transcode from."""
    place = _pick(description)
    if place < 0:
        return description
    media = description.media[place]
    formats, lines = _wider(media.formats, media.attributes, tuple(codecs))
    if formats == media.formats:
        return description
    stream = structs.replace(media, formats=formats, attributes=lines)
    return _with(description, place, stream)


@lru_cache(_REMEMBERED)
def _wider(
    formats: tuple[str, ...], attributes: tuple[str, ...], codecs: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    there = sdp.codecs(formats, attributes)
    names = set(there.values())
    if not names & _COST.keys():
        return formats, attributes
    taken = set(there)
    for short, ours in _OURS.items():
        if ours.name.upper() in names or (codecs and short.lower() not in codecs):
            continue
        number = next((free for free in (ours.number, *range(127, 95, -1)) if free not in taken), None)
        if number is not None:
            taken.add(number)
            formats += (str(number),)
            attributes += tuple(_lines(number, ours))
    return formats, attributes


def _lines(number: int, ours: Ours) -> list[str]:
    return [f"rtpmap:{number} {ours.name}", *([f"fmtp:{number} {ours.parameters}"] if ours.parameters else [])]


def secured(offer: bytes, required: bool) -> bytes:
    """A first offer of ours with SRTP: `required` or, if the far end can, in the manner of RFC 8643."""
    description = sdp.parse(offer)
    place = _pick(description)
    if place < 0:
        return offer
    media = description.media[place]
    stream = structs.replace(media, proto="RTP/SAVP" if required else media.proto, crypto=(f"1 {_SUITE} {KEY}",))
    return sdp.write(_with(description, place, stream))


def relay_offer(
    offer: bytes | Description,
    address: str,
    port: int,
    *,
    session_id: int,
    version: int = 1,
    previous: bytes = b"",
    widens: bool = False,
) -> bytes:
    """The offer for the other leg: the audio stream with our `address` and `port`, as plain RTP/AVP.

    Streams that we do not serve are left out of a first offer; those that the other leg has seen (in `previous`) are
    kept in their places with port 0. Raises SdpError if `offer` is malformed, NotAcceptable if there is no audio stream
    of plain RTP in it (only SRTP, only video). With `widens` it is `widened` by all codecs of ours on the way.
    """
    description = _parsed(offer)
    media = audio(description)
    if media is None:
        raise NotAcceptable("no audio stream that we can serve is offered")
    formats, lines = _offered(media.formats, media.attributes, _ways(description, media), widens)
    ours = Media("audio", port, "RTP/AVP", formats, None, media.bandwidth, lines)
    return _written(_placed(ours, previous), address, session_id, version, previous)


@lru_cache(_REMEMBERED)
def _offered(
    formats: tuple[str, ...], attributes: tuple[str, ...], ways: tuple[bool, bool], widens: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The formats of an offer that is passed on, and its attributes."""
    if widens:
        formats, attributes = _wider(formats, attributes, ())
    return formats, _passed(attributes, ways)


def repeated(description: bytes, previous: bytes) -> bytes:
    """A description of ours that was in force before `previous` was offered, to be offered again: the same with the
    next version. Streams that `previous` added stay, with port 0 (RFC 3264 section 8)."""
    old, last = sdp.parse(description), sdp.parse(previous)
    streams = (*(_again(media) for media in old.media), *(_refused(media) for media in last.media[len(old.media) :]))
    return _written(streams, last.origin.address, last.origin.id, last.origin.version, previous)


def _again(media: Media) -> Media:
    return structs.replace(media, crypto=_keyless(media)) if media.crypto else media


def _placed(ours: Media, previous: bytes) -> tuple[Media, ...]:
    """Our stream among those that were described on this leg before, which are never fewer afterwards."""
    if not previous:
        return (ours,)
    before = sdp.parse(previous)
    place = _pick(before)
    if place < 0:
        place = next((i for i, m in enumerate(before.media) if m.kind == "audio"), len(before.media))
    streams = [_refused(media) for media in before.media]
    if place < len(streams) and before.media[place].crypto:
        ours = structs.replace(ours, proto=before.media[place].proto, crypto=_keyless(before.media[place]))
    streams[place : place + 1] = [ours]
    return tuple(streams)


def relay_answer(
    offer: bytes | Description,
    answer: bytes | Description,
    address: str,
    port: int,
    *,
    session_id: int,
    version: int = 1,
    previous: bytes = b"",
) -> bytes:
    """The answer to the leg that made `offer`, from the `answer` of the leg to which it was relayed.

    Every stream of the offer is answered, in order: the audio stream by what the other leg answered, the others with
    port 0 (RFC 3264 section 6). The profile's name is the offer's, since an answer cannot change it, but nothing of
    AVPF, ICE or multiplexing is taken up, so the stream is plain RTP. Payload numbers are those of `answer`: they say
    what the answerer wants to receive, and packets are relayed unchanged.

    Of the answer's codecs pass those that were offered. If none was, as the offer was `widened`, it becomes an answer
    with the first of the offer's that we can transcode. Raises SdpError, NotAcceptable.
    """
    asked, answered = _parsed(offer), _parsed(answer)
    place = _pick(asked)
    if place < 0:
        raise NotAcceptable("no audio stream that we can serve is offered")
    media = audio(answered)
    ours = None
    if media is not None:
        wanted = asked.media[place]
        ways = _answering(_ways(asked, wanted), _ways(answered, media))
        formats, lines = _common(wanted.formats, wanted.attributes, media.formats, media.attributes, ways)
        ours = Media("audio", port, wanted.proto, formats, None, media.bandwidth, lines)
    return _written(_answered(asked, place, ours), address, session_id, version, previous)


@lru_cache(_REMEMBERED)
def _common(
    offered: tuple[str, ...],
    offer: tuple[str, ...],
    answered: tuple[str, ...],
    answer: tuple[str, ...],
    ways: tuple[bool, bool],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The formats of an answer to an offer, and its attributes: by what was answered to an offer that had more."""
    formats, lines = _chosen(offered, offer, answered, answer)
    return formats, _passed(lines, ways)


def _chosen(
    offered: tuple[str, ...], offer: tuple[str, ...], answered: tuple[str, ...], answer: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    asked, given = sdp.codecs(offered, offer), sdp.codecs(answered, answer)
    names = set(asked.values())
    kept = [number for number, name in given.items() if name in names or number in asked]
    if _first_sound({number: given[number] for number in kept}) is None:
        chosen = _first(asked, LOCAL_CODECS)
        if chosen is not None and _first(given, LOCAL_CODECS) is not None:
            return _transcoded(offer, asked, given, chosen)
        kept = list(given)  # neither do we know better
    if len(kept) == len(given):
        return answered, answer
    return tuple(map(str, kept)), tuple(line for line in answer if _about(line) in (None, *kept))


def _transcoded(
    offer: tuple[str, ...], asked: Mapping[int, str], given: Mapping[int, str], chosen: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """An answer with a codec of the offer's, and its telephone-events if the other side takes any."""
    kept = [chosen]
    event = _event(asked)
    if event is not None and _event(given) is not None:
        kept.append(event)
    lines = [line for line in offer if _about(line) in kept]
    return tuple(map(str, kept)), (*lines, "ptime:20")


def _about(line: str) -> int | None:
    """Which payload number an attribute describes; None for one that describes none."""
    if not line.startswith(("rtpmap:", "fmtp:")):
        return None
    number = line.partition(":")[2].partition(" ")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 4 else None


def _answered(asked: Description, place: int, ours: Media | None) -> tuple[Media, ...]:
    """An answer's streams: `ours` in its place, the others refused. A key is answered with one of ours."""
    if ours is not None and asked.media[place].crypto:
        ours = structs.replace(ours, crypto=_keyless(asked.media[place]))
    if ours is not None and len(asked.media) == 1:
        return (ours,)
    return tuple(
        ours if ours is not None and index == place else _refused(media) for index, media in enumerate(asked.media)
    )


def _answering(offered: tuple[bool, bool], wanted: tuple[bool, bool]) -> tuple[bool, bool]:
    """An answer sends only where the offerer receives, and receives only where it sends (RFC 3264 section 6.1)."""
    return wanted[0] and offered[1], wanted[1] and offered[0]


def answer_local(
    offer: bytes | Description,
    address: str,
    port: int,
    *,
    session_id: int,
    version: int = 1,
    previous: bytes = b"",
    codecs: Sequence[str] | None = LOCAL_CODECS,
) -> bytes:
    """The answer for sound that we make ourselves: that codec out of `codecs` (PCMU, PCMA, G722, opus) which costs
    least, of those that cost the same the one that is offered first.

    None takes the first codec whatever it is, which is enough for an echo. Telephone-events are taken up where they are
    offered. Raises SdpError, NotAcceptable if no codec fits.
    """
    asked = _parsed(offer)
    place = _pick(asked)
    if place < 0:
        raise NotAcceptable("no audio stream that we can serve is offered")
    wanted = asked.media[place]
    offered = wanted.codecs()
    chosen = _first(offered, codecs) if codecs is not None else _first_sound(offered)
    if chosen is None:
        raise NotAcceptable(f"none of {', '.join(codecs or ('any codec',))} is offered")
    formats, lines = [str(chosen)], _described(wanted, chosen)
    if not lines and offered[chosen]:
        lines = [f"rtpmap:{chosen} {offered[chosen]}"]
    event = _event(offered)
    if event is not None:
        formats.append(str(event))
        lines += [f"rtpmap:{event} telephone-event/8000", f"fmtp:{event} 0-16"]
    ways = _answering(_ways(asked, wanted), (True, True))
    ours = Media("audio", port, wanted.proto, tuple(formats), None, (), (*lines, "ptime:20", _NAMES[ways]))
    return _written(_answered(asked, place, ours), address, session_id, version, previous)


def offer_local(
    address: str,
    port: int,
    *,
    session_id: int,
    version: int = 1,
    previous: bytes = b"",
    codecs: Sequence[str] = LOCAL_CODECS,
) -> bytes:
    """An offer of our own, for an INVITE that came without one and is served by ourselves."""
    formats = [str(_OURS[name].number) for name in codecs]
    lines = [line for name in codecs for line in _lines(_OURS[name].number, _OURS[name])]
    formats.append(str(_EVENT_NUMBER))
    lines += [f"rtpmap:{_EVENT_NUMBER} telephone-event/8000", f"fmtp:{_EVENT_NUMBER} 0-16", "ptime:20", "sendrecv"]
    ours = Media("audio", port, "RTP/AVP", tuple(formats), None, (), tuple(lines))
    return _written(_placed(ours, previous), address, session_id, version, previous)


def keeps_codec(offer: Description, mine: bytes) -> bool:
    """Whether a new offer in a session that stands still has the codec that we prefer in `mine`, our description in
    force, under the same number."""
    media, own = audio(offer), audio(mine)
    if media is None or own is None:
        return False
    known = own.codecs()
    first = _first_sound(known)
    return first is not None and media.codecs().get(first) == known[first]


def answer_again(
    offer: Description, mine: bytes, address: str, port: int, *, session_id: int, previous: bytes
) -> bytes:
    """The answer to a new offer that `keeps_codec`, by ourselves: with those codecs of `mine` that the offer has under
    the same numbers, willing to send and to receive. Raises SdpError, NotAcceptable."""
    place, own = _pick(offer), audio(mine)
    if place < 0 or own is None:
        raise NotAcceptable("no audio stream that we can serve is offered")
    wanted = offer.media[place]
    offered = wanted.codecs()
    known = own.codecs()
    kept = [number for number, codec in offered.items() if known.get(number) == codec]
    formats = tuple(map(str, kept))
    lines = tuple(line for line in own.attributes if line.startswith(("ptime:", "maxptime:")) or _about(line) in kept)
    ways = _answering(_ways(offer, wanted), (True, True))
    ours = Media("audio", port, wanted.proto, formats, None, own.bandwidth, (*lines, _NAMES[ways]))
    return _written(_answered(offer, place, ours), address, session_id, 1, previous)


def offer_beside(mine: Description, address: str, port: int, *, session_id: int) -> bytes:
    """A first offer to a leg that is to be joined with another one: what `mine`, our description in force on that other
    leg, has, under the same numbers, so that packets can be relayed. Raises SdpError, NotAcceptable."""
    media = audio(mine)
    if media is None:
        raise NotAcceptable("the other side has no audio stream of plain RTP")
    ours = Media(
        "audio", port, "RTP/AVP", media.formats, None, media.bandwidth, _passed(media.attributes, (True, True))
    )
    return _written((ours,), address, session_id, 1, b"")


def offer_again(mine: bytes, address: str, port: int, *, session_id: int, previous: bytes) -> bytes:
    """An offer for a far end that asks for one in a session that stands: `mine`, our description in force, willing to
    send and to receive, whatever was agreed on while the call was held. Raises SdpError, NotAcceptable."""
    old, last = sdp.parse(mine), sdp.parse(previous)
    place = _pick(old)
    if place < 0:
        raise NotAcceptable("no audio stream of plain RTP was agreed on")
    media = old.media[place]
    lines = _passed(media.attributes, (True, True))
    ours = Media("audio", port, media.proto, media.formats, None, media.bandwidth, lines, _keyless(media))
    streams = tuple(ours if index == place else each for index, each in enumerate(old.media))
    streams += tuple(_refused(each) for each in last.media[len(old.media) :])
    return _written(streams, address, session_id, 1, previous)


def _first(offered: Mapping[int, str], codecs: Iterable[str]) -> int | None:
    wanted = {_OURS[name].name.upper() for name in codecs}
    found = [number for number, codec in offered.items() if codec in wanted]
    return min(found, key=lambda number: _COST[offered[number]], default=None)


def _first_sound(offered: Mapping[int, str]) -> int | None:
    return next((n for n, codec in offered.items() if not codec.startswith(("CN/", _EVENT))), None)


def _described(media: Media, number: int) -> list[str]:
    """The lines of the offer that describe one payload number."""
    starts = (f"rtpmap:{number} ", f"fmtp:{number} ")
    return [line for line in media.attributes if line.startswith(starts)]


def _event(offered: Mapping[int, str]) -> int | None:
    return next((number for number, codec in offered.items() if codec == "TELEPHONE-EVENT/8000"), None)


def remote(description: bytes | Description, signalling: str, ours: bytes | Description | None = None) -> Remote:
    """The far end as the media engine needs it, from its own description and the source address of its messages.

    `ours`, the description that we sent it, widens the payload numbers that it may send: a sender uses the receiver's
    numbers (RFC 3264 section 5.1), which mostly are the same. A host name in place of an address is never looked up;
    the signalling address is taken instead. A refused stream gives port 0. Raises SdpError.
    """
    description = _parsed(description)
    media = audio(description)
    if media is None:
        return Remote(
            address=signalling, port=0, rtcp_port=0, signalling=signalling, payloads=(), send=False, receive=False
        )
    address = description.address(media)
    sends, receives = _WAYS[description.direction(media)]
    where = _reachable(address)
    if where is not True:
        if where is False:
            receives = False
        address = signalling
    numbers, event, codec, payload, codecs, rtcp_port = _received(media.formats, media.attributes)
    told: tuple[tuple[int, str], ...] = ()
    if ours is not None:
        own = audio(ours)
        if own is not None and (own.formats != media.formats or own.attributes != media.attributes):
            more, told = _sent(media.formats, media.attributes, own.formats, own.attributes)
            numbers += more
    return Remote(
        address=address,
        port=media.port,
        rtcp_port=rtcp_port or (media.port + 1 if media.port < 65535 else 0),
        signalling=signalling,
        payloads=numbers,
        send=sends,
        receive=receives,
        telephone_event=event,
        codec=codec,
        payload=payload,
        codecs=codecs,
        sends=told,
    )


@lru_cache(_REMEMBERED)
def _received(
    formats: tuple[str, ...], attributes: tuple[str, ...]
) -> tuple[tuple[int, ...], int | None, str, int, tuple[tuple[int, str], ...], int]:
    """What a stream takes: payload numbers, that of telephone-events, codec and number for sound of our own, what
    the numbers mean; and the port of `a=rtcp`, 0 without one."""
    codecs = sdp.codecs(formats, attributes)
    playable = _first(codecs, LOCAL_CODECS)
    payload = playable if playable is not None else next(iter(codecs), 0)
    sounds = tuple((number, name) for number, name in codecs.items() if not name.startswith(_EVENT))
    codec = codecs.get(payload, "") or "PCMU/8000"
    return tuple(codecs), _event(codecs), codec, payload, sounds, _rtcp_port(attributes)


@lru_cache(_REMEMBERED)
def _sent(
    formats: tuple[str, ...], attributes: tuple[str, ...], our_formats: tuple[str, ...], ours: tuple[str, ...]
) -> tuple[tuple[int, ...], tuple[tuple[int, str], ...]]:
    """What a stream may send besides what it takes, because we told it so: numbers that are new, and what these and
    others stand for. A number of ours that is another codec's there counts where that end has the codec as well."""
    theirs, told = sdp.codecs(formats, attributes), sdp.codecs(our_formats, ours)
    names = set(theirs.values())
    sends = [
        (number, name)
        for number, name in told.items()
        if number not in theirs or (theirs[number] != name and name and name in names)
    ]
    return tuple(number for number, _ in sends if number not in theirs), tuple(sends)


@lru_cache(_ADDRESSES)
def _reachable(address: str) -> bool | None:
    """Whether an IP literal names a host that can be sent to: not a group, everybody, or nobody. None for a name."""
    if not sdp.is_address(address):
        return None
    if ":" in address:
        target = ipaddress.IPv6Address(address.partition("%")[0])
        return not (target.is_multicast or target.is_unspecified)
    return 0 < int(address.partition(".")[0]) < 224


def _rtcp_port(attributes: tuple[str, ...]) -> int:
    """The port of `a=rtcp` (RFC 3605); 0 where it is to be the next one."""
    value = next((line[5:] for line in attributes if line.startswith("rtcp:")), "")
    text = value.split(" ", 1)[0]
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= 65535 else 0
