"""Every fact that a call or a registration leaves behind, as one closed union of small frozen values.

A call's state is a fold over these (`switch/calls/call.py`), a CDR is another (`records/cdr/`), a live view a third.
So an event says what happened, never what to do about it, and carries all that a fold needs after a crash. It never
holds a secret or a media key.

Encoding is MessagePack arrays with an integer tag. Fields are positional: a new one goes at the end, with a default,
and a tag is never used again for something else.

An event's identity is (`call`, `n`): `n` counts the events of one call from 0, so whoever is fed the same event twice
can tell.

The rooms are topics, and nobody but this one imports them: whoever needs an event has it from here. A new one goes into
its room, into `__all__` and into the unions below.
"""

from records.events.calls import (
    CallEnded,
    CallForwarded,
    CallHandedOver,
    CallReplanned,
    CallStarted,
    Connected,
    GroupRung,
    LimitWarned,
    MenuChosen,
    Recovered,
)
from records.events.journal import FiguresTold, StateTold
from records.events.legs import LegAnswered, LegEnded, LegHeld, LegMedia, LegMoved, LegRinging, LegStarted, SessionTimed
from records.events.mailboxes import MailboxSet, MessageChanged, MessageLeft, MessageTold
from records.events.money import (
    AccountChanged,
    BillableEdited,
    BillableSet,
    InteractionNoted,
    LegCharged,
    LegRated,
    QuotaReached,
    QuotaReset,
    Stretch,
    Tariff,
)
from records.events.moves import (
    LegGiven,
    LegTaken,
    LimitClock,
    Parked,
    RoomEntered,
    RoomLeft,
    TransferBegun,
    TransferOver,
    Unparked,
)
from records.events.people import HelpTold, LineSet
from records.events.queues import MemberSet, QueueEntered, QueueLeft, QueueOffered
from records.events.recordings import (
    RecordingAccessed,
    RecordingEnded,
    RecordingPaused,
    RecordingRendered,
    RecordingStarted,
)
from records.events.registrations import Bound, Subscribed, Unbound, Unsubscribed
from records.events.removal import Forgotten, HistoryHidden
from records.events.values import Dialog, Event, FarEnd, FlowAddress, Forwarded, Help, MediaPort, Party, Terms

__all__ = [
    "STORED",
    "AccountChanged",
    "AnyEvent",
    "BillableEdited",
    "BillableEvent",
    "BillableSet",
    "Bound",
    "CallEnded",
    "CallEvent",
    "CallForwarded",
    "CallHandedOver",
    "CallReplanned",
    "CallStarted",
    "Connected",
    "Dialog",
    "Event",
    "FarEnd",
    "FiguresTold",
    "FlowAddress",
    "Forgotten",
    "Forwarded",
    "GroupRung",
    "Help",
    "HelpTold",
    "HistoryHidden",
    "InteractionNoted",
    "LegAnswered",
    "LegCharged",
    "LegEnded",
    "LegGiven",
    "LegHeld",
    "LegMedia",
    "LegMoved",
    "LegRated",
    "LegRinging",
    "LegStarted",
    "LegTaken",
    "LimitClock",
    "LimitWarned",
    "LineSet",
    "MailboxEvent",
    "MailboxSet",
    "MediaPort",
    "MemberSet",
    "MenuChosen",
    "MessageChanged",
    "MessageLeft",
    "MessageTold",
    "Parked",
    "Party",
    "QueueEntered",
    "QueueLeft",
    "QueueOffered",
    "QuotaReached",
    "QuotaReset",
    "RecordingAccessed",
    "RecordingEnded",
    "RecordingPaused",
    "RecordingRendered",
    "RecordingStarted",
    "Recovered",
    "RoomEntered",
    "RoomLeft",
    "SessionTimed",
    "StateTold",
    "StoredEvent",
    "Stretch",
    "Subscribed",
    "Tariff",
    "Terms",
    "TransferBegun",
    "TransferOver",
    "Unbound",
    "Unparked",
    "Unsubscribed",
]

CallEvent = (
    CallStarted
    | LegStarted
    | LegMedia
    | LegRinging
    | LegAnswered
    | LegMoved
    | LegHeld
    | LegEnded
    | Connected
    | CallEnded
    | Recovered
    | CallHandedOver
    | SessionTimed
    | CallForwarded
    | GroupRung
    | CallReplanned
    | Parked
    | Unparked
    | QueueEntered
    | QueueOffered
    | QueueLeft
    | MenuChosen
    | RoomEntered
    | RoomLeft
    | LimitWarned
    | LegTaken
    | LegGiven
    | TransferBegun
    | TransferOver
    | RecordingStarted
    | RecordingPaused
    | RecordingEnded
    | LegRated
    | AccountChanged
    | BillableSet
)
BillableEvent = InteractionNoted | BillableEdited
StoredEvent = RecordingRendered | MemberSet | HistoryHidden | LegCharged | BillableEvent | Forgotten | RecordingAccessed
"""Events that are no call's and that the record store keeps, too (`records.store.facts`)."""
STORED = (
    RecordingRendered,
    MemberSet,
    HistoryHidden,
    LegCharged,
    InteractionNoted,
    BillableEdited,
    Forgotten,
    RecordingAccessed,
)
MailboxEvent = MessageLeft | MessageChanged | MailboxSet | MessageTold
AnyEvent = (
    CallEvent
    | MailboxEvent
    | Bound
    | Unbound
    | LineSet
    | HelpTold
    | StoredEvent
    | QuotaReached
    | QuotaReset
    | Subscribed
    | Unsubscribed
    | StateTold
    | FiguresTold
)
