"""What reports should say, counted the slow and simple way: over the raw events of each call, without any record.

Nothing here is shared with the code that it judges. `calls` is a list of events a call, as `call_stories.day` makes it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from records import events as e

NO_CALL = ("feature:", "service:", "park:")


def users(calls: list[list[Any]]) -> dict[str, dict[str, Any]]:
    """UPR-2 to UPR-9 and UPR-13 to 16, by user."""
    counted: dict[str, dict[str, Any]] = defaultdict(
        lambda: {
            **dict.fromkeys(("inbound", "outbound", "answered", "completed", "voicemail", "answered_by_others"), 0),
            **dict.fromkeys(("inbound_s", "outbound_s", "hold_s", "park_s"), 0.0),
            "callers": set(),
            "dialled": set(),
        }
    )
    for call in calls:
        _count(call, counted)
    return counted


def _count(call: list[Any], counted: dict[str, dict[str, Any]]) -> None:
    first, last = call[0], call[-1]
    is_call = not first.entity.startswith(NO_CALL)
    number = first.number
    for each in call:
        if type(each) is e.CallReplanned and first.entity == "feature:account_code":
            is_call, number = True, each.number
    someone = [each for each in call if type(each) in (e.LegStarted, e.LegTaken)]
    who = {0: first.user, **{each.leg: each.user for each in someone}}
    since = {each.leg: each.at for each in call if type(each) in (e.LegAnswered, e.LegTaken)}
    until = dict.fromkeys(since, last.at)
    for each in reversed(call):
        if type(each) in (e.LegEnded, e.LegGiven) and each.leg in until:
            until[each.leg] = each.at
    talked = [leg for leg in since if leg != 0]

    if first.user and is_call and last.reason not in ("not_permitted", "blocked"):
        mine = counted[first.user]
        mine["outbound"] += 1
        mine["dialled"].add(number)
        told = any(type(each) is e.Connected and each.service.startswith("refused:") for each in call)
        mine["answered"] += bool(since) and not told

    wanted = {each.user for each in call if type(each) is e.LegStarted} | {
        each.for_ for each in call if type(each) is e.LegStarted
    }
    for text in (first.entity, *(each.to for each in call if type(each) is e.MenuChosen)):
        wanted |= {text[5:]} if text.startswith("user:") else set()
    wanted |= {each.entity[5:] for each in call if type(each) is e.CallForwarded and each.entity.startswith("user:")}
    boxes = {each.service[10:] for each in call if type(each) is e.Connected and each.service.startswith("voicemail:")}
    for user in (wanted | boxes) - {"", first.user}:
        mine = counted[user]
        mine["inbound"] += 1
        mine["callers"].add("" if first.hidden else first.caller_number)
        mine["voicemail"] += user in boxes
        if any(who[leg] == user for leg in talked):
            mine["completed"] += 1
        elif talked:  # somebody else of the house did, or somebody outside
            mine["answered_by_others"] += 1

    for leg, begin in since.items():
        if not who[leg]:
            continue
        seconds = (until[leg] - begin).total_seconds()
        taken = next((each for each in call if type(each) is e.LegTaken and each.leg == leg), None)
        if taken is not None:
            counted[who[leg]]["outbound_s" if taken.was == 0 else "inbound_s"] += seconds
        elif leg:
            counted[who[leg]]["inbound_s"] += seconds
        elif is_call:
            counted[who[leg]]["outbound_s"] += seconds
    for index, each in enumerate(call):
        if type(each) is e.LegHeld and each.held and who[each.leg]:
            ends = (one for one in call[index:] if type(one) is e.LegHeld and one.leg == each.leg and not one.held)
            end = next((one.at for one in ends), until[each.leg])
            # Somebody is held only as long as there is somebody: of the caller, whoever else is in the call.
            for leg in [each.leg] if each.leg else talked:
                both = (max(each.at, since[leg]), min(end, until[leg]))
                counted[who[each.leg]]["hold_s"] += max(0.0, (both[1] - both[0]).total_seconds())
        if type(each) is e.Parked:
            over = next(other.at for other in call[index:] if type(other) in (e.Unparked, e.CallEnded))
            counted[each.by.removeprefix("line:")]["park_s"] += (over - each.at).total_seconds()


def recordings(calls: list[list[Any]]) -> dict[str, int]:
    """RRP-3 and RRP-4 as numbers, and how many recordings there are, of each kind."""
    answered = recorded = 0
    files: dict[str, str] = {}
    for call in calls:
        up = any(type(each) is e.LegAnswered and each.leg == 0 for each in call)
        made = {each.file: each.by for each in call if type(each) is e.RecordingStarted}
        answered += up
        recorded += up and bool(made)
        files |= made
    automatic = sum(by == "policy" for by in files.values())
    return {
        "answered": answered,
        "recorded": recorded,
        "unrecorded": answered - recorded,
        "recordings": len(files),
        "automatic": automatic,
        "ad_hoc": len(files) - automatic,
    }
