"""An account code that is keyed during a call (CST-3): it adds or changes what the call is charged to.

    asked -[code]-> no password wanted: charged to it
                 -> the password is asked for -[good]-> charged to it
          -[nothing, or wrong]-> the call stays as it was, and who keyed it hears so

While he keys, the other side hears music, or the other two in a room of the call's own talk without him; and a
recording is silent at the password. An account that there is not looks like one with a password; wrong ones count
together with those dialled before a call (`switch/account_tries.py`). The last code owns the call (CST-5).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from dialplan.model import Model
from records import events as e
from switch.account_tries import Check, Tell, Tries
from switch.calls.keying import Keying, confirmed, refused, talks
from switch.prompts.words import Words

if TYPE_CHECKING:
    from switch.calls.call import Call
    from switch.calls.leg import Leg

FEATURE = "account_code"


class AccountKeys:
    """What the code does, for all calls. `hush` is told while a password is keyed (`Recording.secret`)."""

    def __init__(
        self,
        keying: Keying,
        words: Words,
        model: Callable[[], Model],
        check: Check,
        tell: Tell,
        tries: Tries,
        hush: Callable[[Call, bool], None],
    ) -> None:
        self._keying = keying
        self._words = words
        self._model = model
        self._check = check
        self._tell = tell
        self._tries = tries
        self._hush = hush
        self._secret: set[str] = set()
        """The calls in which a password is keyed."""

    def key(self, call: Call, leg: Leg, now: float) -> None:
        """The code was keyed (`switch.features.call_keys.Feature`)."""
        free = talks(call, leg) and not call.for_help
        if not free or leg.listener is not None or self._keying.asks(call):
            return
        words = self._words.sources("account_code_enter")
        self._keying.ask(call, leg, lambda code, then: self._coded(call, leg, code, then), now, words)

    def over(self, call: Call, now: float) -> None:
        """The call is over (`Context.over`), or who talks with whom has changed (`Context.joined`)."""
        if call.id in self._secret:
            self._secret.discard(call.id)
            self._hush(call, False)

    def _coded(self, call: Call, leg: Leg, code: str, now: float) -> None:
        known, line = self._model().accounts.get(code), leg.target.partition(":")[2]
        if not code:
            refused(call, leg)
        elif known is not None and not known.password:
            _charge(call, leg, code)
        elif self._tries.blocked(line, now):
            self._tell(line, code, True)
            refused(call, leg)
        else:
            words = self._words.sources("account_password_enter")
            self._secret.add(call.id)
            self._hush(call, True)
            given = partial(self._given, call, leg, line, code)
            self._keying.ask(call, leg, given, now, words, secret=True)

    def _given(self, call: Call, leg: Leg, line: str, code: str, given: str, now: float) -> None:
        self.over(call, now)
        if not given:
            refused(call, leg)
            return
        self._tries.begin(line, now)
        self._check(code, given, partial(self._checked, call, leg, line, code, now))

    def _checked(self, call: Call, leg: Leg, line: str, code: str, began: float, good: bool, now: float) -> None:
        if good:
            self._tries.good(line, began)
        else:
            self._tell(line, code, False)
        if call.over or leg.call is not call or leg.index not in call.legs:
            return
        try:
            if good:
                _charge(call, leg, code)
            elif talks(call, leg):
                refused(call, leg)
        except Exception as error:  # noqa: BLE001  see Call.broken
            call.broken(error, now)


def _charge(call: Call, leg: Leg, code: str) -> None:
    state = call.state.legs[leg.index]
    call.record(e.AccountChanged(call.id, call.state.n, call.context.at(), code, f"device:{state.device}"))
    if talks(call, leg):
        confirmed(call, leg)
