"""Records of calls in few words, for the tests of what is made from them: who called whom, who was rung, who talked."""

from __future__ import annotations

import datetime
from typing import Any

from records.cdr.record import CallRecord, LegRecord, Stop
from tests.support.call_events import at


def rung(
    user: str, *, line: str = "", answered_s: float | None = None, for_: str = "", leg: int = 1, **more: Any
) -> LegRecord:
    """The telephone of `user` rang from second 1 on, by its own line if there is no other."""
    return LegRecord(
        leg,
        f"line:{line or user}",
        f"sip:{user}@192.0.2.77",
        at(1),
        rang_at=at(1),
        answered_at=at(answered_s) if answered_s is not None else None,
        ended_at=at(60),
        user=user,
        for_=for_,
        **more,
    )


def carrier(*, answered_s: float | None = None, leg: int = 1) -> LegRecord:
    """A call went out."""
    return LegRecord(leg, "trunk:itsp", "", at(1), answered_at=at(answered_s) if answered_s else None, ended_at=at(60))


def past(
    *legs: LegRecord,
    call: str = "c1",
    user: str = "",
    line: str | None = None,
    entity: str = "",
    seconds: float = 0.0,
    **more: Any,
) -> CallRecord:
    """A call that ended after a minute: placed by `user`, on the own line if there is no other; else it came in."""
    later = datetime.timedelta(seconds=seconds)
    talked = [leg for leg in legs if leg.answered_at is not None]
    first = min(talked, key=lambda leg: str(leg.answered_at)) if talked else None
    entity = entity or ("external" if user else "")
    path = [Stop(at(0) + later, entity, "called")] if entity else []
    path += [Stop(at(30) + later, more["service"], "answered")] if "service" in more else []
    usual: dict[str, Any] = {
        "answered_at": first.answered_at + later if first is not None and first.answered_at is not None else None,
        "answered_target": first.target if first is not None else "",
        "result": "answered" if first is not None else "no_answer",
        "reason": "caller_hung_up" if first is not None else "no_answer",
        "sip_status": 200 if first is not None else 480,
        "caller_number": "201" if user else "+16695550123",
        "caller_name": "" if user else "Ada",
        "number": "+16695550199" if user else "+16695550101",
        "device": f"{user}-desk" if user else None,
        "trunk": None if user else "itsp",
        "path": tuple(path),
    }
    return CallRecord(
        call=call,
        n=9,
        complete=True,
        last_at=at(60) + later,
        started_at=at(0) + later,
        rang_at=at(1) + later if legs else None,
        ended_at=at(60) + later,
        line=line or user or None,
        user=user,
        entity=entity,
        legs=(
            LegRecord(
                0,
                f"line:{line or user}" if user else "trunk:itsp",
                "",
                at(0),
                answered_at=usual["answered_at"],
                ended_at=at(60),
            ),
            *legs,
        ),
        **(usual | more),
    )
