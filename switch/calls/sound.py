"""The sound of a leg as the call layer sees it: its media port, what its far end described, what we described to it.

Thin on purpose: `media.negotiate` knows what may stand in a description, `media.engine` makes the sound. Here the two
are put together for the one shape that a call has, a caller and a called side.
"""

from __future__ import annotations

from media import negotiate, sdp
from media.engine import Lease, MediaEngine
from media.sdp import Description, SdpError


class Sound:
    """One leg's sound. `lease` is its port pair; `remote` what the far end described, until the call acts on it.

    `local` is the last description that we sent, `proposed` an offer of the far end that the other side has not
    answered yet. `held`: the far end does not want to hear us.
    """

    __slots__ = ("held", "lease", "local", "proposed", "remote")

    def __init__(self, lease: Lease | None = None) -> None:
        self.lease = lease
        self.remote: Description | None = None
        self.local: bytes = b""
        self.proposed: Description | None = None
        self.held = False


def parsed(body: bytes) -> Description:
    """A description that has an audio stream which we can serve. Raises SdpError, NotAcceptable (488)."""
    description = sdp.parse(body)
    if negotiate.audio(description) is None:
        raise sdp.NotAcceptable("no audio stream of plain RTP")
    return description


def offer_to(leg: Sound, offer: Description) -> bytes:
    """The other side's offer, as this leg shall see it."""
    lease = _leased(leg)
    leg.local = negotiate.relay_offer(offer, lease.address, lease.port, session_id=lease.leg, previous=leg.local)
    return leg.local


def answer_to(leg: Sound, offer: Description, answer: Description) -> bytes:
    """The other side's answer to this leg's offer, as this leg shall see it."""
    lease = _leased(leg)
    leg.local = negotiate.relay_answer(
        offer, answer, lease.address, lease.port, session_id=lease.leg, previous=leg.local
    )
    return leg.local


def answer_ourselves(leg: Sound, offer: Description, source: str = "") -> bytes:
    """Our own answer, for sound that we make. An echo takes any codec: it sends back what comes."""
    lease = _leased(leg)
    leg.local = negotiate.answer_local(
        offer,
        lease.address,
        lease.port,
        session_id=lease.leg,
        previous=leg.local,
        codecs=None if source == "echo" else negotiate.LOCAL_CODECS,
    )
    return leg.local


def offer_ourselves(leg: Sound) -> bytes:
    """Our own offer, for sound that we make and a caller who made none."""
    lease = _leased(leg)
    leg.local = negotiate.offer_local(lease.address, lease.port, session_id=lease.leg, previous=leg.local)
    return leg.local


def heed(
    engine: MediaEngine, leg: Sound, description: Description, signalling: str, others: Description | None = None
) -> None:
    """Tell the engine where the leg's far end is, and remember whether it holds the call.

    `others` is the other side's description, whose payload numbers we have passed on to this one.
    """
    lease = _leased(leg)
    remote = negotiate.remote(description, signalling, others if others is not None else leg.local or None)
    engine.update(lease.leg, remote)
    leg.held = remote.port != 0 and not remote.receive


def _leased(leg: Sound) -> Lease:
    if leg.lease is None:
        raise LookupError("a leg without a media port has nothing to describe")
    return leg.lease


__all__ = [
    "SdpError",
    "Sound",
    "answer_ourselves",
    "answer_to",
    "heed",
    "offer_ourselves",
    "offer_to",
    "parsed",
]
