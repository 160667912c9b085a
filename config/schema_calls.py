"""What may stand under `calls`: the times of a call."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.section import Section
from config.types import Boolean, choice, duration


class SessionTimer(Section):
    """The session timer (RFC 4028): both ends of a call assure each other that they are still there. Each leg has one
    of its own, where the telephone or the carrier knows it."""

    enabled: Boolean = Field(default=True, description="whether it is offered and taken up at all")
    interval: Annotated[float, duration(90, 86400)] = Field(
        default=1800.0, description="a call without a sign of life for so long ends; the sign is given at half of it"
    )
    minimum: Annotated[float, duration(90, 86400)] = Field(
        default=90.0, description="a shorter wish is refused with 422; the standard's own least is 90s"
    )


class LimitWarning(Section):
    """How those are warned whose call is about to reach its `call_limit`, 20 seconds before it is cut."""

    by: Annotated[str, choice("beep", "message", "both")] = Field(
        default="beep",
        description="a tone, a message on the display, or both; a telephone that shows no messages hears the tone",
    )
    to: Annotated[str, choice("inside", "both")] = Field(
        default="inside", description="who: those in the house, or both sides"
    )


class Calls(Section):
    """Times of a call."""

    unreachable: Annotated[float, duration(0.5, 32)] = Field(
        default=4.0, description="a telephone that says nothing for so long is an outage"
    )
    session_timer: SessionTimer = Field(
        default_factory=SessionTimer, description="signs of life between the ends of a call"
    )
    announcements: Annotated[str, choice("early", "answer", "off")] = Field(
        default="early",
        description="how callers are told why a call is refused: before it is answered, so that it costs nothing; "
        "after an answer, for those who hear nothing before; or not",
    )
    drain: Annotated[float, duration(0, 3600)] = Field(
        default=30.0,
        description="when the exchange is told to stop it takes no new calls, and waits so long for those that are up; "
        "0s: it ends them at once",
    )
    limit_warning: LimitWarning = Field(
        default_factory=LimitWarning, description="the warning before a call reaches its `call_limit`"
    )
