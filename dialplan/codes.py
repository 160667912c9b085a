"""Feature codes: what is dialled with a star (NUM-4). The operator chooses the codes, the names of the features are
ours (`FEATURES`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from dialplan import rules
from dialplan.destinations import To
from dialplan.draft import Draft, reject
from dialplan.groups import lot_for
from dialplan.model import Model
from dialplan.plan import Feature
from dialplan.termination import Reason

ACCOUNT_CODE = "account_code"
PARK = "park"
UNLOCK = "unlock"
CALLER_ID: Mapping[str, bool] = MappingProxyType({"hide_caller_id": True, "show_caller_id": False})
"""Codes before a number that hide or show the caller for this one call."""

FEATURES: Mapping[str, bool] = MappingProxyType(
    {
        ACCOUNT_CODE: True,
        "hide_caller_id": True,
        "show_caller_id": True,
        "dnd_on": False,
        "dnd_off": False,
        "forward_always": True,
        "forward_busy": True,
        "forward_no_answer": True,
        "forward_outage": True,
        "forward_always_off": False,
        "forward_busy_off": False,
        "forward_no_answer_off": False,
        "forward_outage_off": False,
        "group_in": True,
        "group_out": True,
        "voicemail": False,
        "mailbox": True,
        PARK: True,
        "pickup": True,
        "record": False,
        "lock": False,
        UNLOCK: True,
    }
)
"""Every feature that a code can be given, and whether something may be dialled behind the code."""

CALL_KEYS = ("record", "record_pause", "transfer", "blind_transfer", "park", "add_party", "account_code", "billable")
"""What may be done by keys during a call: record it, or stop that; transfer it after a word with the target, or at
once; park it; take a third one in; charge it to an account; say that its time is billable, or not any more."""

LONGEST_CODE = 8
"""What the configuration allows."""

_OWN = frozenset(name for name in FEATURES if name.startswith(("dnd_", "forward_", "group_")))
"""What a user does for the own line alone, and never a delegate on a delegator's. Voicemail is not among them: on a
shared line it is the delegator's (XRL-7), for both (DVM-1)."""
_ACCOUNT = re.compile(r"\*([0-9]+)(?:\*([0-9]*))?#(\+?[0-9]+)", re.ASCII)
_BEGUN = re.compile(r"\*[0-9]+\*?", re.ASCII)


class Found(NamedTuple):
    """A code that was dialled, the name of its feature, and what followed."""

    code: str
    feature: str
    argument: str


def find(model: Model, digits: str) -> Found | None:
    """The longest code that the digits begin with and that may be followed by the rest of them; None without one."""
    if not digits or digits[0] not in "*#":
        return None
    # Sixty thousand digits may be dialled; no code is longer than these.
    for length in range(min(len(digits), LONGEST_CODE), 1, -1):
        feature = model.features.get(digits[:length])
        if feature is not None and (length == len(digits) or FEATURES.get(feature, False)):
            return Found(digits[:length], feature, digits[length:])
    return None


def step(draft: Draft, found: Found) -> str:
    """The step that does it."""
    argument = found.argument
    if found.feature in _OWN and draft.speaking is not draft.calling:
        draft.say(rules.feature(found.code), "is for whose line it is alone")
        return reject(draft, "feature", 403, Reason.NOT_PERMITTED, "Line Not Permitted", "line")
    if found.feature in ("group_in", "group_out"):
        to = draft.model.extensions.get(argument)
        if to is None or to.kind not in (To.RING_GROUP, To.QUEUE):
            draft.say(rules.feature(found.code), f"{argument}: no such group")
            return reject(draft, "feature", 404, Reason.NOT_FOUND, "No Such Group", "unknown_code")
        argument = to.name
    if found.feature == PARK:
        group = draft.speaking.group if draft.speaking is not None else ""
        lot = lot_for(draft.model.park_lots.values(), group, argument)
        if lot is None:
            draft.say(rules.feature(found.code), f"{argument}: no such slot" if argument else "there is no park lot")
            return reject(draft, "feature", 404, Reason.NOT_FOUND, "No Such Slot", "unknown_code")
        argument = f"{lot.id}/{argument}" if argument else lot.id
    return draft.add(Feature(id=draft.name("feature"), feature=found.feature, argument=argument))


class Given(NamedTuple):
    """What was dialled behind the code of account codes (CST-2). `shown` is the same without the password, and leads to
    the same decision."""

    account: str
    password: str
    number: str
    shown: str


def account(argument: str) -> Given | None:
    """The parts of `*4711*1234#5555555` or `*4711#5555555`; None when it is not of that form."""
    match = _ACCOUNT.fullmatch(argument)
    if match is None:
        return None
    account, password, number = match.groups()
    return Given(account, password or "", number, f"*{account}{'' if password is None else '*'}#{number}")


def without_password(argument: str) -> str:
    """What may be shown of digits that are not of that form: a mistyped password is one, too."""
    begun = _BEGUN.match(argument)
    return begun[0] if begun is not None else ""
