"""The recordings' own corner of the process: which spools are written, and one child at a time that makes their files.

    begun -> the worker writes -> closed, and the call's recording over -> rendered (`media.render`) -> the spools go

Everything that has to be remembered stands in the spools' names: what a crash left unrendered is found by looking. A
file that could not be made leaves its spools, and is tried again after the next start.

    FOLDER/2026-11-22/CALL-1.wav                       the files, mode 0600; of an emergency call CALL-1e.wav
    FOLDER/spools/2026-11-22/CALL-1.SIDE.LEG.PORT.spool   what they are made of
    FOLDER/kept/…                                      spools that are kept
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import datetime
import math
import re
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog

from config.compiled import Compiled
from media.render import Rendered, command, parse
from records.events import Forgotten, RecordingRendered
from switch.chores import Chores
from switch.clock import LoopClock
from switch.control import Handler, Refused
from switch.core import Core
from switch.features.recording.keeping import RecordingSettings, is_for_help
from switch.features.recording.recording import Recording
from switch.one_call import carry_out, meant
from switch.views import RecordView

SWEEP_S = 60.0
"""How often it is looked at what is left, and what is too old."""
_DAY_S = 86400.0
MOST_TRIES = 8
"""How often a file is tried: after that, at the next start. The eighth is four hours after the first."""
_MANY = 1000
FILE_NAME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9A-Za-z]+-[0-9]+e?\.wav")
"""Of a file, relative to the folder of recordings."""
_FOLDER_MODE = 0o700


class Job(msgspec.Struct):
    """A file that is to be made. `base` is the folder of recordings when it began."""

    call: str
    file: str
    base: Path
    open: set[str]
    over_at: float | None = None
    tried: int = 0
    again_at: float = 0.0
    """When what could not be made is tried again."""


def sides(base: Path, file: str) -> list[list[Path]]:
    """The spools of a file that are on the disk, by side."""
    found = sorted((base / "spools").glob(f"{file.removesuffix('.wav')}.*.*.*.spool"))
    by_side = [[each for each in found if each.name.rsplit(".", 4)[1] == side] for side in "01"]
    return [each for each in by_side if each]


def left_behind(base: Path) -> dict[str, str]:
    """The files of which there are spools, and of which call each is."""
    found = {}
    for each in sorted((base / "spools").glob("*/*.spool")):
        stem, *rest = each.name.rsplit(".", 4)
        call, dash, _ = stem.rpartition("-")
        if len(rest) == 4 and dash:
            found[f"{each.parent.name}/{stem}.wav"] = call
    return found


def settle(base: Path, file: str, keep: bool) -> None:
    """The file is there: its spools go, or are set aside."""
    for each in (path for side in sides(base, file) for path in side):
        if keep:
            to = base / "kept" / each.parent.name
            _make(to)
            each.replace(to / each.name)
        else:
            each.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        (base / "spools" / file).parent.rmdir()


def outdated(base: Path, before: float, *, for_help: bool) -> list[Path]:
    """Files and spools that are older: those of emergency calls, or all others."""
    there = list(_all(base))
    helped = {_call(each) for each in there if is_for_help(each.name)}
    found = []
    for each in there:
        with contextlib.suppress(OSError):
            if (_call(each) in helped) is for_help and each.stat().st_mtime < before:
                found.append(each)
    return found


def of_calls(base: Path, calls: Container[str]) -> list[Path]:
    """Files and spools of these calls."""
    return [each for each in _all(base) if _call(each) in calls]


def delete(paths: Iterable[Path]) -> int:
    """How many were there. Raises OSError for one that cannot be deleted."""
    count = 0
    for each in paths:
        with contextlib.suppress(FileNotFoundError):
            each.unlink()
            count += 1
        with contextlib.suppress(OSError):
            each.parent.rmdir()
    return count


def _call(path: Path) -> str:
    return path.name.partition(".")[0].rpartition("-")[0]


def _all(base: Path) -> Iterator[Path]:
    yield from base.glob("????-??-??/*.wav*")  # what a killed child left of one, too
    yield from base.glob("[ks]*/????-??-??/*.spool")


def _make(folder: Path) -> None:
    for each in reversed((folder, *folder.parents)):
        if not each.is_dir():
            each.mkdir(_FOLDER_MODE, exist_ok=True)


class Recordings:
    """The recording feature's `Keeping` in a real exchange. `folder` is where recordings lie by default. `written` says
    whether all that was flushed stands in the journal: not while its disk is full."""

    def __init__(
        self,
        folder: Path,
        core: Core,
        clock: LoopClock,
        chores: Chores,
        log: structlog.typing.FilteringBoundLogger,
        written: Callable[[], bool] = lambda: True,
    ) -> None:
        self.settings = RecordingSettings()
        self._usual = self._base = folder
        self._keep_days = self._help_days = 0
        self._keep_spools = False
        self._core = core
        self._clock = clock
        self._chores = chores
        self._log = log
        self._written = written
        self._jobs: dict[str, Job] = {}
        self._queue: collections.deque[Job] = collections.deque()
        self._working = False
        self._failed: list[Job] = []
        """What could not be made, and is tried again: the disk may have been full."""
        self._unsettled: list[Job] = []
        """What is made and told, but not in the journal yet: the spools stay until then."""
        self._made: Job | None = None
        """The file that is being made."""

    def use(self, compiled: Compiled, folder: Path) -> None:
        """Another version of the configuration, whose files are relative to that folder. Recordings that are on go on
        where they began."""
        settings = compiled.recordings
        kept, helped = (math.ceil(s / _DAY_S) for s in (compiled.records.keep_s, compiled.records.emergency_keep_s))
        self.settings = RecordingSettings(emergency=settings.emergency, most_s=settings.longest_s)
        self._base = folder / settings.folder if settings.folder else self._usual
        # A recording does not outlive the record of its call.
        self._keep_days = min((days for days in (settings.keep_days, kept) if days), default=0)
        # Those of emergency calls stay as long as their records: "at least" is said of both.
        self._help_days = max(self._keep_days, helped) if self._keep_days else 0
        self._keep_spools = settings.keep_spools

    def start(self) -> None:
        """Calls have been taken over: what a crash left is made now. Must be called in the running loop."""
        self._chores.begin("recordings", self._look())
        self._chores.repeat("recordings", lambda: SWEEP_S, self._sweep)

    # -- what the feature tells ---------------------------------------------------------------------------------

    def begun(self, call: str, file: str, spool: str) -> str:
        """See `Keeping.begun`."""
        job = self._jobs.get(file)
        if job is None:
            job = self._jobs[file] = Job(call, file, self._base, set())
        path = str(job.base / "spools" / spool)
        job.open.add(path)
        return path

    def opened(self, ending: str) -> Sequence[str]:
        """See `Keeping.opened`."""
        return [path for job in self._jobs.values() for path in job.open if path.endswith(ending)]

    def closed(self, path: str) -> None:
        """See `Keeping.closed`."""
        for job in self._jobs.values():
            if path in job.open:
                job.open.discard(path)
                self._ready(job)
                return

    def over(self, file: str) -> None:
        """See `Keeping.over`."""
        job = self._jobs.get(file)
        if job is not None and job.over_at is None:
            job.over_at = time.monotonic()
            self._ready(job)

    # -- deletion -----------------------------------------------------------------------------------------------

    def making(self, calls: Container[str]) -> str:
        """A file of these calls that is written or made now, or empty."""
        under_way = (*self._jobs.values(), *self._queue, *([self._made] if self._made is not None else []))
        return next((job.file for job in under_way if job.call in calls), "")

    async def remove(self, calls: Sequence[str]) -> int:
        """Delete all files of these calls. How many there were. Raises OSError."""
        if not calls:
            return 0
        self._failed = [job for job in self._failed if job.call not in calls]
        base, wanted = self._base, frozenset(calls)
        return await asyncio.to_thread(lambda: delete(of_calls(base, wanted)))

    # -- files --------------------------------------------------------------------------------------------------

    def _ready(self, job: Job, *, forced: bool = False) -> None:
        if job.over_at is None or (job.open and not forced):
            return
        del self._jobs[job.file]
        self._make(job)

    def _make(self, job: Job) -> None:
        self._queue.append(job)
        if not self._working:
            self._working = True
            self._chores.begin("recordings", self._work())

    async def _work(self) -> None:
        """One file after the other."""
        try:
            while self._queue:
                job = self._made = self._queue.popleft()
                try:
                    await self._render(job)
                except Exception as error:  # noqa: BLE001  the others are made all the same
                    self._log.error("a recording failed", file=job.file, why=repr(error))
        finally:
            self._working, self._made = False, None

    async def _render(self, job: Job) -> None:
        out = job.base / job.file
        rendered: Rendered | None = None
        try:
            found = await asyncio.to_thread(sides, job.base, job.file)
            if not found:
                self._told(job, None, "there is nothing to make it of")
                return
            await asyncio.to_thread(_make, out.parent)
            status, said, wrong = await _run(command(out, found))
            if status == 0:
                rendered = parse(said)
        except (OSError, ValueError) as error:
            wrong = str(error)
        if rendered is None:
            self._log.error("a recording cannot be made; its spools stay", file=str(out), why=wrong)
            if not job.tried:
                self._told(job, None, wrong or "it cannot be made")
            job.tried += 1
            job.again_at = time.monotonic() + SWEEP_S * 2**job.tried
            if job.tried < MOST_TRIES:
                self._failed.append(job)
            return
        self._told(job, rendered, "; ".join(rendered.left_out))
        self._core.flush()  # the record first: should we die now, the file is made and told once more
        await self._settle(job)

    async def _settle(self, job: Job) -> None:
        if self._core.muted:
            return  # the next exchange makes and tells it
        if not self._written():
            self._unsettled.append(job)
            return
        try:
            await asyncio.to_thread(settle, job.base, job.file, self._keep_spools)
        except OSError as error:
            self._log.error(
                "the spools of a recording stay, and it is made again", file=str(job.base / job.file), why=str(error)
            )

    def _told(self, job: Job, rendered: Rendered | None, wrong: str) -> None:
        at = self._clock.at()
        if rendered is None:
            event = RecordingRendered(job.call, job.file, "", 0, 0.0, 0, 0, at, 0, 0, at, wrong)
        else:
            event = RecordingRendered(
                job.call,
                job.file,
                rendered.sha256,
                rendered.octets,
                rendered.duration_s,
                rendered.rate,
                rendered.channels,
                datetime.datetime.fromtimestamp(rendered.began_s, datetime.UTC),
                rendered.packets,
                rendered.lost,
                at,
                wrong,
            )
        self._core.go_on(lambda now: self._core.facts.record(event), self._clock.now())

    async def _look(self) -> None:
        """What is there of calls that are no more."""
        up = self._core.calls.by_id
        for file, call in (await asyncio.to_thread(left_behind, self._base)).items():
            if file not in self._jobs and call not in up:
                job = self._jobs[file] = Job(call, file, self._base, set(), time.monotonic())
                self._ready(job)

    async def _sweep(self) -> None:
        """A worker that died does not tell of the ends of its spools."""
        long_ago = time.monotonic() - SWEEP_S
        for job in [job for job in self._jobs.values() if job.over_at is not None and job.over_at < long_ago]:
            self._ready(job, forced=True)
        due = [job for job in self._failed if job.again_at < time.monotonic()]
        self._failed = [job for job in self._failed if job not in due]
        for job in due:
            self._make(job)
        unsettled, self._unsettled = self._unsettled, []
        for job in unsettled:
            await self._settle(job)
        if self._keep_days:
            await self._retain(self._keep_days, for_help=False)
            await self._retain(self._help_days, for_help=True)

    async def _retain(self, days: float, *, for_help: bool) -> None:
        """Told first: what a crash keeps from being deleted is found, and told, once more."""
        before = time.time() - days * _DAY_S
        old = await asyncio.to_thread(outdated, self._base, before, for_help=for_help)
        files = tuple(str(each.relative_to(self._base)) for each in old if each.suffix == ".wav")
        for start in range(0, len(files), _MANY):
            told = Forgotten(
                (), files[start : start + _MANY], "retention", f"older than {days:g} days", self._clock.at()
            )
            self._core.note([told], self._clock.now())
        if old and not self._core.muted:
            self._core.flush()
            try:
                count = await asyncio.to_thread(delete, old)
            except OSError as error:
                self._log.error("old recordings cannot be deleted", why=str(error))
            else:
                self._log.info("old recordings deleted", files=count, older_than_days=days)


async def _run(words: Iterable[str]) -> tuple[int, bytes, str]:
    """Run a child to its end; it dies with us."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe)
    try:
        said, wrong = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    return process.returncode or 0, said, wrong.decode(errors="replace").strip()


class RecordCommand:
    """`ringplan record`, on the control socket."""

    def __init__(self, core: Core, recording: Recording, now: Callable[[], float]) -> None:
        self._core = core
        self._recording = recording
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """By the name that a command asks for."""
        return {"record": self.record}

    def record(self, args: dict[str, Any]) -> RecordView:
        """`call` (its id, or how that begins), `what` (on, off, pause, resume). Raises Refused."""
        call, what = meant(self._core, args), str(args.get("what", ""))
        if what not in ("on", "off", "pause", "resume"):
            raise Refused(f"`{what}` is none of on, off, pause, resume")
        by = str(args.get("by", ""))
        carry_out(self._core, lambda now: self._recording.command(call, what, by, now), self._now())
        recording = call.state.recording
        return RecordView(
            call=call.id,
            file=recording.file if recording is not None else "",
            state="off" if recording is None else "paused" if recording.paused else "on",
            announcing=recording is None and what == "on",
        )
