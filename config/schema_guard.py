"""What may stand under `guard`: how much one source may ask, who is shut out, and who never is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.section import Section
from config.types import Boolean, Network, OneOrMore, duration, integer


class Ban(Section):
    """When a source is shut out: it gets no answer any more. See the guide on overload and abuse."""

    failures: Annotated[int, integer(1, 100000)] = Field(
        default=10, description="failed log-ins (and what counts like them) that lead to a ban"
    )
    window: Annotated[float, duration(1, 604800)] = Field(default=600.0, description="within so long")
    time: Annotated[float, duration(1, 31536000)] = Field(
        default=600.0, description="how long the first ban lasts; each one after it twice as long"
    )
    longest: Annotated[float, duration(1, 31536000)] = Field(default=604800.0, description="but never longer")
    dry_run: Boolean = Field(default=False, description="only count and show who would be banned")


class Guard(Section):
    """How much one source, and all together, may ask of us. The defaults stop floods and mistakes, not peaks."""

    max_message: Annotated[int, integer(1500, 65535)] = Field(
        default=65535, description="octets of the largest SIP message; a datagram is never longer than 32768"
    )
    rate: Annotated[int, integer(1, 1000000)] = Field(
        default=4000, description="messages a second that one address may send for long"
    )
    burst: Annotated[int, integer(1, 1000000)] = Field(
        default=8000, description="messages that one address may send at once"
    )
    connections: Annotated[int, integer(1, 1000000)] = Field(default=20000, description="TCP connections in all")
    connections_per_source: Annotated[int, integer(1, 1000000)] = Field(
        default=1000, description="TCP connections from one address"
    )
    allow: Annotated[list[Network], OneOrMore()] = Field(
        default_factory=list,
        description="addresses and networks (such as 192.0.2.0/24) that are never banned; carriers never are",
    )
    hidden: Boolean = Field(
        default=True,
        description="whether strangers get no answer to an OPTIONS and whatever is neither a call nor a registration",
    )
    ban: Ban = Field(default_factory=Ban, description="when a source is shut out")
