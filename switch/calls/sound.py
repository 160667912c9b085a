"""The sound of a leg as the call layer sees it: its media port, what its far end described, what we described to it.

Thin on purpose: `media.negotiate` knows what may stand in a description, `media.engine` makes the sound. Here the two
are put together for the one shape that a call has, a caller and a called side.
"""

from __future__ import annotations

import base64
import secrets

from msgspec import structs

from media import negotiate, sdp
from media.engine import AS_BEFORE, Keys, Lease, MediaEngine, Remote
from media.sdp import Description, SdpError
from records import events as e

# Looked for by `find`: of bytes, `in` first asks whether it was given a number, by way of an exception, which costs
# more than the search.
_INLINE = b"\r\na=crypto:"
OFFERED, REQUIRED = "offered", "required"
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104  compared with, not bound to


class Sound:
    """One leg's sound. `lease` is its port pair, by the address that its far end is told, and `bound` the address that
    the sockets are bound on; `remote` is what the far end described, until the call acts on it.

    `local` is the last description that we sent, `proposed` an offer of the far end that the other side has not
    answered yet. `settled` is empty while `local` is in force; else `local` is an offer that was not taken (yet), and
    `settled` holds. `far` is what the engine was told of the far end. `held`: the far end does not want to hear us.
    `codecs` are the only ones that the far end may hear of, the best first; empty for all. `widens`: it may be offered
    what the other side has not, and we transcode. `srtp`: whether a first offer to it has SRTP (OFFERED, REQUIRED);
    else it is answered as it offers. `key` is what we encrypt with (RFC 4568), once we have said so, and
    `keys` are those that both have told; in `local`, `settled` and `far` they are not, so that no journal has them.
    """

    __slots__ = (
        *("bound", "codecs", "far", "held", "key", "keys", "lease"),
        *("local", "proposed", "remote", "settled", "srtp", "widens"),
    )

    def __init__(self) -> None:
        self.lease: Lease | None = None
        self.bound = ""
        self.codecs: tuple[str, ...] = ()
        self.widens = True
        self.srtp = ""
        self.key: bytes | None = None
        self.keys: Keys | None = None
        self.remote: Description | None = None
        self.local: bytes = b""
        self.settled: bytes = b""
        self.proposed: Description | None = None
        self.far: Remote | None = None
        self.held = False

    def parsed(self, body: bytes) -> Description:
        """What the far end describes, as the call is to know it. Raises SdpError, NotAcceptable (488)."""
        return parsed(body, self.codecs)


def parsed(body: bytes, codecs: tuple[str, ...] = ()) -> Description:
    """A description that has an audio stream which we can serve, with these codecs alone where there are any. Raises
    SdpError, NotAcceptable (488)."""
    description = sdp.parse(body)
    if negotiate.audio(description) is None:
        raise sdp.NotAcceptable("no audio stream of RTP, or of SRTP with a key in its description")
    return negotiate.only(description, codecs) if codecs else description


def speaks_v6(description: Description | None, signalling: str) -> bool:
    """Whether a far end wants its sound by IPv6: what its description says, which we answer in the same family (RFC
    8866 section 5.7); without one, or with a host name or the unspecified address of an old hold, as its signalling."""
    if description is not None:
        stream = negotiate.audio(description)
        address = description.address(stream) if stream is not None else ""
        if sdp.is_address(address) and address not in WILDCARDS:
            return ":" in address
    return ":" in signalling


def offer_to(leg: Sound, offer: Description) -> bytes:
    """The other side's offer, as this leg shall see it: with what we can transcode besides."""
    lease, first, widens = _ready(leg), not leg.local, leg.widens
    if leg.codecs:
        offer, widens = _for(leg, offer), False
    leg.local = negotiate.relay_offer(
        offer, lease.address, lease.port, session_id=lease.leg, previous=leg.local, widens=widens
    )
    return _first(leg) if first and leg.srtp else _told(leg)


def _for(leg: Sound, offer: Description) -> Description:
    """An offer with the codecs that this leg may hear of, those that both sides have first. Raises NotAcceptable when
    there is none."""
    codecs = leg.codecs
    if not leg.widens:
        return negotiate.only(offer, codecs) if codecs else offer
    if codecs:
        try:
            offer = negotiate.only(offer, codecs)
        except SdpError:
            return negotiate.only(negotiate.widened(offer, codecs), codecs)
    return negotiate.widened(offer, codecs)


def propose(leg: Sound, offer: Description) -> bytes:
    """`offer_to` for a session that stands, which holds until the offer is taken (RFC 6337 section 3.4)."""
    _ready(leg)
    before = leg.local
    body = offer_to(leg, offer)
    if leg.local != before and not leg.settled:
        leg.settled = before
    return body


def again(leg: Sound) -> bytes:
    """The description in force, as an offer. It is a new version when another was offered meanwhile."""
    _ready(leg)
    if leg.settled or _LOST in leg.local:
        leg.local = negotiate.repeated(leg.settled or leg.local, leg.local)
    return _told(leg)


def repeated(said: bytes) -> bytes:
    """A description, said once more after a crash to who may have heard it. A key of ours in it is another one than
    before."""
    return said.replace(_KEY, b"inline:" + base64.b64encode(secrets.token_bytes(negotiate.KEY_BYTES)))


def answer_to(leg: Sound, offer: Description, answer: Description) -> bytes:
    """The other side's answer to this leg's offer, as this leg shall see it."""
    lease = _ready(leg)
    leg.local = negotiate.relay_answer(
        offer, answer, lease.address, lease.port, session_id=lease.leg, previous=leg.local
    )
    return _told(leg)


def answer_ourselves(leg: Sound, offer: Description, source: str = "") -> bytes:
    """Our own answer, for sound that we make. An echo takes any codec: it sends back what comes."""
    lease = _ready(leg)
    leg.local = negotiate.answer_local(
        offer,
        lease.address,
        lease.port,
        session_id=lease.leg,
        previous=leg.local,
        codecs=None if source == "echo" else negotiate.LOCAL_CODECS,
    )
    return _told(leg)


def keeps_codec(leg: Sound, offer: Description) -> bool:
    """Whether a new offer of the leg's far end leaves the other side alone: the codec in use is still in it, or the one
    that it had chosen itself, to which we transcode."""
    media = negotiate.audio(offer)
    chosen = leg.far.codecs[:1] if leg.far is not None else ()
    if media is not None and chosen and media.codecs().get(chosen[0][0]) == chosen[0][1]:
        return True
    return negotiate.keeps_codec(offer, leg.settled or leg.local)


def answer_again(leg: Sound, offer: Description) -> bytes:
    """Our own answer to a new offer that `keeps_codec`, with the codecs in force."""
    lease = _ready(leg)
    leg.local = negotiate.answer_again(
        offer, leg.settled or leg.local, lease.address, lease.port, session_id=lease.leg, previous=leg.local
    )
    return _told(leg)


def offer_again(leg: Sound) -> bytes:
    """Our offer to a far end that asks for one: what is in force, open both ways."""
    lease = _ready(leg)
    mine = leg.settled or leg.local
    leg.local = negotiate.offer_again(mine, lease.address, lease.port, session_id=lease.leg, previous=leg.local)
    return _told(leg)


def offer_beside(leg: Sound, other: Sound) -> bytes:
    """A first offer to this leg, which is to be joined with `other`, an answered one."""
    lease = _ready(leg)
    try:
        mine = _for(leg, sdp.parse(other.settled or other.local))
        leg.local = negotiate.offer_beside(mine, lease.address, lease.port, session_id=lease.leg)
    except SdpError:
        return offer_ourselves(leg)
    return _first(leg)


def offer_ourselves(leg: Sound) -> bytes:
    """Our own offer, for sound that we make and a caller who made none."""
    lease, first = _ready(leg), not leg.local
    leg.local = negotiate.offer_local(lease.address, lease.port, session_id=lease.leg, previous=leg.local)
    return _first(leg) if first else _told(leg)


def note(leg: Sound, description: Description, signalling: str, others: Description | None = None) -> None:
    """Work out where the leg's far end is, and whether it holds the call.

    `others` is the other side's description, whose payload numbers we have passed on to this one.
    """
    leg.far = far = negotiate.remote(description, signalling, others if others is not None else leg.local or None)
    leg.keys = None
    if leg.local.find(_INLINE) >= 0:
        leg.far = far = _secured(leg, far, description)
    leg.held = far.port != 0 and not far.receive


def _secured(leg: Sound, far: Remote, description: Description) -> Remote:
    """Take the keys that both have described. Without one that ought to be there nothing is sent or taken."""
    try:
        theirs = negotiate.agreed(description, leg.local)
    except SdpError:
        return structs.replace(far, send=False, receive=False)
    if theirs is not None and leg.key is not None:
        leg.keys = Keys(theirs.suite, leg.key, theirs.key)
    return far


def tell(engine: MediaEngine, leg: Sound, again: bool = False) -> None:
    """Tell the engine what was noted. After a crash it alone knows the keys, until the next description."""
    far = leg.far
    if far is None:
        return
    if leg.keys is not None:
        far = structs.replace(far, keys=leg.keys)
    elif leg.key is None and leg.local.find(_INLINE) >= 0:
        far, again = structs.replace(far, keys=AS_BEFORE), True
    engine.update(_leased(leg).leg, far, again)


def far_value(leg: Sound) -> e.FarEnd | None:
    """The far end as the journal keeps it."""
    far = leg.far
    if far is None:
        return None
    return e.FarEnd(
        far.address,
        far.port,
        far.rtcp_port,
        far.signalling,
        far.payloads,
        far.send,
        far.receive,
        far.telephone_event,
        far.codec,
        far.payload,
        far.codecs,
        far.sends,
    )


def far_of(value: e.FarEnd | None) -> Remote | None:
    """The same, back."""
    if value is None:
        return None
    return Remote(
        address=value.address,
        port=value.port,
        rtcp_port=value.rtcp_port,
        signalling=value.signalling,
        payloads=value.payloads,
        send=value.send,
        receive=value.receive,
        telephone_event=value.telephone_event,
        codec=value.codec,
        payload=value.payload,
        codecs=value.codecs,
        sends=value.sends,
    )


_KEY, _LOST = negotiate.KEY.encode(), negotiate.LOST_KEY.encode()


def _ready(leg: Sound) -> Lease:
    """Before the leg is described: its lease. A key that a former process has sent is not known any more, and what has
    another one is a new version."""
    if leg.key is None and leg.local.find(_KEY) >= 0:
        leg.key = secrets.token_bytes(negotiate.KEY_BYTES)
        leg.local, leg.settled = leg.local.replace(_KEY, _LOST), leg.settled.replace(_KEY, _LOST)
    return _leased(leg)


def _first(leg: Sound) -> bytes:
    """A first offer as the far end gets it: with SRTP if that is to be offered."""
    if leg.srtp in (OFFERED, REQUIRED):
        leg.local = negotiate.secured(leg.local, leg.srtp == REQUIRED)
    return _told(leg)


def _told(leg: Sound) -> bytes:
    """Our last description as the far end gets it: with the key, which stands nowhere else."""
    if leg.local.find(_KEY) < 0:
        return leg.local
    if leg.key is None:
        leg.key = secrets.token_bytes(negotiate.KEY_BYTES)
    return leg.local.replace(_KEY, b"inline:" + base64.b64encode(leg.key))


def _leased(leg: Sound) -> Lease:
    if leg.lease is None:
        raise LookupError("a leg without a media port has nothing to describe")
    return leg.lease


__all__ = [
    "SdpError",
    "Sound",
    "again",
    "answer_ourselves",
    "answer_to",
    "far_of",
    "far_value",
    "note",
    "offer_ourselves",
    "offer_to",
    "parsed",
    "propose",
    "repeated",
    "speaks_v6",
    "tell",
]
