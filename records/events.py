"""Every fact that a call or a registration leaves behind, as one closed union of small frozen values.

A call's state is a fold over these (`switch/calls/call.py`), a CDR is another (`records/cdr/`), a live view a third.
So an event says what happened, never what to do about it, and carries all that a fold needs after a crash. It never
holds a secret or a media key.

Encoding is MessagePack arrays with an integer tag. Fields are positional: a new one goes at the end, with a default,
and a tag is never used again for something else.

An event's identity is (`call`, `n`): `n` counts the events of one call from 0, so whoever is fed the same event twice
can tell.
"""

from __future__ import annotations

import datetime

import msgspec


class Dialog(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that is needed to send a request in an established dialog (RFC 3261 section 12)."""

    call_id: str
    local_tag: str
    remote_tag: str
    local_uri: str
    remote_uri: str
    remote_target: str
    route_set: tuple[str, ...]
    local_cseq: int
    remote_cseq: int
    update: bool = False
    """Whether the far end takes UPDATE."""
    from_change: bool = False
    """Whether it takes another From later on (RFC 4916)."""
    message: bool = False
    """Whether it takes MESSAGE."""


class FlowAddress(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The path that a leg's messages take: `udp` or `tcp`, our listener and the far end's address."""

    transport: str
    local_host: str
    local_port: int
    remote_host: str
    remote_port: int


class MediaPort(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The media leg behind a call leg; the same fields as `media.engine.Lease`, but that `address` is the one that the
    far end was told, and `bound` the sockets' own where that is another."""

    leg: int
    worker: int
    address: str
    port: int
    bound: str = ""


class FarEnd(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the media engine was told of a leg's far end; the same fields as `media.engine.Remote`. No keys."""

    address: str
    port: int
    rtcp_port: int
    signalling: str
    payloads: tuple[int, ...]
    send: bool
    receive: bool
    telephone_event: int | None
    codec: str
    payload: int
    codecs: tuple[tuple[int, str], ...] = ()
    sends: tuple[tuple[int, str], ...] = ()


class Forwarded(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A forward that a call had behind it when it came: `number` is whom it was for, `reason` a word of RFC 5806, as
    `user-busy`. `count`: it stands for so many. `hidden`: who forwarded is not to be shown."""

    number: str
    name: str = ""
    reason: str = ""
    count: int = 1
    hidden: bool = False


class Terms(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What holds while a call is up: the same fields as `dialplan.lines.Policy`. `record` is sorted."""

    owner: str = ""
    limit_s: float = 0.0
    record: tuple[str, ...] = ()
    on_demand: bool = False
    announce: str = "none"
    hold_music: str = ""


class Party(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who a leg is, as the other side may be shown it. `hidden`: not by number and name."""

    number: str
    name: str = ""
    hidden: bool = False


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What all events of a call have: the call's id, the event's number in it, and the instant (zone-aware, UTC)."""

    call: str
    n: int
    at: datetime.datetime


class CallStarted(Event, frozen=True, array_like=True, gc=False, tag=1):
    """An INVITE was accepted for routing and a plan was made. The caller is leg 0.

    `vias` are the raw Via values of the INVITE and `from_`/`to` its raw header values, so that a call that was not yet
    answered when the exchange died can still be refused properly. `because` is the planner's (rule id, verdict) pairs.

    `hidden`: the caller asks not to be shown. Of a carrier that is trusted and where it is known to be, `believed` is
    set, and `forwards` are those that it tells of, the latest first, so that the last was for whom the call was meant.

    What is needed to decide the call again, besides the fields above: `facts` are those that the decision asked for
    as JSON (`switch.facts.facts_of`), empty when there were none; `hops`, `proven` and `attested` as in
    `dialplan.plan.CallRequest`. `terms` are the caller's, None where there is nothing to say; `account` is the account
    code that it is charged to. Of an emergency call, `address` is where the caller is, and `notify` who is told.

    What reports count by: `user` is who really speaks, the own line of the telephone (`line` may be a delegator's);
    `site` where that telephone stands, of a call from outside where the line is that was called; `entity` what was
    called, whatever became of it, as in `dialplan.plan.Plan`.
    """

    sip_call_id: str
    device: str | None
    line: str | None
    trunk: str | None
    caller_number: str
    caller_name: str
    dialled: str
    number: str
    emergency: bool
    max_duration_s: float
    because: tuple[tuple[str, str], ...]
    flow: FlowAddress
    vias: tuple[str, ...]
    from_: str
    to: str
    cseq: int
    model: str = ""
    hidden: bool = False
    believed: bool = False
    forwards: tuple[Forwarded, ...] = ()
    facts: str = ""
    hops: int = 0
    proven: bool = True
    attested: bool = False
    terms: Terms | None = None
    account: str = ""
    address: str = ""
    notify: tuple[str, ...] = ()
    user: str = ""
    site: str = ""
    entity: str = ""


class LegStarted(Event, frozen=True, array_like=True, gc=False, tag=2):
    """An INVITE was sent to one contact. `target` is `line:ID` or `trunk:ID`; `branch` the Via branch of the INVITE;
    `device` whose contact it is, empty for a carrier. `payer` is the line that pays for a carrier's leg where it is not
    the caller's, and `number` the number that was sent there where it is not the one that was called. `for_`: the line
    on whose behalf a delegate's telephone rings. `shown`: of an emergency call, the number for calling back that the
    carrier was shown. `user` is the own line of the telephone, and `site` where it stands."""

    leg: int
    target: str
    contact: str
    flow: FlowAddress
    dialog: Dialog
    branch: str
    device: str = ""
    payer: str = ""
    number: str = ""
    for_: str = ""
    shown: str = ""
    user: str = ""
    site: str = ""


class LegMedia(Event, frozen=True, array_like=True, gc=False, tag=3):
    """The leg has a media port, and `described` is the session description (SDP) that we last sent it.

    The next description on the leg has to go on from that one (RFC 3264 section 8). `far` is what the media engine
    was told of the far end so far, None before anything was: after a crash it may have to be told again. `settled` is
    empty while `described` is in force; else that was an offer which is not taken yet, and `settled` holds.
    """

    leg: int
    media: MediaPort
    described: bytes
    far: FarEnd | None = None
    settled: bytes = b""


class LegRinging(Event, frozen=True, array_like=True, gc=False, tag=4):
    """The first 18x came from (or went to) the leg; `early_media` tells whether it carried SDP."""

    leg: int
    status: int
    early_media: bool


class LegAnswered(Event, frozen=True, array_like=True, gc=False, tag=5):
    """A 2xx made the dialog. For leg 0: we answered the caller, so the call is answered.

    `far` is what the media engine is told of the called side (of the caller its `LegMedia` says so). None when the
    caller made no offer and has yet to answer ours; `offer` is then the description in the called side's 2xx, which
    waits for that answer.
    """

    leg: int
    dialog: Dialog
    far: FarEnd | None = None
    offer: bytes = b""


class LegMoved(Event, frozen=True, array_like=True, gc=False, tag=6):
    """The dialog's numbers, remote target or path changed (re-INVITE, UPDATE, another request of ours). `branch` is the
    Via branch of a first INVITE that was sent once more; else it is empty."""

    leg: int
    dialog: Dialog
    flow: FlowAddress
    branch: str = ""


class LegHeld(Event, frozen=True, array_like=True, gc=False, tag=7):
    """The leg put the call on hold (`held` True) or took it back."""

    leg: int
    held: bool


class LegEnded(Event, frozen=True, array_like=True, gc=False, tag=8):
    """The leg is over. Values are those of `dialplan.termination.Termination`, as plain text and number. `cause` is
    what the leg's far end gave as the reason (RFC 3326), such as `Q.850;cause=1`."""

    leg: int
    result: str
    reason: str
    sip_status: int
    cause: str = ""


class Connected(Event, frozen=True, array_like=True, gc=False, tag=9):
    """The call's `front` leg and leg `leg` are joined: the caller's, until he has left the call. For a service of ours,
    such as an announcement or a mailbox, both are the front and `service` names it. `terms` are those of whoever
    answers, or pays; None where there is nothing to say. A service that is over after a time, such as the tone after a
    feature code, has that as its `limit_s`."""

    leg: int
    service: str = ""
    terms: Terms | None = None
    front: int = 0


class CallEnded(Event, frozen=True, array_like=True, gc=False, tag=10):
    """The call is over: always the last event of a call, exactly once."""

    result: str
    reason: str
    sip_status: int


class Recovered(Event, frozen=True, array_like=True, gc=False, tag=11):
    """The exchange was restarted while the call was up, and took it over again."""


class CallHandedOver(Event, frozen=True, array_like=True, gc=False, tag=46):
    """An exchange has handed over to the next one (`ringplan upgrade`) while the call was being set up: the planner is
    asked again, and the walk begins anew in the same call. Legs that are not ended by then ring on."""


class SessionTimed(Event, frozen=True, array_like=True, gc=False, tag=12):
    """A session interval (RFC 4028) was agreed on with the leg, or refreshed, at `at`; 0: there is none any more.

    `ours`: it is on us to refresh.
    """

    leg: int
    interval_s: int
    ours: bool


class CallForwarded(Event, frozen=True, array_like=True, gc=False, tag=13):
    """The call, or the `branch` of it where that is not empty, was forwarded by the line or group `by` (as
    `user:anna`), with the SIP `cause` of RFC 7044 (486 busy, 408 no answer, 503 outage, 302 always, 480 closed).
    `number` and `name` say how they are known; `to` is what the call goes on with: `line:carol` (several with commas),
    `external:+1…`, `voicemail:desk` and so on; `entity` is the same as what was called, as `user:carol`. `loop`: it
    would have led back to where the call was, or once too often on (FWD-9)."""

    by: str
    cause: int
    number: str = ""
    name: str = ""
    to: str = ""
    branch: str = ""
    loop: bool = False
    entity: str = ""


class GroupRung(Event, frozen=True, array_like=True, gc=False, tag=14):
    """A rotating group began to ring; `cursor` is the count that the next call to it begins with."""

    group: str
    cursor: int


class CallReplanned(Event, frozen=True, array_like=True, gc=False, tag=15):
    """The planner was asked again when the call came to `step`: with these `facts` (as in `CallStarted`), for these
    reasons. `request` is what it was asked, a `dialplan.plan.CallRequest` as JSON. Where an account code was given,
    `account` is the one that the call is charged to from now on, and `number` the called number, normalised.
    `emergency`: the answer is an emergency number, as when somebody is transferred to one. `entity` is what was asked
    for, as in `CallStarted`."""

    step: str
    facts: str
    because: tuple[tuple[str, str], ...]
    request: str = ""
    account: str = ""
    number: str = ""
    emergency: bool = False
    entity: str = ""


class Parked(Event, frozen=True, array_like=True, gc=False, tag=26):
    """The front of the call, who is known as `name`, is parked in a slot of a lot by `by`, as `line:anna`. After
    `timeout_s` it rings there, and then goes to `fallback`, as `ring_group:front`. `music` is the file that it hears;
    empty: the exchange's own. Recorded once more when it is parked again in the same slot."""

    lot: str
    slot: str
    by: str = ""
    name: str = ""
    timeout_s: float = 0.0
    fallback: str = ""
    music: str = ""


class Unparked(Event, frozen=True, array_like=True, gc=False, tag=27):
    """The slot is free again. `how`: retrieved (`by` as `line:bob`), returned (to who had parked it), fallback, or
    ended (the parked has hung up, or was cut off)."""

    lot: str
    slot: str
    how: str
    by: str = ""


class QueueEntered(Event, frozen=True, array_like=True, gc=False, tag=48):
    """Leg `leg` waits in a queue from now on, whose members aim at answering within `target_s` seconds; who gives up
    within `short_s` does not count against that (RTQ-1). The queue records these three of a call, and `MemberSet`; all
    that RTQ-1 to 11 count is in them and in the legs."""

    leg: int
    queue: str
    target_s: float = 0.0
    short_s: float = 0.0


class QueueOffered(Event, frozen=True, array_like=True, gc=False, tag=49):
    """The call in the queue is offered to a member, whose telephone rings as leg `leg`: that leg says who it is, and
    whether it answered (RTQ-9)."""

    leg: int
    queue: str


class QueueLeft(Event, frozen=True, array_like=True, gc=False, tag=50):
    """Leg `leg` waits in the queue no more. `how`: answered (by the member at leg `by`), abandoned (the caller has hung
    up) or overflowed (a rule of the queue, or the caller's own choice there, sent the call to `to`, as
    `voicemail:sales`). A leg that ends while it waits, or a call, says that it was abandoned."""

    leg: int
    queue: str
    how: str
    by: int = -1
    to: str = ""


class MenuChosen(Event, frozen=True, array_like=True, gc=False, tag=38):
    """The front of the call has chosen in the menu `attendant`, and goes to `to`, as `ring_group:sales`; empty: it is
    hung up on. `how`: a key (`1`), `extension` or `name` for those who dialled one, `timeout` or `invalid` for those
    who did not choose."""

    attendant: str
    how: str
    to: str = ""


class RoomEntered(Event, frozen=True, array_like=True, gc=False, tag=28):
    """A leg is in a room, or takes part in it in another way than before: an absolute statement. `room` is the name of
    a conference; empty: the room of this call alone, where three talk with each other. A `chair` may mute all and lock
    the room; it is locked as long as a chair who `locks` it is in it."""

    leg: int
    room: str = ""
    chair: bool = False
    muted: bool = False
    locks: bool = False


class RoomLeft(Event, frozen=True, array_like=True, gc=False, tag=29):
    """The leg is in that room no more, but in the call still. Of a leg that ends, or goes into another call, that says
    all."""

    leg: int
    room: str = ""


class LimitWarned(Event, frozen=True, array_like=True, gc=False, tag=34):
    """It was said to these legs that the call ends in `left_s` seconds by its limit (LIM-2). `by`: beep, message or
    both."""

    legs: tuple[int, ...]
    left_s: float
    by: str


class LimitClock(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A limit that runs on a leg when it goes into another call: as in `switch.calls.limits.Period`."""

    party: str
    owner: str
    limit_s: float
    since: datetime.datetime
    warned: bool = False


class LegTaken(Event, frozen=True, array_like=True, gc=False, tag=16):
    """An answered leg came out of another call, `of`, where it was leg `was`, with all that it is: a transfer, a parked
    call that was taken. The fields are those of `LegStarted`, `LegMedia` and `LegHeld`; `session` is as it was agreed
    on last. `terms` are those of the line whose leg it is, and `clocks` the limits that run on it; `party` is who it
    is; `user` and `site` as in `LegStarted`."""

    leg: int
    of: str
    was: int
    target: str
    contact: str
    flow: FlowAddress
    dialog: Dialog
    device: str
    media: MediaPort | None
    described: bytes
    far: FarEnd | None
    settled: bytes = b""
    held: bool = False
    session: SessionTimed | None = None
    terms: Terms | None = None
    clocks: tuple[LimitClock, ...] = ()
    party: Party | None = None
    user: str = ""
    site: str = ""


class LegGiven(Event, frozen=True, array_like=True, gc=False, tag=17):
    """The leg has gone into the call `to`, as its leg `becomes`."""

    leg: int
    to: str
    becomes: int


class TransferBegun(Event, frozen=True, array_like=True, gc=False, tag=18):
    """Leg `leg`, who is `by` (as `line:bob`), transfers the other side to the number `to`.

    `kind`: blind, attended (`other` is the call that he asked in, and was answered), semi_attended (that rings yet) or
    taken (somebody takes a leg over by an INVITE with Replaces). `how`: refer, code or operator. `refer` is the CSeq of
    the REFER whose sender waits to hear how it ends, and `named` whether its events carry that number; 0: nobody does.
    """

    leg: int
    by: str
    to: str
    kind: str
    how: str
    other: str = ""
    refer: int = 0
    named: bool = False


class TransferOver(Event, frozen=True, array_like=True, gc=False, tag=19):
    """The transfer has come to its end. `outcome`: done, failed (with the SIP `status`), cancelled (who was to be
    transferred has hung up, or the transferor took it back) or returned (it failed when the transferor was gone
    already, and he is rung now). `target` is who was reached, as `line:carol`."""

    leg: int
    outcome: str
    status: int = 0
    target: str = ""


class Tariff(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a destination cost when a leg to it was answered: the same fields as `dialplan.rates.Rate`. Amounts are
    micro-units of `currency`."""

    per_minute: int = 0
    fee: int = 0
    minimum_s: int = 1
    increment_s: int = 1
    currency: str = ""
    unit: int = 0
    unit_ms: int = 0
    rounding: str = "up"
    decimals: int = 6
    destination: str = ""
    place: str = ""


class Stretch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """From `since` on a carrier's leg talked with `to` (`line:paul`, the name of a service of ours, or nobody), who is
    known as `name`; up to `until`, or still."""

    since: datetime.datetime
    to: str = ""
    name: str = ""
    until: datetime.datetime | None = None


class LegRated(Event, frozen=True, array_like=True, gc=False, tag=42):
    """The carrier's leg `leg`, which was answered at `since`, is paid by the line `payer` (empty: by nobody of ours)
    for calling `number`, by `tariff`; None where no rate was known. `to` and `name` are as in `Stretch`: told again
    when somebody else talks with it. `earlier` is who did so in another call, out of which the leg came."""

    leg: int
    since: datetime.datetime
    payer: str
    number: str
    tariff: Tariff | None = None
    to: str = ""
    name: str = ""
    earlier: tuple[Stretch, ...] = ()


class AccountChanged(Event, frozen=True, array_like=True, gc=False, tag=54):
    """The call is charged to that account code from now on (CST-3). `by` is who keyed it, as `device:anna-desk`, or
    `call:` and the id of the call out of which a leg has brought it (CST-6)."""

    account: str
    by: str


class BillableSet(Event, frozen=True, array_like=True, gc=False, tag=55):
    """From now on the talk of line `user` is billable, or not any more (BIL-1). `by` is who said so, as
    `device:anna-desk` or `operator:root`, or `call:` and the id of the call in which it was when the leg came here."""

    user: str
    on: bool
    by: str


class RecordingStarted(Event, frozen=True, array_like=True, gc=False, tag=30):
    """What comes from leg `leg` is kept from now on, in `spool` (a name in the folder of spools), for `side` 0 (left)
    or 1 of `file`, a WAV file in the folder of recordings. Told for each leg; the same `file` for those of one
    recording. `by` is who asked for it: `policy` (automatic), a line's telephone (`device:anna-desk`) or
    `operator:root`. `announced`: the leg has heard the announcement to its end."""

    leg: int
    file: str
    spool: str
    side: int
    by: str = ""
    announced: bool = False


class RecordingPaused(Event, frozen=True, array_like=True, gc=False, tag=31):
    """Nothing is kept until it goes on: `paused` False. For card data."""

    file: str
    paused: bool
    by: str = ""


class RecordingEnded(Event, frozen=True, array_like=True, gc=False, tag=32):
    """The recording into `file` has ended before the call, or has not begun (no file): `why` is off, failed (the disk
    is full, or refuses), limit, announcement (it could not be played to its end, so that nothing may be kept) or
    refused (`by` may not record). `detail` says more."""

    file: str
    why: str
    by: str = ""
    detail: str = ""


class MemberSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=51):
    """A member of a queue, by the own line, is offered calls (`state` in), is not (out, for a `reason` of the
    operator's list: OPT-1, RTQ-10), or completes what is to be done after `call` (wrap_up) until the next one of these
    is told. An absolute statement. `by` is who did it, as `device:anna-desk` or `operator:root` (AOI-1)."""

    queue: str
    member: str
    state: str
    reason: str
    by: str
    at: datetime.datetime
    call: str = ""


class LineSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=22):
    """Somebody set what holds for a line at run time (`switch.state.wishes` has the keys). An absolute statement; an
    empty `value` goes back to what is configured. `by` is who did it, as `device:anna-desk` or `operator:root`."""

    line: str
    key: str
    value: str
    by: str
    at: datetime.datetime


class HelpTold(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=23):
    """What came of telling somebody of the emergency call `call` (EMG-7): `to` is as in `CallStarted.notify`.
    `outcome`: answered, not_answered or unreachable (no telephone) of a line, sent or failed of an e-mail, with `why`.
    It may come after the call's end, and may come twice."""

    call: str
    to: str
    outcome: str
    why: str
    at: datetime.datetime


class RecordingRendered(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=33):
    """The WAV file of a recording of the call is there; mostly after the call's end, and perhaps told twice. `file` is
    relative to the folder of recordings. `sides` 1 or 2, the caller's on the left; `lost` packets never came. `wrong`
    says what could not be read; with an empty `sha256` there is no file."""

    call: str
    file: str
    sha256: str
    octets: int
    duration_s: float
    rate: int
    sides: int
    began_at: datetime.datetime
    packets: int
    lost: int
    at: datetime.datetime
    wrong: str = ""


class QuotaReached(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=24):
    """What a line (empty: all together) has called outside came to `percent` (80 or 100) of a quota: `what` is a field
    of `dialplan.lines.Quotas`; cost is in millionths of the rates' currency. Once for each window."""

    line: str
    what: str
    percent: int
    used: float
    limit: float
    at: datetime.datetime


class QuotaReset(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=25):
    """An operator (`by`) has taken back what a line, or all together, called outside until `at`."""

    line: str
    by: str
    at: datetime.datetime


class LegCharged(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=53):
    """The carrier has told what leg `leg` of the call cost, in micro-units of `currency`, and for how many charge units
    (0: it did not say). `by`: header or aoc (3GPP TS 24.647). Mostly after the call's end; the last word holds."""

    call: str
    leg: int
    cost: int
    currency: str
    units: int
    by: str
    at: datetime.datetime


class InteractionNoted(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=56):
    """What `by` noted on the talk of line `user` in the call: a client code (one of the account codes), a note, a
    contact. None: as before. `id` is this event's own."""

    id: str
    call: str
    user: str
    by: str
    at: datetime.datetime
    code: str | None = None
    note: str | None = None
    contact: str | None = None


class BillableEdited(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=57):
    """`by` has corrected what is billable of the talk of line `user` in an ended call: `seconds`, or what stands in an
    `InteractionNoted`. None: as before."""

    id: str
    call: str
    user: str
    by: str
    at: datetime.datetime
    seconds: float | None = None
    code: str | None = None
    note: str | None = None
    contact: str | None = None


class MessageLeft(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=35):
    """A message in a mailbox. It is told of twice: `open` when its recording begins, so that what was said outlives a
    crash, and without when it is complete and `seconds` long. `call` is the call in which it was left, `number` and
    `name` who called. `sent_by` is the mailbox that it was forwarded from."""

    mailbox: str
    message: str
    at: datetime.datetime
    call: str = ""
    number: str = ""
    name: str = ""
    seconds: float = 0.0
    urgent: bool = False
    open: bool = False
    sent_by: str = ""


class MessageChanged(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=36):
    """Something became of a message: `what` is played, saved, deleted, restored (not deleted after all), mailed (by
    e-mail) or gone (for good, with its sound). `by` is who did it, as `device:anna-desk`."""

    mailbox: str
    message: str
    what: str
    by: str
    at: datetime.datetime


class MailboxSet(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=37):
    """What holds for a mailbox (`switch.state.mailboxes` has the keys). An absolute statement; an empty `value` takes
    it back. A PIN stands here as a salted hash."""

    mailbox: str
    key: str
    value: str
    by: str
    at: datetime.datetime


class Bound(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=20):
    """A contact was registered or refreshed. `expires_at` is in Unix seconds (UTC); `contact` the Contact value's
    name-addr and parameters exactly as received; `uri` its URI alone; `received` the source address behind NAT."""

    line: str
    device: str
    uri: str
    contact: str
    call_id: str
    cseq: int
    q: float
    expires_at: float
    flow: FlowAddress
    instance: str
    reg_id: int
    path: tuple[str, ...]
    user_agent: str
    at: datetime.datetime


class Unbound(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=21):
    """A contact is gone: de-registered, expired or replaced. A contact is known by line, URI and `reg_id`, since a
    telephone may register the same URI over several flows (RFC 5626)."""

    line: str
    uri: str
    cause: str
    at: datetime.datetime
    reg_id: int = 0


class Subscribed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=40):
    """A telephone has subscribed to a resource (`switch/presence/`), or has refreshed that: an absolute statement. It
    is known by our tag of its `dialog`. `line` is the one that it speaks for, `ident` the id of its Event, `contact`
    our Contact value; `expires_at` in Unix seconds (UTC). `notified` counts the NOTIFYs up to now: sequence number and
    version go on far behind it after a crash."""

    device: str
    line: str
    package: str
    resource: str
    ident: str
    contact: str
    entity: str
    dialog: Dialog
    flow: FlowAddress
    expires_at: float
    notified: int
    user_agent: str
    at: datetime.datetime


class Unsubscribed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=41):
    """A subscription is over, or about to be: `tag` is our tag of its dialog."""

    tag: str
    cause: str
    at: datetime.datetime


class HistoryHidden(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=52):
    """The call is no more in the history of the user `viewer`, and of nobody else (DCH-2). `by` is who did that, as
    `user:anna` or `operator:root`."""

    viewer: str
    call: str
    by: str
    at: datetime.datetime


class StateTold(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=43):
    """The exchange tells anew all that it knows beyond its calls, so that older parts of the journal may go: contacts,
    subscriptions, what is set, figures, mailboxes. What is so comes between one of these with `over` False and the next
    of the same `number` with `over` True, among all else that happens. `events` is how many were told so far."""

    number: int
    over: bool
    events: int
    at: datetime.datetime


class FiguresTold(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=44):
    """What stands for a name now: an absolute statement, told anew. `kind` is one of `switch.state.facts`, or `quota`
    with the name `WHAT PERCENT LINE`: when somebody was told of it. `rows` are bucket, amount and cost as in
    `switch.state.facts.Row`; of what was `spent` all minutes that count. A `ban` of the guard has since and until when
    (Unix milliseconds), how often, and whether it is a dry run, with the reason as `text`; a network that an operator
    has `allowed` has one row. These are told when they change, too; no rows: it is over."""

    kind: str
    name: str
    rows: tuple[tuple[int, int, int], ...]
    at: datetime.datetime
    text: str = ""


class MessageTold(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=45):
    """A message as it lies in a mailbox, told anew: an absolute statement. The fields are those of
    `switch.state.mailboxes.Message`; `deleted` in Unix seconds, 0: it is not."""

    mailbox: str
    message: str
    at: datetime.datetime
    call: str
    number: str
    name: str
    seconds: float
    urgent: bool
    open: bool
    sent_by: str
    played: bool
    saved: bool
    mailed: bool
    deleted: float


class Forgotten(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=58):
    """These calls are forgotten: the store drops what it knows of them and of their recordings, whose files are gone
    already; of `files` (relative to the folder of recordings) the recordings only. `by` is who wanted it, as
    `operator:root anna` or `retention`, and `why` in words; nothing else remains."""

    calls: tuple[str, ...]
    files: tuple[str, ...]
    by: str
    why: str
    at: datetime.datetime


class RecordingAccessed(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=59):
    """An operator (`by`, as `operator:root`) was given a recording of the call to hear (DRE-1, ACC-2), for the reason
    `why`."""

    call: str
    file: str
    by: str
    why: str
    at: datetime.datetime


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
