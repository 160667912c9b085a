"""`python -P -m media.encode SOURCE TARGET`: a sound file in another form, by the target's suffix: `.mp3` or `.opus`
(Opus in Ogg, RFC 7845). For what is sent by e-mail: speech, one channel. It is a process of its own, so that nobody
waits for it and its memory goes with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from media.orphan import die_with_parent

_CODECS = {".mp3": ("mp3", "libmp3lame", 32_000, 16_000), ".opus": ("ogg", "libopus", 24_000, 48_000)}
"""By suffix: container, encoder, bits a second, and the rate that it works at."""


class UnknownFormatError(ValueError):
    """The suffix is none of ours."""


def encode(source: Path, target: Path) -> None:
    """Write it. Raises UnknownFormatError, OSError (also for what is no sound)."""
    if target.suffix not in _CODECS:
        raise UnknownFormatError(f"{target.suffix or 'a file without a suffix'} is none of {', '.join(_CODECS)}")
    import av

    container, codec, bits, rate = _CODECS[target.suffix]
    try:
        with av.open(str(source)) as reading, av.open(str(target), "w", format=container) as writing:
            stream = writing.add_stream(codec, rate=rate)
            assert isinstance(stream, av.AudioStream)
            stream.codec_context.layout = "mono"
            stream.bit_rate = bits
            resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=rate)
            for frame in reading.decode(audio=0):
                for each in resampler.resample(frame):
                    writing.mux(stream.encode(each))
            for each in resampler.resample(None):
                writing.mux(stream.encode(each))
            writing.mux(stream.encode(None))
    except (av.error.FFmpegError, IndexError) as error:
        raise OSError(f"{source.name} cannot be written as {target.suffix[1:]}: {error}") from error


def main(argv: list[str]) -> int:
    """Returns the exit status."""
    if len(argv) != 2:
        sys.stderr.write("usage: python -P -m media.encode SOURCE TARGET\n")
        return 2
    die_with_parent()
    try:
        encode(Path(argv[0]), Path(argv[1]))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
