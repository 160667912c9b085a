"""Tries of passwords of account codes (CST-4): so many wrong ones of a line within a while, and further ones are
refused without being looked at.

A try counts as wrong until it has been found good, so that many at once are no way around the limit. Tries are
remembered in memory alone; a start forgets them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Check = Callable[[str, str, Callable[[bool, float], None]], None]
"""Whether that is the password of that account code: looked at off the loop, and told in an input of its own, with its
time."""
Tell = Callable[[str, str, bool], None]
"""Told of each refusal: the line, the account code, and whether it was refused without a look."""

MOST_WRONG = 5
WINDOW_S = 15 * 60.0


class Tries:
    """Which lines have tried too often. Shared by all who look at passwords of account codes."""

    def __init__(self) -> None:
        self._begun: dict[str, deque[float]] = {}
        """By line: when a try was begun that has not been found good."""

    def blocked(self, line: str, now: float) -> bool:
        """Whether no more of that line's are looked at now."""
        begun = self._begun.get(line)
        if begun is None:
            return False
        while begun and begun[0] <= now - WINDOW_S:
            begun.popleft()
        return len(begun) >= MOST_WRONG

    def begin(self, line: str, now: float) -> None:
        """One is looked at."""
        self._begun.setdefault(line, deque()).append(now)

    def good(self, line: str, began: float) -> None:
        """The one that was begun then counts no more."""
        begun = self._begun.get(line)
        if begun is not None and began in begun:
            begun.remove(began)
