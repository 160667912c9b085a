"""`ringplan billable` on the control socket: what operators mark during a call, and note and correct at any time
(BIL-1 to BIL-5).

A note or a correction is an event of its own, and goes by the journal into the record store; the call's record never
changes. Of a call that has ended the command has looked into the store already, and names the call and the user whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dialplan.model import Model
from records import events as e
from switch.clock import Clock
from switch.control import Handler, Refused
from switch.core import Core
from switch.features.billable import BillableTime, talker
from switch.one_call import carry_out, meant
from switch.views import BillableView

MOST_NOTE = 2000
MOST_CONTACT = 200
MOST_ID = 64
MOST_S = 7 * 86400.0
_TEXTS: Mapping[str, int] = {"code": 32, "note": MOST_NOTE, "contact": MOST_CONTACT}


class Billing:
    """The handlers."""

    def __init__(
        self,
        core: Core,
        time: BillableTime,
        model: Callable[[], Model],
        token: Callable[[], str],
        clock: Clock,
    ) -> None:
        self._core = core
        self._time = time
        self._model = model
        self._token = token
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        """By the name that a command asks for."""
        return {"billable": self.mark, "billable_note": self.note, "billable_edit": self.edit}

    def mark(self, args: dict[str, Any]) -> BillableView:
        """`call` (its id, or how that begins), `user` (may be empty), `on`. Raises Refused."""
        call, on = meant(self._core, args), bool(args.get("on"))
        named, by = str(args.get("user", "")), str(args.get("by", ""))
        user = carry_out(self._core, lambda now: self._time.command(call, named, by, on=on), self._clock.now())
        return BillableView(call=call.id, user=user, done="started" if on else "stopped")

    def note(self, args: dict[str, Any]) -> BillableView:
        """`call` and `user`, whole where the call has `ended`, else as in `mark`; and what there is of `code`, `note`
        and `contact`. Raises Refused."""
        if not args.get("ended"):
            up = meant(self._core, args)
            args = args | {"call": up.id, "user": talker(up, str(args.get("user", "")))}
        call, user, by, said = self._asked(args)
        if not said:
            raise Refused("nothing is said: a client code, a note or a contact")
        self._note(e.InteractionNoted(self._token(), call, user, by, self._clock.at(), **said))
        return BillableView(call=call, user=user, done="noted")

    def edit(self, args: dict[str, Any]) -> BillableView:
        """The same for an ended call, and `seconds`. Raises Refused."""
        call, user, by, said = self._asked(args)
        seconds = args.get("seconds")
        if seconds is None and not said:
            raise Refused("nothing is said: seconds, a client code, a note or a contact")
        if seconds is not None and not (isinstance(seconds, int | float) and 0 <= seconds <= MOST_S):
            raise Refused("seconds are a number, from 0 to the length of the talk")
        if call in self._core.calls.by_id:
            raise Refused(f"call {call} is up still: its time is marked by start and stop, and corrected afterwards")
        length = float(seconds) if seconds is not None else None
        self._note(e.BillableEdited(self._token(), call, user, by, self._clock.at(), length, **said))
        return BillableView(call=call, user=user, done="edited")

    def _asked(self, args: dict[str, Any]) -> tuple[str, str, str, dict[str, str]]:
        call, user = str(args.get("call", "")), str(args.get("user", ""))
        if not call or len(call) > MOST_ID:
            raise Refused("which call is meant?")
        if user not in self._model().lines:
            raise Refused(f"there is no user {user}")
        if not self._time.may(user):
            raise Refused(f"the configuration does not let {user} bill time (`billable: false`)")
        said = {name: str(args[name]) for name in _TEXTS if args.get(name) is not None}
        for name, most in _TEXTS.items():
            if len(said.get(name, "")) > most:
                raise Refused(f"more than {most} characters: {name}")
        code = said.get("code", "")
        if code and code not in self._model().accounts:
            raise Refused(f"there is no client code {code}: they are those of `account_codes`")
        return call, user, str(args.get("by", "")), said

    def _note(self, event: e.BillableEvent) -> None:
        self._core.note([event], self._clock.now())
