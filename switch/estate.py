"""What a supervisor has, as text, so that it can be renewed: the new code goes on in the same process (`execv`), with
the same children, sockets and lock. Standard library only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from switch.arguments import Blueprint, ListenSocket, Places


class Estate(NamedTuple):
    """`lock`, `status` (a pipe's two ends), `desk` and `asker` (-1: nobody) are descriptors, as those in `sockets`.
    `running` are the children: process id and start (monotonic seconds) by name."""

    places: Places
    sockets: tuple[ListenSocket, ...]
    blueprint: Blueprint
    lock: int
    status: tuple[int, int]
    desk: int
    asker: int = -1
    running: tuple[tuple[str, int, float], ...] = ()

    def fds(self) -> list[int]:
        """Every descriptor that goes along."""
        named = [self.lock, *self.status, self.desk, *([self.asker] if self.asker >= 0 else [])]
        return [*named, *(each.fd for each in self.sockets)]

    def close_but(self, other: Estate) -> None:
        """Close the listening sockets and the pipe, but for what the other one has as well."""
        theirs = {*other.status, *(each.fd for each in other.sockets)}
        for fd in {*self.status, *(each.fd for each in self.sockets)} - theirs:
            os.close(fd)

    def pack(self) -> int:
        """A descriptor from which `unpack` reads this."""
        kept = self._asdict() | {
            "places": [str(each) for each in self.places],
            "sockets": [each.text() for each in self.sockets],
            "blueprint": self.blueprint._asdict(),
        }
        number = os.memfd_create("estate", os.MFD_CLOEXEC)
        os.write(number, json.dumps(kept).encode())
        return number

    @classmethod
    def unpack(cls, number: int) -> Estate:
        """What an older supervisor has packed. Raises KeyError, TypeError or ValueError where this version cannot make
        anything of it."""
        size = os.lseek(number, 0, os.SEEK_END)
        found: dict[str, Any] = json.loads(os.pread(number, size, 0))
        blueprint = blueprint_of(found["blueprint"])
        return cls(
            Places(*(Path(each) for each in found["places"])),
            tuple(ListenSocket.parse(each) for each in found["sockets"]),
            blueprint,
            int(found["lock"]),
            (int(found["status"][0]), int(found["status"][1])),
            int(found["desk"]),
            int(found["asker"]),
            tuple((str(name), int(pid), float(started)) for name, pid, started in found["running"]),
        )


def blueprint_of(found: dict[str, Any]) -> Blueprint:
    """A blueprint out of JSON; what a newer or older version has besides is left out. Raises TypeError where something
    is missing."""
    known: dict[str, Any] = {name: found[name] for name in Blueprint._fields if name in found}
    known["listen"] = tuple(tuple(each) for each in found["listen"])
    known["media_addresses"] = tuple(found["media_addresses"])
    known["media_optional"] = tuple(found["media_optional"])
    return Blueprint(**known)


def inherit(fds: Sequence[int], yes: bool) -> None:
    """Whether a program that this process starts, or becomes, has these."""
    for fd in fds:
        os.set_inheritable(fd, yes)
