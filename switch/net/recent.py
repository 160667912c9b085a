"""A bounded memory of what was asked for lately."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A bounded memory in two generations: what was not asked for while one of them filled is forgotten."""

    __slots__ = ("_half", "old", "young")

    def __init__(self, size: int) -> None:
        self._half = max(1, size // 2)
        self.young: dict[K, V] = {}
        self.old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value kept for `key`, which is now young again; None when it is forgotten."""
        value = self.young.get(key)
        if value is None:
            value = self.old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Remember."""
        if len(self.young) >= self._half:
            self.old = self.young
            self.young = {}
        self.young[key] = value

    def drop(self, key: K) -> V | None:
        """Forget one; the value that was kept."""
        old = self.old.pop(key, None)
        young = self.young.pop(key, None)
        return old if young is None else young

    def items(self) -> list[tuple[K, V]]:
        """All that are remembered."""
        return list((self.old | self.young).items())

    def clear(self) -> None:
        """Forget everything."""
        self.young.clear()
        self.old.clear()

    def __len__(self) -> int:
        return len(self.young.keys() | self.old.keys())
