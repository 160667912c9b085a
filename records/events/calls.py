"""A call as a whole: it begins, is decided (again), goes on elsewhere, is connected, and ends."""

from __future__ import annotations

from records.events.values import Event, FlowAddress, Forwarded, Help, Terms


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


class MenuChosen(Event, frozen=True, array_like=True, gc=False, tag=38):
    """The front of the call has chosen in the menu `attendant`, and goes to `to`, as `ring_group:sales`; empty: it is
    hung up on. `how`: a key (`1`), `extension` or `name` for those who dialled one, `timeout` or `invalid` for those
    who did not choose."""

    attendant: str
    how: str
    to: str = ""


class CallReplanned(Event, frozen=True, array_like=True, gc=False, tag=15):
    """The planner was asked again when the call came to `step`: with these `facts` (as in `CallStarted`), for these
    reasons. `request` is what it was asked, a `dialplan.plan.CallRequest` as JSON. Where an account code was given,
    `account` is the one that the call is charged to from now on, and `number` the called number, normalised.
    `emergency`: the answer is an emergency number, as when somebody is transferred to one. `entity` is what was asked
    for, as in `CallStarted`. `help` says what `CallStarted` says of an emergency call (None in older journals)."""

    step: str
    facts: str
    because: tuple[tuple[str, str], ...]
    request: str = ""
    account: str = ""
    number: str = ""
    emergency: bool = False
    entity: str = ""
    help: Help | None = None


class Connected(Event, frozen=True, array_like=True, gc=False, tag=9):
    """The call's `front` leg and leg `leg` are joined: the caller's, until he has left the call. For a service of ours,
    such as an announcement or a mailbox, both are the front and `service` names it. `terms` are those of whoever
    answers, or pays; None where there is nothing to say. A service that is over after a time, such as the tone after a
    feature code, has that as its `limit_s`."""

    leg: int
    service: str = ""
    terms: Terms | None = None
    front: int = 0


class LimitWarned(Event, frozen=True, array_like=True, gc=False, tag=34):
    """It was said to these legs that the call ends in `left_s` seconds by its limit (LIM-2). `by`: beep, message or
    both."""

    legs: tuple[int, ...]
    left_s: float
    by: str


class Recovered(Event, frozen=True, array_like=True, gc=False, tag=11):
    """The exchange was restarted while the call was up, and took it over again."""


class CallHandedOver(Event, frozen=True, array_like=True, gc=False, tag=46):
    """An exchange has handed over to the next one (`ringplan upgrade`) while the call was being set up: the planner is
    asked again, and the walk begins anew in the same call. Legs that are not ended by then ring on."""


class CallEnded(Event, frozen=True, array_like=True, gc=False, tag=10):
    """The call is over: always the last event of a call, exactly once."""

    result: str
    reason: str
    sip_status: int
