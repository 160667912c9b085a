"""A call from a telephone, in the order of XRL-2: the telephone's lock, the line that it may call on, codes, numbers of
the house, and then outside: normalisation, permission, account code, caller ID and trunk. Emergency came before.

On a shared line the delegate calls as the delegator (SLN): the number is read as from the delegator's line (NUM-8) and
the delegator's is shown; both must be permitted to call it (XRL-4), either one's block hides the caller (K.8), and the
limit and the recording are those of whoever speaks (LIM-10, XRL-8).

A call that is transferred is read as from the transferor's line, whose permission counts beside that of the line that
goes on talking (K.8). Who goes on talking is who calls: to a VIP list, to a forward, and to those who are rung.
"""

from __future__ import annotations

import re

import msgspec

from dialplan import codes, inside, permission, rules
from dialplan.draft import Draft, reject
from dialplan.lines import Line, Policy, Profile
from dialplan.model import Device, Model
from dialplan.numbers import Kind, Number, clean, normalise
from dialplan.outside import leads_outside, outside
from dialplan.plan import CallRequest, Collect, Plan
from dialplan.termination import Reason
from dialplan.vip import policy_of

EXTERNAL = "external"
"""What is called where it is a number outside (`Plan.entity`)."""
_ON_LINE = re.compile(r"\*([0-9]+)#(.+)", re.ASCII)
"""SLN: `*201#5555555` calls on the line with that extension."""


def plan(draft: Draft) -> Plan:
    """The plan of a call from a telephone that dials no emergency number."""
    request = draft.request
    device = draft.model.devices.get(request.device or "")
    digits = clean(request.digits)
    wanted = request.line
    code = codes.find(draft.model, digits)
    if device is not None:
        locked = draft.ask(rules.device(device.id)).locked
        # PIN-6, K.1: nothing but its unlock code, and emergency calls, which came before.
        if locked and (code is None or code.feature != codes.UNLOCK):
            draft.say(rules.device(device.id), "is locked")
            shown = _shown(draft, code)
            return draft.plan(_refused(draft, "lock", "Telephone Locked", "locked"), shown or digits, dialled=shown)
    on_line = _ON_LINE.fullmatch(digits)
    to = draft.model.extensions.get(on_line[1]) if on_line is not None else None
    # A line's number goes before a code that it begins with: no code is followed by digits, `#` and a number.
    if on_line is not None and (code is None or to is not None):
        wanted = to.name if to is not None else on_line[1]
        digits = on_line[2]
        request = msgspec.structs.replace(request, digits=digits)
        code = codes.find(draft.model, digits)
    speaker, line = _lines(draft, device, wanted)
    if line is None or speaker is None:
        draft.say(rules.device(request.device or ""), f"may not call on line {wanted}" if wanted else "has no line")
        shown = _shown(draft, code)
        entry = _refused(draft, "line", "Line Not Permitted", "line")
        return draft.plan(entry, shown or request.digits, dialled=shown)
    draft.calling, draft.speaking = line, speaker
    return _decide(draft, request, digits, code, speaker, line)


TRANSFERRED = frozenset(("park", codes.ACCOUNT_CODE, *codes.CALLER_ID))
"""Codes that a call may be transferred to: the others are for who dials them."""


def transferred(draft: Draft, transferor: str) -> Plan:
    """The plan of a call that stands, and that `transferor` sends on to the digits of the request (K.8)."""
    request, model = draft.request, draft.model
    digits = clean(request.digits)
    device = model.devices.get(request.transferor_device or "")
    reader = model.lines.get(transferor)
    code = codes.find(model, digits)
    if device is not None and draft.ask(rules.device(device.id)).locked:
        draft.say(rules.device(device.id), "is locked")
        return draft.plan(_refused(draft, "lock", "Telephone Locked", "locked"), digits)
    if reader is None:
        draft.say(rules.line(transferor), "is not there any more")
        return draft.plan(_refused(draft, "line", "Line Not Permitted", "line"), digits)
    draft.say(rules.line(transferor), "transfers the call")
    if code is not None and code.feature not in TRANSFERRED:
        draft.say(rules.feature(code.code), f"{code.feature} is for who dials it: no call is transferred to it")
        return draft.plan(_refused(draft, "feature", "Not For Transfers", "unknown_code"), digits)
    if request.trunk is None:
        draft.speaking, draft.calling = _lines(draft, model.devices.get(request.device or ""), request.line)
    speaker, line = draft.speaking or reader, draft.calling or reader
    return _decide(draft, request, digits, code, speaker, line, reader)


def _decide(
    draft: Draft,
    request: CallRequest,
    digits: str,
    code: codes.Found | None,
    speaker: Line,
    line: Line,
    reader: Line | None = None,
) -> Plan:
    """`reader` is the line as whose number the digits are read, where that is not the one called on."""
    policy = policy_of(speaker, line)
    reader = reader or line
    hidden: bool | None = None
    hides = ""
    if code is not None and code.feature in codes.CALLER_ID:
        draft.say(rules.feature(code.code), code.feature)
        hides, hidden, digits = code.code, codes.CALLER_ID[code.feature], code.argument
        request = msgspec.structs.replace(request, digits=digits)
        # VIP-9: who hides is anonymous to those in the house as well.
        draft.request = msgspec.structs.replace(draft.request, anonymous=hidden)
        code = codes.find(draft.model, digits)
        if code is not None and code.feature != codes.ACCOUNT_CODE:
            code = None
    if code is not None:
        draft.say(rules.feature(code.code), code.feature)
        draft.entity = f"feature:{code.feature}"
        if code.feature == codes.ACCOUNT_CODE:
            return _on_account(draft, code, hides, policy)
        shown = _shown(draft, code)
        return draft.plan(codes.step(draft, code), shown or digits, policy=policy, dialled=shown)
    entry = inside.number(draft, digits)
    if entry is not None:
        return draft.plan(entry, digits, policy=policy)
    number = _number(draft.model, request.digits, digits, reader.profile)
    if number.kind is Kind.FEATURE:
        draft.say("number", f"{number.value}: unknown feature code")
        return draft.plan(
            reject(draft, "number", 404, Reason.NOT_FOUND, "Unknown Feature Code", "unknown_code"), number.value
        )
    own = draft.model.dids.get(number.value)
    if own is not None:
        draft.say(f"did:{number.value}", f"our own number, reached without leaving the house: {own}")
        return draft.plan(inside.enter(draft, own), number.value, policy=policy)
    if number.kind is Kind.OPERATOR:
        site = draft.model.sites.get(reader.site)
        if site is not None and site.operator is not None:
            draft.say(rules.site(site.id), f"its operator: {site.operator}")
            return draft.plan(inside.enter(draft, site.operator), number.value, policy=policy)
    if number.kind in (Kind.INCOMPLETE, Kind.OPERATOR):
        return draft.plan(_incomplete(draft, digits), number.value)
    draft.say("number", f"{number.value} ({number.kind}), dialled from {_where(reader.profile)}")
    entry = _outside(draft, number, speaker, line, policy, hidden, hides + digits if hides else number.value)
    return draft.plan(entry, number.value, policy=policy)


def _outside(
    draft: Draft, number: Number, speaker: Line, line: Line, policy: Policy, hidden: bool | None, again: str
) -> str:
    """`again` is what is dialled anew once an account code is known."""
    model, request = draft.model, draft.request
    if not leads_outside(model):
        return outside(draft, line, number.value, policy, hidden=False)
    draft.entity = EXTERNAL
    transferor = model.lines.get(request.transferor or "")
    asked = (line, speaker, transferor) if transferor is not None else (line, speaker)
    refusal = permission.refusal(draft, asked, number)
    if refusal is not None:
        return draft.add(refusal)
    if not request.account and (line.outside.account_code or speaker.outside.account_code):
        owner = line if line.outside.account_code else speaker
        draft.say(rules.of_line(owner.id, "account_code"), "a call outside needs an account code")
        return draft.add(Collect(id=draft.name("account"), what="account_code", number=again))
    if hidden is None:
        hidden = line.outside.hide_caller_id or speaker.outside.hide_caller_id
    return outside(draft, line, number.value, policy, hidden)


def _on_account(draft: Draft, code: codes.Found, hides: str, policy: Policy) -> Plan:
    """CST-2: `*11*4711*1234#5555555`, or the code alone, after which the caller is asked for the rest. An account that
    there is not is asked for its password like any other, so that nobody finds out by trying (CST-4). `hides` is a code
    that came before."""
    shown = _shown(draft, code)
    given = codes.account(code.argument)
    if given is None:
        entry = draft.add(Collect(id=draft.name("account"), what="account_code", number=""))
        return draft.plan(entry, shown, policy=policy, dialled=shown)
    known = draft.model.accounts.get(given.account)
    draft.say(rules.account(given.account), known.name or "known" if known is not None else "there is no such account")
    step = Collect(
        id=draft.name("account"),
        what="account_password" if known is None or known.password else "account_code",
        number=hides + given.number,
        account=given.account,
        given=given.password,
    )
    return draft.plan(draft.add(step), shown, policy=policy, dialled=shown)


def _shown(draft: Draft, code: codes.Found | None) -> str:
    """What was dialled, without the password (CST-4) or PIN (PIN-6) that it holds; empty where it holds none."""
    if code is None:
        return ""
    digits = clean(draft.request.digits)
    if code.feature == codes.UNLOCK and code.argument:
        return digits[: len(digits) - len(code.argument)]
    if code.feature in codes.CALLER_ID:
        code = codes.find(draft.model, code.argument)
    if code is None or code.feature != codes.ACCOUNT_CODE:
        return ""
    given = codes.account(code.argument)
    shown = given.shown if given is not None else codes.without_password(code.argument)
    return digits[: len(digits) - len(code.argument)] + shown


def identify(draft: Draft) -> bool:
    """Whether the telephone may call on the line that it names, which is told to the draft."""
    request = draft.request
    draft.speaking, draft.calling = _lines(draft, draft.model.devices.get(request.device or ""), request.line)
    return draft.calling is not None


def _lines(draft: Draft, device: Device | None, wanted: str | None) -> tuple[Line | None, Line | None]:
    """Who speaks, and on which line (IDN-2, SLN): one that the device carries, its first when it names none, or one of
    a delegator who lets a line of the device place calls."""
    if device is None or not device.lines:
        return None, None
    model = draft.model
    wanted = wanted or device.lines[0]
    line = model.lines.get(wanted)
    if line is None:
        return None, None
    for delegate in line.delegates:
        if delegate.line in device.lines and delegate.line != wanted:
            rule = rules.delegate(wanted, delegate.line)
            if delegate.place and not delegate.pending:
                draft.say(rule, f"{delegate.line} calls on the line of {wanted}")
                return model.lines.get(delegate.line), line
            draft.say(rule, "has not accepted yet" if delegate.pending else "may not place calls")
            return None, None
    if wanted not in device.lines:
        return None, None
    draft.say(rules.device(device.id), f"calls on line {wanted}")
    return line, line


def _refused(draft: Draft, step: str, text: str, announce: str) -> str:
    return reject(draft, step, 403, Reason.NOT_PERMITTED, text, announce)


def _number(model: Model, dialled: str, digits: str, profile: Profile) -> Number:
    """The number for outside, dialled with the outside prefix or without.

    Where a prefix is configured, a number without it is still understood when it is one (`+…` from a contact list).
    """
    prefix = model.outside_prefix
    # A number that says where it is dialled (`;phone-context=`) is none that was typed here.
    if prefix and digits.startswith(prefix) and len(digits) > len(prefix) and ";" not in dialled:
        number = normalise(digits[len(prefix) :], profile)
        if number.kind in (Kind.E164, Kind.SERVICE, Kind.OPERATOR):
            return number
    return normalise(dialled, profile)


def _incomplete(draft: Draft, digits: str) -> str:
    """484 asks for more digits; where more digits could not help, since there is no way out, it is 404."""
    if not leads_outside(draft.model) and not inside.begins(draft, digits):
        draft.say("number", f"{digits}: no such extension")
        return reject(draft, "number", 404, Reason.NOT_FOUND, "No Such Extension")
    draft.say("number", f"{digits}: neither an extension nor a whole number")
    return reject(draft, "number", 484, Reason.INCOMPLETE_NUMBER, "Address Incomplete")


def _where(profile: Profile) -> str:
    return f"{profile.country} {profile.area_code}".rstrip()
