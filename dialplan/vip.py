"""Who lets whom through: VIPs, everybody else, and the delegates who handle a line's calls (VIP-1 to VIP-13, DRC-1).

A call to a line becomes stages, each of which rings the user, the delegates, or both. Without a VIP list the line and
its delegates ring together (DRC-1). A list screens calls to the user; it says nothing of calls to a group that the user
is a member of, nor of those that the user takes as somebody's delegate.
"""

from __future__ import annotations

import msgspec

from dialplan import opening, rules
from dialplan.availability import away
from dialplan.destinations import user
from dialplan.draft import Draft, Path
from dialplan.forms import read
from dialplan.lines import Announce, Line, Others, Policy, Vip

Stages = tuple[tuple[bool, bool], ...]
"""Of each stage: whether the user rings, and whether the delegates do."""

ALONE: Stages = ((True, False),)
TOGETHER: Stages = ((True, True),)

_OTHERS: dict[Others, Stages] = {
    Others.ALL: TOGETHER,
    Others.DELEGATES_FIRST: ((False, True), (True, False)),
    Others.ME_FIRST: ((True, False), (False, True)),
    Others.DELEGATES_ONLY: ((False, True),),
    Others.ME_ONLY: ALONE,
    Others.VOICEMAIL: (),
}
_SAID = {
    Others.ALL: "the user and the delegates ring together",
    Others.DELEGATES_FIRST: "the delegates first, then the user",
    Others.ME_FIRST: "the user first, then the delegates",
    Others.DELEGATES_ONLY: "the delegates only",
    Others.ME_ONLY: "the user only",
    Others.VOICEMAIL: "voicemail, nobody rings",
}


def admitted(draft: Draft, called: Line, vip: Vip) -> bool:
    """Whether the caller is a VIP of that line (VIP-9, VIP-10), told to the draft. What counts is the normalised number
    of a caller outside or who calls in the house, never a displayed name."""
    rule = rules.of_line(called.id, "vip.contacts")
    found, verdict = _admitted(draft, called, vip)
    draft.say(rule, verdict)
    return found


def _admitted(draft: Draft, called: Line, vip: Vip) -> tuple[bool, str]:
    request, model = draft.request, draft.model
    if request.anonymous:
        return False, "who calls anonymously is no VIP"
    calling = draft.calling
    if calling is not None:
        inside = draft.speaking.id if draft.speaking is not None else calling.id
        for name in (inside, calling.id):
            if name in vip.contacts:
                return True, f"{name} is a VIP"
        if any(model.dids.get(number) == user(inside) for number in vip.contacts if number[:1] == "+"):
            return True, f"{inside} is a VIP, by number"
        if vip.delegates_are_vip and any(each.line == inside and not each.pending for each in called.delegates):
            return True, f"{inside} is a delegate, and those are VIPs"
        return False, f"{inside} is not listed"
    trunk = model.trunks.get(request.trunk or "")
    if trunk is None or not request.caller_number:
        return False, "a caller without a number is no VIP"
    number = read(request.caller_number, trunk.numbers_in, trunk.profile.country)
    if number[:1] != "+" or number not in vip.contacts:
        return False, f"{number} is not listed"
    if vip.attested and not request.attested:
        return False, f"{number} is listed, but without attestation A anybody may have sent it"
    return True, f"{number} is a VIP"


def treatment(draft: Draft, called: Line, vip: Vip, is_vip: bool) -> Stages:
    """The stages of a call to a line with a VIP list (VIP-3, VIP-4)."""
    rule = rules.of_line(called.id, "vip")
    if is_vip:
        then = "the delegates" if vip.then_delegates else "nobody else"
        draft.say(rule, f"a VIP: the user first, then {then}")
        return ((True, False), (False, True)) if vip.then_delegates else ALONE
    draft.say(rule, f"no VIP: {_SAID[vip.others]}")
    return _OTHERS[vip.others]


def delegates(draft: Draft, called: Line, path: Path) -> list[Line]:
    """The delegates who ring for the line now (VIP-12, K.9); of each it is told why, or why not."""
    found = []
    for each in called.delegates:
        line = draft.model.lines.get(each.line)
        rule = rules.delegate(called.id, each.line)
        if line is None or line is called:
            draft.say(rule, "is no other line")
        elif each.pending:
            draft.say(rule, "has not accepted yet")
        elif not each.answer:
            draft.say(rule, "may not answer calls")
        elif line is draft.speaking:
            draft.say(rule, "makes this call, and is not rung")
        elif each.line in path.ringing:
            draft.say(rule, "rings already")
        elif not opening.is_open(draft, each.hours, line.time_zone):
            draft.say(rule, "outside of their hours")
        else:
            why_not = _away(draft, line, called)
            draft.say(rule, why_not or "rings for the line")
            if not why_not:
                found.append(line)
    return found


def _away(draft: Draft, line: Line, called: Line) -> str:
    if called.id in draft.ask(line.id).out_of:
        return "has opted out"
    reason = away(draft, line)
    return reason.why if reason is not None else ""


def policy_of(speaker: Line, line: Line) -> Policy:
    """What holds for who speaks on somebody's line: the set that is used counts, so the speaker's own rules (LIM-10),
    but of the two announcements of a recording the stricter (XRL-8)."""
    own, theirs = speaker.policy, line.policy.announce
    if theirs in (own.announce, Announce.NONE) or own.announce is Announce.ALL:
        return own
    return msgspec.structs.replace(own, announce=theirs if own.announce is Announce.NONE else Announce.ALL)
