"""The states of an INVITE usage (`invite.py`): two kinds of beginning, one life.

    outgoing:  calling -> early -> confirmed -> ended          incoming:  calling -> early -> confirmed -> ended
                  \\-> cancelling ------------> ended                           \\-> ended (CANCEL, refused)

Once confirmed both are alike: either side may send a new offer (re-INVITE), and either may say BYE. At most one
INVITE is under way in a dialog, so an INVITE that meets ours is answered 491, and one that meets an unanswered one of
the same direction 500 (section 14.2).
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """Where a usage stands; see the picture above."""

    CALLING = 1
    EARLY = 2
    CANCELLING = 3
    CONFIRMED = 4
    ENDED = 5


# For whoever asks: Python 3.11 takes three times as long to find a member in its class, and a call asks twenty times.
CALLING = State.CALLING
EARLY = State.EARLY
CANCELLING = State.CANCELLING
CONFIRMED = State.CONFIRMED
ENDED = State.ENDED
