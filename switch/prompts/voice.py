"""Text made into files by espeak-ng, where it is installed.

One thread, one child at a time, each with the lowest priority; the loop never waits for it. A file is written beside
its place and moved there, so that it is whole or not there at all.
"""

from __future__ import annotations

import collections
import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from switch.child import gently

PROGRAM = "espeak-ng"
_LONGEST_S = 30.0
_SPEED = "160"
_LEVEL = "70"
"""Of 100, the program's own: so its speech is about as loud as a telephone's."""
MOST_CHARS = 1000


def name_of(text: str, voice: str) -> str:
    """The name of the file that says it: another text or voice is another file."""
    return hashlib.sha256(f"{_SPEED} {_LEVEL} {voice}\0{text}".encode()).hexdigest()[:32] + ".wav"


class Voice:
    """Makes files in `folder`, one after the other. `made(name, error)` is called in the thread; no error: it is there.

    `program` empty: there is none, and nothing is ever made.
    """

    def __init__(self, folder: Path, made: Callable[[str, str], None], program: str | None = None) -> None:
        self._folder = folder
        self._made = made
        self.program = (shutil.which(PROGRAM) or "") if program is None else program
        self._waiting: collections.deque[tuple[str, str]] = collections.deque()
        self._known: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def make(self, text: str, voice: str, soon: bool = False) -> None:
        """Make it some time; `soon`: before all that waits. Asked for twice, it is made once, and tried once."""
        job = (text, voice)
        if not self.program or len(text) > MOST_CHARS:
            return
        with self._lock:
            if self._closed or (job in self._known and not (soon and job in self._waiting)):
                return
            if job in self._known:
                self._waiting.remove(job)
            self._known.add(job)
            if soon:
                self._waiting.appendleft(job)
            else:
                self._waiting.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="voice", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Make nothing more; what is being made is finished."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            thread = self._thread
        if thread is not None:
            thread.join(_LONGEST_S)

    def wait(self, seconds: float) -> bool:
        """Wait until all is made; whether it is. Not for the loop."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                text, voice = self._waiting.popleft()
            name = name_of(text, voice)
            self._made(name, self._say(text, voice, self._folder / name))

    def _say(self, text: str, voice: str, path: Path) -> str:
        """Why it could not be made; empty when it is there."""
        beside = path.with_suffix(f".{os.getpid()}.tmp")
        spoken = [self.program, "-v", voice, "-s", _SPEED, "-a", _LEVEL, "-z", "-w", str(beside), "--stdin"]
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            done = subprocess.run(
                gently(*spoken),
                input=text.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_LONGEST_S,
                check=False,
            )
            if done.returncode or not beside.exists() or not beside.stat().st_size:
                said = done.stderr.decode(errors="replace").strip().splitlines()
                return said[0][:200] if said else f"status {done.returncode}"
            beside.chmod(0o600)
            beside.replace(path)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        finally:
            beside.unlink(missing_ok=True)
        return ""
