"""What the exchange tells the commands: the answers of the control socket, one value each.

Both ends import these, so that a command never guesses what is in an answer. Times are zone-aware.
"""

from __future__ import annotations

import datetime
from typing import Any

import msgspec


class WorkerView(msgspec.Struct, frozen=True):
    """One media worker as the exchange sees it."""

    index: int
    connected: bool
    legs: int


class UpgradeView(msgspec.Struct, frozen=True, kw_only=True):
    """How an upgrade goes: a sentence; at the end the `report` (`switch.succession.report`)."""

    text: str = ""
    report: dict[str, Any] = {}


class ExplainedView(msgspec.Struct, frozen=True, kw_only=True):
    """An explained call, as JSON of `dialplan.explanation.Explanation`; or what is `wrong` with the question."""

    explanation: str = ""
    wrong: str = ""


class ParkedView(msgspec.Struct, frozen=True, kw_only=True):
    """A parked call: who it is, who has parked it (a line), since when, and in how many seconds it rings again; or it
    does so already."""

    lot: str
    slot: str
    call: str
    name: str
    by: str
    at: datetime.datetime
    left_s: float
    rings: bool = False


class SentenceView(msgspec.Struct, frozen=True):
    """A plain sentence; what follows from one stands one deeper."""

    depth: int
    text: str


class ToldView(msgspec.Struct, frozen=True, kw_only=True):
    """What happens when `name` is called, or calls; or what is `wrong` with the question."""

    name: str = ""
    sentences: tuple[SentenceView, ...] = ()
    wrong: str = ""


class RefusedView(msgspec.Struct, frozen=True, kw_only=True):
    """A telephone that was turned away lately. `user` is the authentication name that it gave, `why` words."""

    user: str
    address: str
    why: str
    count: int
    last_at: datetime.datetime


class CertificateView(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate of ours: `where` it is shown (a listener or a trunk), a `name` of it, and its last instant."""

    where: str
    name: str
    ends_at: datetime.datetime


class TrunkHostView(msgspec.Struct, frozen=True, kw_only=True):
    """One host of a carrier. `state` is well, avoided or down; `why` words; `rtt_s` how long OPTIONS took, 0 when it is
    not asked."""

    host: str
    state: str
    why: str = ""
    rtt_s: float = 0.0


class TrunkView(msgspec.Struct, frozen=True, kw_only=True):
    """One carrier. `registration` is empty where we do not register, else waiting, trying, registered or failed (see
    `switch/registration.py`); `why` the last failure, `next_s` the seconds to the next REGISTER, `expires_s` those that
    the registration still holds. `calls` are up on it now, of `channels` (0: no limit)."""

    trunk: str
    domain: str = ""
    registration: str = ""
    why: str = ""
    since: datetime.datetime | None = None
    next_s: float = 0.0
    expires_s: float = 0.0
    calls: int = 0
    channels: int = 0
    hosts: tuple[TrunkHostView, ...] = ()


class TrunksView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `trunks`."""

    trunks: tuple[TrunkView, ...]


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `status`. `troubles` is empty when all is well, else one sentence each; `/healthz` says the same.

    `warnings` are sentences about what works as it was configured but is surely not meant. `refused` are telephones
    that cannot sign in. `configuration` is the version that `check` says, too; `config` where it lies.
    """

    version: str
    process: int
    started_at: datetime.datetime
    configuration: str
    config: str
    draining: bool = False
    troubles: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    refused: tuple[RefusedView, ...] = ()
    emergencies: tuple[str, ...] = ()
    """A sentence for each emergency call that is up."""
    listeners: tuple[str, ...] = ()
    certificates: tuple[CertificateView, ...] = ()
    workers: tuple[WorkerView, ...] = ()
    trunks: tuple[TrunkView, ...] = ()
    devices: int = 0
    lines: int = 0
    lines_registered: int = 0
    contacts: int = 0
    calls: int = 0
    calls_started: int = 0
    calls_answered: int = 0
    transactions: int = 0
    messages_in: int = 0
    messages_out: int = 0


class PhoneView(msgspec.Struct, frozen=True, kw_only=True):
    """One registered contact. `address` is where it registered from, with the transport; `at` when it last did.
    `reachable`: whether it answers OPTIONS, None where it never did or is not asked; `rtt_s` how long the last answer
    took, `since` when that began to hold."""

    device: str
    name: str = ""
    line: str
    address: str
    contact: str
    user_agent: str = ""
    at: datetime.datetime
    expires_at: datetime.datetime
    reachable: bool | None = None
    rtt_s: float = 0.0
    since: datetime.datetime | None = None


class PhonesView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `phones`. `absent` are the devices that have no contact."""

    phones: tuple[PhoneView, ...]
    absent: tuple[str, ...] = ()
    refused: tuple[RefusedView, ...] = ()


class SubscriptionView(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription in the answer to `subscriptions`. `resource` is what it is to, as `line:anna`; `notified` counts
    the NOTIFYs of this run; `waits`: the last one has not arrived, and is tried again."""

    device: str
    line: str
    package: str
    resource: str
    address: str
    expires_at: datetime.datetime
    notified: int = 0
    waits: bool = False
    user_agent: str = ""


class SubscriptionsView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `subscriptions`."""

    subscriptions: tuple[SubscriptionView, ...] = ()


class BanView(msgspec.Struct, frozen=True, kw_only=True):
    """One source that is shut out, or in a dry run would be. `times`: how often it was by now; `dropped`: packets."""

    source: str
    why: str
    since: datetime.datetime
    until: datetime.datetime
    times: int
    dropped: int
    dry_run: bool = False


class GuardView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `guard`. `allowed` are the networks that were allowed at run time, `configured` those of the
    configuration; `dropped` packets of banned sources, `refused` those over a source's rate."""

    bans: tuple[BanView, ...]
    standing: int = 0
    """Bans in all; `bans` may be the latest of them."""
    allowed: tuple[str, ...] = ()
    configured: tuple[str, ...] = ()
    dry_run: bool = False
    dropped: int = 0
    refused: int = 0
    sources: int = 0


class GuardExplainView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `guard_explain`: how one address stands. `blocked`: something from there is shut out."""

    address: str
    blocked: bool
    sentences: tuple[str, ...]
    bans: tuple[BanView, ...] = ()


class UnbanView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `guard_unban`."""

    lifted: tuple[BanView, ...]


class LegView(msgspec.Struct, frozen=True, kw_only=True):
    """One leg of a call. `state` is trying, ringing, talking, held or ended."""

    leg: int
    who: str
    state: str
    flow: str = ""
    sip_call_id: str = ""


class CallView(msgspec.Struct, frozen=True, kw_only=True):
    """One call in the answer to `calls`. `state` is ringing, talking, held or parked, in the park slot `slot`;
    `answered_by` is the line that answered; `recording` is on, paused or empty.
    Of an emergency call, `address` says where the caller is. `room` is the conference that it is in, `three-way` where
    three talk in the call itself, and `part` how it is there: chair, locks, muted, with commas. `service` is what of
    ours has the caller, as `attendant:main`."""

    call: str
    started_at: datetime.datetime
    answered_at: datetime.datetime | None = None
    caller: str
    called: str
    state: str
    emergency: bool = False
    answered_by: str = ""
    recording: str = ""
    device: str = ""
    address: str = ""
    legs: tuple[LegView, ...] = ()
    room: str = ""
    part: str = ""
    slot: str = ""
    service: str = ""


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `record`: the state is on, paused or off. `announcing`: it begins when all have heard that."""

    call: str
    file: str = ""
    state: str
    announcing: bool = False


class BillableView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `billable`, `billable_note` and `billable_edit`: what was done for which user in which call."""

    call: str
    user: str
    done: str


class ForgottenView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `records_forget`: what was deleted. `files` are those of recordings, spools among them."""

    calls: int
    files: int
    messages: int


class AccessedView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `recording_accessed`: it is in the journal that `by` was given the recording."""

    call: str
    file: str
    by: str


class ReloadView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `reload` when it was taken; a refusal has the errors in its details. Laid out as `check` does."""

    version: str
    changed: bool
    warnings: tuple[str, ...] = ()


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """One SIP message in the answer to `trace`, secrets taken out already. `incoming`: it came from `remote`, where
    `who` is: a telephone, a line or a trunk; empty when nobody of ours is known there."""

    at: datetime.datetime
    incoming: bool
    transport: str
    local: str
    remote: str
    text: str
    who: str = ""


class TraceView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `trace`. `result` is how the call ended, or its state while it is up. `incomplete`: the ring has
    forgotten the beginning of the call. `registrations`: it is no call; `call` names a telephone that registered, or
    tried to."""

    call: str
    messages: tuple[MessageView, ...]
    caller: str = ""
    called: str = ""
    result: str = ""
    incomplete: bool = False
    registrations: bool = False


class TransferView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `transfer`: it rings at `to`, in place of `by` (as `line:bob`), who stays until somebody answers."""

    call: str
    to: str
    by: str


class ForwardView(msgspec.Struct, frozen=True, kw_only=True):
    """Where a line's calls go on one condition, and what the configuration says of it; both may be `off`."""

    condition: str
    to: str
    configured: str
    set_by_user: bool = False
    locked: bool = False


class QuotaView(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one quota is used. `line` is `all` for all lines together; `what` a key of `quotas`; cost in units of
    the rates' currency."""

    line: str
    what: str
    used: float
    limit: float


class QuotasView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `quota` and `quota_reset`."""

    quotas: tuple[QuotaView, ...] = ()


class MailboxView(msgspec.Struct, frozen=True, kw_only=True):
    """One mailbox: how many messages are `new`, of these `urgent`, and `old`, and for how many there is `room`. `pin`:
    whether one is set; `locked_s`: for how long no PIN is looked at. `email`: who is told of new messages."""

    mailbox: str
    name: str = ""
    extension: str = ""
    new: int = 0
    old: int = 0
    urgent: int = 0
    room: int = 0
    pin: bool = False
    locked_s: float = 0.0
    shared_with: tuple[str, ...] = ()
    email: str = ""


class MailboxMessageView(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a mailbox. `state` is new, old or saved; `call` the call in which it was left; `sent_by` the
    mailbox that it was forwarded from."""

    at: datetime.datetime
    number: str = ""
    name: str = ""
    seconds: float = 0.0
    state: str = "new"
    urgent: bool = False
    sent_by: str = ""
    call: str = ""


class MailboxesView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `mailboxes` and `mailbox_unlock`. `messages` are there when one mailbox was asked for."""

    mailboxes: tuple[MailboxView, ...] = ()
    messages: tuple[MailboxMessageView, ...] = ()


class MailboxPinView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `mailbox_pin`. `pin` is the one that was made, empty where it was given."""

    mailbox: str
    pin: str = ""


class WishesView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `set`. `out_of` are those of the `groups` whose calls the user does not want. Of a telephone, `locked`
    alone is known, and `line` is `device:NAME`."""

    line: str
    name: str = ""
    dnd: bool = False
    forwards: tuple[ForwardView, ...] = ()
    after_s: float = 0.0
    after_configured_s: float = 0.0
    after_set_by_user: bool = False
    after_locked: bool = False
    groups: tuple[str, ...] = ()
    out_of: tuple[str, ...] = ()
    locked: bool | None = None


class HiddenView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `history_hide`."""

    viewer: str
    calls: tuple[str, ...]
