"""A connection that is handed to the next process (`ringplan upgrade`): what goes along with its descriptor.

Only plain TCP can be handed on: the keys of TLS are in the library of the process that has them.
"""

from __future__ import annotations

import msgspec

from switch.sip.flow import Address


class Stream(msgspec.Struct, frozen=True, omit_defaults=True):
    """One connection: its two ends, whether we had made it, whether a whole message has come over it, what was read
    and is no whole message yet, and what the system has not taken of ours."""

    local: Address
    remote: Address
    outbound: bool = False
    whole: bool = False
    read: bytes = b""
    unsent: bytes = b""
