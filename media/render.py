"""WAV files of spools (`media/spool.py`): `python -P -m media.render OUT.wav --side A.spool ... [--side B.spool ...]`.

One side gives a mono file, two give a stereo one, the first on the left. A side may be of several spools, one after the
other or at once (a transferred call, a room): each is put where its clock says, all in step, and what is said at once
is added. The file begins with the first spool and ends with the last; its rate is 8000 Hz, or 16000 where somebody
spoke a wideband codec, or as told.

It is a process of its own, at the lowest priority of CPU and disk: whoever wants a file starts it with `command`, and
reads one line of JSON (`Rendered`) from its standard output. Exit status 1, with a word on standard error: no file was
made. The file appears when it is whole, with mode 0600; an older one of that name is replaced. An hour takes some
seconds and little memory. Spools are left where they are.

    process = await asyncio.create_subprocess_exec(*command(out, [[left], [right]]), stdout=PIPE)
    rendered = parse(await process.stdout.read())
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import os
import platform
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from media import codecs
from media.orphan import die_with_parent
from media.placing import Survey, survey
from media.rates import NARROW, WIDE
from media.spool import SpoolError
from media.tracks import Track

_BLOCK_S = 1.0
_MOST_BYTES = (1 << 32) - 64
_LOWEST = 19
_IOPRIO_IDLE = 3 << 13
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}


class Rendered(msgspec.Struct, frozen=True):
    """The file that was made. `began_s` is Unix time of its first sample; `sha256` in hexadecimal digits. `lost` are
    packets that never came, `unknown` those of a codec that we cannot decode; `left_out` the spools that could not be
    read, with why; `cut` those without an end, of a worker that died."""

    path: str
    sha256: str
    octets: int
    duration_s: float
    rate: int
    channels: int
    began_s: float
    packets: int
    lost: int
    unknown: int = 0
    left_out: tuple[str, ...] = ()
    cut: tuple[str, ...] = ()


class RenderError(Exception):
    """No file could be made."""


def command(out: str | Path, sides: Sequence[Sequence[str | Path]], rate: int = 0) -> list[str]:
    """The command line of the process that makes `out` of one or two sides."""
    words = [sys.executable, "-P", "-m", "media.render", str(out)]
    for side in sides:
        words += ["--side", *map(str, side)]
    return [*words, "--rate", str(rate)] if rate else words


def parse(line: bytes | str) -> Rendered:
    """What the process said. Raises ValueError."""
    return msgspec.json.decode(line, type=Rendered)


def render(out: Path, sides: Sequence[Sequence[Path]], rate: int = 0) -> Rendered:
    """Make the file. Takes its time: not for an event loop. Raises RenderError, OSError."""
    left_out: list[str] = []
    surveys: list[list[Survey]] = []
    for side in sides:
        found = []
        for path in side:
            try:
                found.append(survey(path))
            except (SpoolError, msgspec.MsgspecError, OSError) as error:
                left_out.append(f"{path}: {error}")
        surveys.append(found)
    flat = [one for side in surveys for one in side]
    if not flat:
        raise RenderError("; ".join(left_out) or "there are no spools")
    shifts = _shifts(flat)
    origin = min(one.start_us + shift for one, shift in zip(flat, shifts, strict=True))
    end = max(one.end_us + shift for one, shift in zip(flat, shifts, strict=True))
    rate = rate or (WIDE if any(codecs.rate_of(run.codec) > NARROW for one in flat for run in one.runs) else NARROW)
    shift_of = dict(zip(map(id, flat), shifts, strict=True))
    tracks = [[Track(one, origin - shift_of[id(one)], rate) for one in side] for side in surveys]
    frames = round((end - origin) * rate / 1e6)
    if frames * 2 * len(sides) > _MOST_BYTES:
        raise RenderError("it would be longer than a WAV file can be")
    digest = _write(out, tracks, frames, rate)
    return Rendered(
        str(out),
        digest,
        out.stat().st_size,
        frames / rate,
        rate,
        len(sides),
        (origin + flat[0].to_wall_us - shifts[0]) / 1e6,
        sum(one.packets for one in flat),
        sum(track.lost for side in tracks for track in side),
        sum(one.unknown for one in flat),
        tuple(left_out),
        tuple(str(one.path) for one in flat if not one.why),
    )


def _shifts(surveys: list[Survey]) -> list[int]:
    """What to add to the instants of each, so that all are of one clock: the monotonic one of the boot, which all
    workers share, or, over two boots, the wall clock."""
    if len({one.header.boot for one in surveys}) == 1 and surveys[0].header.boot:
        return [0] * len(surveys)
    return [one.to_wall_us for one in surveys]


def _write(out: Path, tracks: list[list[Track]], frames: int, rate: int) -> str:
    """Write the file beside its place, then put it there. Its SHA-256."""
    channels = len(tracks)
    part = out.with_name(out.name + ".part")
    digest = hashlib.sha256()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            header = _header(frames, channels, rate)
            digest.update(header)
            file.write(header)
            block = int(_BLOCK_S * rate)
            for start in range(0, frames, block):
                count = min(block, frames - start)
                mixed = np.zeros((count, channels), np.int32)
                for channel, side in enumerate(tracks):
                    for track in side:
                        track.read(count, mixed[:, channel])
                data = np.clip(mixed, -32768, 32767).astype("<i2").tobytes()
                digest.update(data)
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return digest.hexdigest()


def _header(frames: int, channels: int, rate: int) -> bytes:
    """RIFF WAVE, PCM of 16 bits."""
    size = frames * 2 * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, channels, rate, rate * 2 * channels, 2 * channels, 16),
        *(b"data", size),
    )


def be_modest() -> None:
    """Take the CPU and the disk only when nobody else wants them."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _LOWEST)
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).syscall(number, 1, 0, _IOPRIO_IDLE)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="media.render", description="Makes a WAV file of spools.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--side", type=Path, nargs="+", action="append", required=True, help="the spools of one side")
    parser.add_argument("--rate", type=int, default=0, choices=(0, 8000, 16000, 48000))
    options = parser.parse_args(argv)
    if len(options.side) > 2:
        parser.error("one side, or two")
    die_with_parent()
    be_modest()
    try:
        rendered = render(options.out, options.side, options.rate)
    except (RenderError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(msgspec.json.encode(rendered).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
