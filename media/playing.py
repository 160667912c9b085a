"""All that plays: tunes in place of anything else, tunes over what a leg hears otherwise, and digits that are sent.

Of those at one leg digits are heard first, then what plays over, then the rest; what is not heard goes on in silence
(`Leg.covered`), as does a bridge or room underneath. The relay's tick drives all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from media import sources
from media.dialling import Dialler
from media.engine import DigitsSent, MediaEvent, PlayEnded, Tune
from media.files import Library
from media.player import TunePlayer

if TYPE_CHECKING:
    from media.leg import Leg


class Playing:
    """What one leg was told to play, and how far that is. `ended` and `over_ended` are told again to a new exchange."""

    __slots__ = ("dialler", "ended", "over", "over_ended", "over_tune", "player", "tune")

    def __init__(self) -> None:
        self.tune: Tune | None = None
        self.player: TunePlayer | None = None
        self.ended: PlayEnded | None = None
        self.over_tune: Tune | None = None
        self.over: TunePlayer | None = None
        self.over_ended: PlayEnded | None = None
        self.dialler: Dialler | None = None


class Players:
    """Of all legs of a relay. `wire` is told of a leg whose `covered` has changed."""

    def __init__(self, tell: Callable[[MediaEvent], None], wire: Callable[[Leg], None]) -> None:
        self._tell = tell
        self._wire = wire
        self._library = Library()
        self._active: dict[int, Leg] = {}

    def __bool__(self) -> bool:
        return bool(self._active)

    def has(self, leg: Leg, tune: Tune) -> bool:
        """Whether that is what the leg was told to play last."""
        playing = leg.playing
        return playing is not None and tune == (playing.over_tune if tune.over else playing.tune)

    def note(self, leg: Leg, tune: Tune) -> None:
        """The leg was told to play what needs no player of ours (the echo)."""
        self._of(leg).tune = tune

    def play(self, leg: Leg, tune: Tune) -> None:
        """Begin. The leg is out of its bridge already, unless it plays over that."""
        playing = self._of(leg)
        if not any(map(sources.parse, tune.sources)):
            self._nothing(leg, playing, tune)
            return
        player = TunePlayer(leg, tune, self._library)
        if tune.over:
            playing.over_tune, playing.over, playing.over_ended = tune, player, None
        else:
            playing.tune, playing.player, playing.ended = tune, player, None
        self._active[leg.id] = leg
        self._cover(leg)

    def dial(self, leg: Leg, digits: str) -> None:
        """Send digits, after those that are on their way."""
        playing = self._of(leg)
        if playing.dialler is None:
            playing.dialler = Dialler(leg, digits, self._library)
            self._active[leg.id] = leg
            self._cover(leg)
        else:
            playing.dialler.add(digits)

    def end(self, leg: Leg) -> None:
        """No tune in place of anything else any more."""
        playing = leg.playing
        if playing is not None:
            playing.tune = playing.player = playing.ended = None
            self._rest(leg, playing)

    def end_over(self, leg: Leg) -> None:
        """No tune over anything any more."""
        playing = leg.playing
        if playing is not None:
            playing.over_tune = playing.over = playing.over_ended = None
            self._rest(leg, playing)
            self._cover(leg)

    def close(self, leg: Leg) -> None:
        """The leg is no more."""
        self._active.pop(leg.id, None)
        leg.playing = None
        leg.covered = False

    def retell(self, leg: Leg) -> None:
        """Tell a new exchange what has ended."""
        if leg.playing is not None:
            for ended in (leg.playing.ended, leg.playing.over_ended):
                if ended is not None:
                    self._tell(ended)

    def stop(self) -> None:
        """The relay ends."""
        self._library.close()

    def tick(self, tick: int) -> None:
        """The next 20 ms of all."""
        for leg in list(self._active.values()):
            playing = leg.playing
            if playing is not None:
                self._sound(leg, playing, tick)

    # -- inside -------------------------------------------------------------------------------------------------

    def _of(self, leg: Leg) -> Playing:
        if leg.playing is None:
            leg.playing = Playing()
        return leg.playing

    def _nothing(self, leg: Leg, playing: Playing, tune: Tune) -> None:
        """Nothing of it can be played, to whomever."""
        ended = PlayEnded(leg.id, tune.id, tune.sources)
        if tune.over:
            self.end_over(leg)
            playing.over_tune, playing.over_ended = tune, ended
        else:
            playing.tune, playing.ended = tune, ended
        self._tell(ended)

    def _sound(self, leg: Leg, playing: Playing, tick: int) -> None:
        news: list[MediaEvent] = []
        if playing.dialler is not None and not playing.dialler.tick(tick):
            playing.dialler = None
            news.append(DigitsSent(leg.id))
        if playing.over is not None and not playing.over.tick(tick, playing.dialler is None):
            playing.over_ended = _ended(leg, playing.over)
            playing.over = None
            news.append(playing.over_ended)
        if news:
            self._cover(leg)
        if playing.player is not None and not playing.player.tick(tick, not leg.covered):
            playing.ended = _ended(leg, playing.player)
            playing.player = None
            news.append(playing.ended)
        if news:
            self._rest(leg, playing)
            for each in news:
                self._tell(each)

    def _rest(self, leg: Leg, playing: Playing) -> None:
        if playing.dialler is None and playing.over is None and playing.player is None:
            self._active.pop(leg.id, None)

    def _cover(self, leg: Leg) -> None:
        playing = leg.playing
        covered = playing is not None and (playing.over is not None or playing.dialler is not None)
        if covered != leg.covered:
            leg.covered = covered
            self._wire(leg)


def _ended(leg: Leg, player: TunePlayer) -> PlayEnded:
    return PlayEnded(leg.id, player.tune.id, player.failed)
