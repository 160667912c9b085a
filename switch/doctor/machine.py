"""The machine: its clock, disk, limits, kernel and interpreter."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import resource
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from switch.doctor.finding import Finding, bad, good, warning
from switch.prompts.voice import PROGRAM

TIME_ERROR = 5
"""What adjtimex(2) returns when nobody keeps the clock."""
_MAXERROR_AT = 3
_TIMEX_WORDS = 64

FREE_BAD = 200 << 20
FREE_FEW = 2 << 30
"""Octets: the journal and the records of a busy week."""
RECEIVE_WANTED = 8 << 20
FILES_BASE = 4000
"""What the exchange and its workers hold open beside connections: the media workers' ports in waiting, above all."""
FORGOTTEN_FILESYSTEMS = ("tmpfs", "ramfs")
REMOTE_FILESYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs")


class Disk(NamedTuple):
    """A file system: octets and files that are free to us, and of what type it is."""

    free: int
    files_free: int
    kind: str


def examine(data: Path, connections: int) -> Iterator[Finding]:
    """Look at all of it. `data` is the data folder, `connections` how many streams the guard lets in."""
    yield judge_clock(*_clock())
    yield judge_disk(data, _disk(data))
    yield judge_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1], connections)
    yield judge_receive_buffer(_number("/proc/sys/net/core/rmem_max"), os.geteuid() == 0)
    yield judge_sip_helper(_text("/proc/modules"))
    yield judge_voice(shutil.which(PROGRAM) is not None, any((data / "prompts").glob("*.wav")))
    yield judge_python(_optimised(), importlib.util.find_spec("uvloop") is not None)


def judge_clock(state: int, error_s: float) -> Finding:
    """By what adjtimex(2) says: its return value, and the most that the clock may be wrong."""
    if state < 0:
        return warning("clock", "the system does not say whether the clock is kept")
    if state == TIME_ERROR:
        said = "nobody keeps the clock: records, hours and certificates go by it"
        return warning("clock", said, "run a time service: apt install systemd-timesyncd (or chrony)")
    return good("clock", f"kept, right to {max(error_s, 0.001):.3f} s at the worst")


def judge_disk(path: Path, disk: Disk | None) -> Finding:
    """Whether the data folder's file system has room, and keeps what is written to it."""
    if disk is None:
        return bad("disk", f"{path} cannot be looked at", "is it yours to read?")
    room = f"{disk.free / (1 << 30):.1f} GiB free"
    if disk.free < FREE_BAD or disk.files_free < 100:
        return bad("disk", f"{path}: {room}, {disk.files_free} more files", "make room: calls go on, records are lost")
    if disk.kind in FORGOTTEN_FILESYSTEMS:
        return warning("disk", f"{path} lies in memory ({disk.kind}): all is forgotten at a reboot", "use a real disk")
    if disk.kind in REMOTE_FILESYSTEMS:
        return warning(
            "disk", f"{path} lies on another machine ({disk.kind})", "every call waits for it: use a local disk"
        )
    if disk.free < FREE_FEW:
        return warning(
            "disk", f"{path}: {room}", "a busy week writes more; see docs/crash-recovery.md about a full disk"
        )
    return good("disk", f"{path}: {room}")


def judge_files(limit: int, connections: int) -> Finding:
    """Whether as many files may be open as connections and ports can need. `limit` is the hard one."""
    wanted = connections + FILES_BASE
    if limit == resource.RLIM_INFINITY or limit >= wanted:
        shown = "any number" if limit == resource.RLIM_INFINITY else str(limit)
        return good("open files", f"{shown} may be open")
    said = f"{limit} may be open; {wanted} are wanted for {connections} connections (guard: connections)"
    return warning("open files", said, "LimitNOFILE= in the unit, --ulimit nofile= in a container")


def judge_receive_buffer(most: int | None, privileged: bool) -> Finding:
    """Whether datagrams find room while the exchange is restarted."""
    if privileged or most is None or most >= RECEIVE_WANTED:
        return good("buffers", "room for the datagrams of a restart")
    said = f"net.core.rmem_max is {most}: a busy second's datagrams are lost while the exchange is restarted"
    return warning("buffers", said, f"sysctl net.core.rmem_max={RECEIVE_WANTED}, and the same in /etc/sysctl.d/")


def judge_sip_helper(modules: str | None) -> Finding:
    """Whether the kernel's own SIP helper rewrites messages. `modules` is /proc/modules."""
    loaded = [
        line.split()[0] for line in (modules or "").splitlines() if line.startswith(("nf_conntrack_sip", "nf_nat_sip"))
    ]
    if not loaded:
        return good("SIP helper", "none in this kernel")
    said = f"{' and '.join(loaded)} may rewrite what telephones send"
    return warning("SIP helper", said, "rmmod nf_nat_sip nf_conntrack_sip, and keep them from being loaded")


def judge_voice(installed: bool, spoken: bool) -> Finding:
    """Whether there is something that speaks prompts; `spoken`: some were made already."""
    if installed:
        return good("voice", "espeak-ng speaks what there is no file for")
    said = "espeak-ng is not installed: "
    said += "what it has spoken is kept, new words are tones" if spoken else "tones are played in place of words"
    return warning("voice", said, "apt install espeak-ng, or files of your own: docs/prompts.md")


def judge_python(optimised: bool, has_uvloop: bool) -> Finding:
    """Whether the interpreter is a quick one."""
    slow = []
    if not optimised:
        slow.append("it was built without profile-guided optimisation: half as much CPU again for the same calls")
    if not has_uvloop:
        slow.append("uvloop is not installed")
    if slow:
        return warning("Python", "; ".join(slow), "use the distribution's: PYTHON=/usr/bin/python3 script/bootstrap")
    return good("Python", "optimised build, with uvloop")


def _optimised() -> bool:
    """Built with profile-guided optimisation: as its configure script was told, or by a distribution, which all do."""
    return sys.base_prefix == "/usr" or "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))


def _clock() -> tuple[int, float]:
    """adjtimex(2) that changes nothing: its state, and the maximum error in seconds. -1 where it cannot be asked."""
    words = (ctypes.c_long * _TIMEX_WORDS)()  # struct timex, zeroed: modes = 0 only reads
    try:
        state = int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(words)))
    except (OSError, AttributeError):
        return -1, 0.0
    return state, words[_MAXERROR_AT] / 1e6


def _disk(path: Path) -> Disk | None:
    while not path.exists() and path != path.parent:
        path = path.parent  # where it will be made
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    files = found.f_favail if found.f_files else 1 << 30  # btrfs and others count none
    return Disk(found.f_bavail * found.f_frsize, files, _kind(path.resolve()))


def _kind(path: Path) -> str:
    """The file system's type, by the longest mount point that holds the path."""
    best, kind = "", ""
    for line in (_text("/proc/self/mounts") or "").splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1].encode().decode("unicode_escape")
        if path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _number(path: str) -> int | None:
    text = (_text(path) or "").strip()
    return int(text) if text.isdecimal() else None
