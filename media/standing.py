"""What the exchange has told of each leg and still holds: all that a worker which was started anew needs, to go on
where the one before it died.

The new worker binds the ports that the legs had, so their far ends need not know: they hear nothing for the second or
so that it takes. What a worker learns by itself (sources, SSRCs) it learns again. What cannot go on so:

- legs with SRTP: the dead worker alone knew how often their sequence numbers have gone round, and to begin again with
  the same key would encrypt two packets alike (RFC 3711 section 9.1);
- legs that came from an exchange before us and were not described since;
- recordings, whose files may be torn at their end: they are told to have ended (`RecordEnded`, closed), so that whoever
  wants more begins another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import msgspec

from media import wire
from media.connection import Connection
from media.engine import Lease, RecordEnded, Remote

Doing = wire.Bridge | wire.Mix | wire.Play


class Standing(msgspec.Struct, gc=False):
    """One leg. `doing` is what it was told to do last, in place of what it did before; `over` plays over that. `spools`
    are the paths of its recordings. `known`: it is ours from the beginning, or was described since it came from an
    exchange before us."""

    worker: Connection
    lease: Lease
    silence_s: float = 0.0
    remote: Remote | None = None
    doing: Doing | None = None
    over: wire.Play | None = None
    spools: set[str] | None = None
    known: bool = True

    @property
    def goes_on(self) -> bool:
        """Whether another worker can take it over."""
        return self.known and (self.remote is None or self.remote.keys is None)

    def ended(self, tune: int) -> None:
        """A tune has come to its end: it is not to be played once more."""
        if self.over is not None and self.over.tune.id == tune:
            self.over = None
        elif isinstance(self.doing, wire.Play) and self.doing.tune.id == tune:
            self.doing = None


def told_again(legs: Mapping[int, Standing], these: Collection[int]) -> Iterator[wire.Command]:
    """The commands by which a new worker gets `these` of all `legs` as they stand."""
    again = [legs[leg] for leg in these]
    for standing in again:
        yield wire.Reopen(standing.lease, standing.silence_s)
        if standing.remote is not None:
            yield wire.Update(standing.lease.leg, standing.remote)
    for standing in again:
        doing = standing.doing
        if isinstance(doing, wire.Bridge):
            # The other one may have been told of something else since: then this one stands alone.
            first, second = doing.first, doing.second
            both = first in these and second in these and legs[first].doing is legs[second].doing is doing
            doing = doing if both and first == standing.lease.leg else None
        if doing is not None:
            yield doing
        if standing.over is not None:
            yield standing.over


def torn(standing: Standing) -> Iterator[RecordEnded]:
    """How its recordings have ended, with the worker. How long they were, and whether anything was said, the
    files alone tell."""
    for path in standing.spools or ():
        yield RecordEnded(standing.lease.leg, path, "closed", 0, 0, detail="the media worker died")
