"""`ringplan billable` on the control socket: what operators mark during a call, and note and correct at any time
(BIL-1 to BIL-5).

A note or a correction is an event of its own, and goes by the journal into the record store; the call's record never
changes. Of a call that has ended the command has looked into the store already, and names the call and the user whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dialplan.model import Model
from records import events as e
from switch.clock import Clock
from switch.control import Handler, Refused
from switch.core import Core
from switch.features.billable import BillableTime, talker
from switch.views import BillableView

if TYPE_CHECKING:
    from switch.calls.call import Call

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

    def _up(self, asked: str) -> Call:
        """The call that is up and begins so. Raises Refused."""
        up = self._core.calls.by_id
        found = [asked] if asked in up else [each for each in up if asked and each.startswith(asked)]
        if len(found) != 1:
            why = f"{len(found)} calls begin with {asked}; say more of it" if found else f"no call {asked} is up"
            raise Refused(why)
        return up[found[0]]

    def mark(self, args: dict[str, Any]) -> BillableView:
        """`call` (its id, or how that begins), `user` (may be empty), `on`. Raises Refused."""
        call, on = self._up(str(args.get("call", ""))), bool(args.get("on"))
        done: list[str | Refused] = []

        def act(now: float) -> None:
            try:
                done.append(self._time.command(call, str(args.get("user", "")), str(args.get("by", "")), on=on))
            except Refused as refused:
                done.append(refused)

        self._core.go_on(act, self._clock.now())
        if not done or isinstance(done[0], Refused):
            raise done[0] if done and isinstance(done[0], Refused) else Refused("that could not be done")
        return BillableView(call=call.id, user=done[0], done="started" if on else "stopped")

    def note(self, args: dict[str, Any]) -> BillableView:
        """`call` and `user`, whole where the call has `ended`, else as in `mark`; and what there is of `code`, `note`
        and `contact`. Raises Refused."""
        if not args.get("ended"):
            up = self._up(str(args.get("call", "")))
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
