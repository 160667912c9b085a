"""The sound of mailboxes on disk: `FOLDER/MAILBOX/NAME.spool` as it comes from the worker, and the `NAME.wav` made
of it. A message is called by its id, a recorded greeting by what `greeting.KIND` says.

Everything here blocks, and is for a thread. Folders are 0700, files 0600: what people say to each other is nobody
else's.
"""

from __future__ import annotations

import glob
import os
import shutil
import threading
import wave
from pathlib import Path

from media.spool import PACKET, SpoolError, read
from switch.child import child

_LOCKS = 64
SPOOL, SOUND = ".spool", ".wav"


class MailboxFiles:
    """All of them, in one folder of the state."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))
        """Each for its share of the names: two threads do not make the same file."""

    def spool(self, mailbox: str, name: str) -> str:
        """Where a recording is to be written."""
        return str(self._path(mailbox, name, SPOOL))

    def sound(self, mailbox: str, name: str) -> str:
        """Where its WAV is, or will be."""
        return str(self._path(mailbox, name, SOUND))

    def finish(self, mailbox: str, name: str) -> float:
        """Make the WAV of a spool, and let the spool go; how many seconds it lasts. 0.0: there is nothing in it. Done
        twice it is done once. Raises OSError when it cannot be made; the spool stays."""
        spool, sound = self._path(mailbox, name, SPOOL), self._path(mailbox, name, SOUND)
        with self._lock(mailbox, name):
            if not sound.exists():
                if not _has_sound(spool):
                    return 0.0
                child("media.render", str(sound), "--side", str(spool))
            spool.unlink(missing_ok=True)
        return seconds_of(sound)

    def copy(self, mailbox: str, name: str, to: str, as_name: str) -> bool:
        """Lay a copy of a message into another mailbox; False when there is nothing to copy."""
        target = self._path(to, as_name, SOUND)
        try:
            self.finish(mailbox, name)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = target.with_suffix(".part.wav")
            shutil.copyfile(self._path(mailbox, name, SOUND), beside)
            beside.chmod(0o600)
            with beside.open("rb") as file:
                os.fsync(file.fileno())  # who sends it on may throw his own away next
            beside.replace(target)
        except OSError:
            return False
        return True

    def drop(self, mailbox: str, name: str) -> bool:
        """Take the sound away, if it is there. True; raises OSError where the disk keeps it."""
        with self._lock(mailbox, name):  # what is being made of the spool goes, too
            path = self._path(mailbox, name, SOUND)
            for each in (self._path(mailbox, name, SPOOL), path, *_half_made(path)):
                each.unlink(missing_ok=True)
        return True

    def encoded(self, mailbox: str, name: str, kind: str) -> bytes:
        """The sound as it is sent by e-mail: `wav`, `mp3` or `opus`. Raises OSError."""
        self.finish(mailbox, name)
        sound = self._path(mailbox, name, SOUND)
        if kind == "wav":
            return sound.read_bytes()
        made = sound.with_suffix(f".{os.getpid()}.{kind}")
        try:
            child("media.encode", str(sound), str(made))
            return made.read_bytes()
        finally:
            made.unlink(missing_ok=True)

    def _lock(self, mailbox: str, name: str) -> threading.Lock:
        return self._locks[hash((mailbox, name)) % _LOCKS]

    def _path(self, mailbox: str, name: str, suffix: str) -> Path:
        for part in (mailbox, name):
            # Names of the configuration and ids of ours hold none of these; nothing else may lead out of the folder.
            if not part or "/" in part or "\0" in part:
                raise ValueError(f"no name of a mailbox's file: {part!r}")
        return self._folder / _visible(mailbox) / f"{_visible(name)}{suffix}"


def _visible(part: str) -> str:
    """A name that begins with a dot as one that does not, `.` and `..` among them."""
    return f"%2E{part[1:]}" if part.startswith(".") else part


def _half_made(sound: Path) -> list[Path]:
    """What was being made of or for that sound when somebody was killed."""
    stem = glob.escape(sound.stem)
    return [each for like in (".wav.part", ".part.wav", ".[0-9]*.*") for each in sound.parent.glob(stem + like)]


def _has_sound(spool: Path) -> bool:
    """Whether a packet came at all. Raises OSError where that cannot be read."""
    try:
        return any(kind == PACKET for kind, _, _ in read(spool))
    except (FileNotFoundError, SpoolError):
        return False


def seconds_of(path: str | Path) -> float:
    """How long a WAV file lasts; 0.0 for one that cannot be read."""
    try:
        with wave.open(str(path), "rb") as file:
            return file.getnframes() / file.getframerate()
    except (OSError, EOFError, wave.Error, ZeroDivisionError):
        return 0.0
