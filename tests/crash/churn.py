"""Calls that come and go in the background while the exchange is killed: set up, transferred, given up, ended."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from tests.e2e.kit.phones import Softphone


class Churn:
    """A pair of telephones that call one another until told to stop. Whatever fails may fail; none of it may hang."""

    def __init__(self, caller: Softphone, callee: Softphone, dice: random.Random) -> None:
        self._caller, self._callee, self._dice = caller, callee, dice
        self._stop = threading.Event()
        self.answered = 0
        self.wrong: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Churn:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the background calls hang"

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._one(self._dice.choice((self._talk, self._talk, self._transfer, self._give_up, self._service)))
            except (AssertionError, OSError) as error:  # OSError: PJSIP has crashed, and nobody reads what it is told
                self.wrong.append(f"in the background: {error!r}"[:400])
                return

    def _one(self, act: Callable[[int, int], None]) -> None:
        caller, callee = self._caller, self._callee
        marks = caller.mark(), callee.mark()
        act(*marks)
        # The caller's end of it is over whatever happened; the callee's, if it had any.
        deadline = time.monotonic() + 45
        while time.monotonic() < deadline:
            open_ = [each for phone, mark in zip((caller, callee), marks, strict=True) for each in phone.up(mark)]
            if not open_:
                return
            time.sleep(0.05)
        raise AssertionError(f"{open_} stay")

    def _wait(self, call: str, mark: int) -> bool:
        """Whether the call was answered; else it is over."""
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            for each in self._caller.events[mark:]:
                if each["event"] == "call" and each["call"] == call:
                    if each["state"] == "CONFIRMED":
                        self.answered += 1
                        return True
                    if each["state"] == "DISCONNECTED":
                        return False
            time.sleep(0.02)
        raise AssertionError(f"{call} is neither answered nor over")

    def _heard(self, call: str, mark: int) -> bool:
        """Whether the call rings, or is over."""
        states = ("EARLY", "CONFIRMED", "DISCONNECTED")
        return any(
            each["event"] == "call" and each["call"] == call and each["state"] in states
            for each in self._caller.events[mark:]
        )

    def _pause(self, most_s: float) -> None:
        time.sleep(self._dice.uniform(0.0, most_s))

    def _end(self, phone: Softphone, mark: int) -> None:
        for call in phone.up(mark):
            phone.quietly("hangup", call=call)

    def _talk(self, mark: int, there: int) -> None:
        call = self._caller.call("106")
        if self._wait(call, mark):
            self._pause(0.8)
            self._end(*self._dice.choice(((self._caller, mark), (self._callee, there))))

    def _transfer(self, mark: int, there: int) -> None:
        """The callee sends the caller on to the echo."""
        call = self._caller.call("106")
        if self._wait(call, mark):
            self._pause(0.3)
            for each in self._callee.up(there):
                self._callee.quietly("transfer", call=each, uri=f"sip:600@{self._callee.server}")
            self._pause(1.0)
            self._end(self._caller, mark)
            self._end(self._callee, there)

    def _give_up(self, mark: int, there: int) -> None:
        """Once something was heard: PJSIP says CANCEL no sooner, and never forgets a call that it gave up before."""
        self._callee.do("answers", statuses=[180])
        call = self._caller.call("106")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not self._heard(call, mark):
            time.sleep(0.02)
        self._pause(0.8)
        self._caller.quietly("hangup", call=call)
        self._wait(call, mark)
        self._callee.do("answers", statuses=[180, 200])
        self._end(self._caller, mark)

    def _service(self, mark: int, there: int) -> None:
        call = self._caller.call("600")
        if self._wait(call, mark):
            self._pause(0.5)
            self._end(self._caller, mark)
