"""Sizes, rates and times that the sockets keep to."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Sizes in octets, times in seconds."""

    datagram: int = 32768
    """Longest datagram that is read."""
    message: int = 65535
    """Longest message in a stream."""
    rate_per_s: float = 4000.0
    """Messages a second that one source may send for long."""
    burst: float = 8000.0
    """Messages that one source may send at once."""
    trusted_times: float = 10.0
    """So many times the rate and the burst are for a trusted source."""
    failure: float = 400.0
    """Messages that a failed log-in counts for: with the rate as it is, ten guesses a second from one source."""
    known_s: float = 7200.0
    """So long after a log-in its source is known."""
    sources: int = 65536
    """Sources that are remembered."""
    flows: int = 65536
    """UDP flows that are remembered by each socket."""
    connections: int = 20000
    connections_a_source: int = 1000
    out_buffer: int = 1 << 20
    """Octets that may wait for a peer that does not read."""
    idle_s: float = 4000.0
    """A connection on which nothing came for so long is closed; longer than the usual hour of a registration."""
    first_s: float = 30.0
    """A client must have sent something whole by then."""
    partial_s: float = 15.0
    """A message must be whole so long after it began."""
    stuck_s: float = 30.0
    """What is sent must begin to leave within this time."""
    connect_s: float = 8.0
    """A connection of ours must stand by then, its TLS handshake included."""
    handshake_s: float = 10.0
    """A client must have finished its TLS handshake by then."""
    handshakes: int = 1000
    """TLS handshakes of clients that are under way; each holds some 40 KiB."""
    handshake: float = 20.0
    """Messages that the handshake of a stranger counts for, as it costs most of a millisecond."""
    batch: int = 64
    """Datagrams read at one wake-up, before other sockets and timers get their turn."""
