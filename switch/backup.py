"""A copy of what must not be lost, in one file, taken while the exchange runs; and the way back.

The file is a gzipped tar archive of mode 0600 (it holds passwords and call records):

    manifest.json     format, version, when and where it was made; size and SHA-256 of every member; what was left out
    config/…          the operator's YAML, and the files of secrets and certificates that lie beside it
    data/…            state and records (each copied by SQLite's own online backup), the journal, kept configurations,
                      the key by which carriers know our Contact, voicemail

The databases are copied first and the journal last, with the journal's shared lock held throughout, so that the copy
of the journal has all that the copies of the databases have not: what came in meanwhile is taken in again after the way
back.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import gzip
import hashlib
import io
import os
import re
import shutil
import socket
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

import msgspec

from records.segments import locked, segments
from switch.arguments import Places

FORMAT = 1
MANIFEST = "manifest.json"
DATABASES = ("state.sqlite3", "records.db")
VOICEMAIL = "voicemail"
KEY = "trunks.key"
MAX_MANIFEST = 16 << 20
_REFERENCE = re.compile(
    r"""\b(?:file|certificate|key|ca|client_ca):\s+(?:"([^"\n]+)"|'([^'\n]+)')"""
    r"""|\b(?:file:|(?:file|certificate|key|ca|client_ca):\s+)([^\s"'#,}\]]+)"""
)
_COMMENT = re.compile(r"(?m)(?:^|\s)#.*$")
_CHUNK = 1 << 20


class BackupError(Exception):
    """It cannot be made, or not be restored; the text says why, for the operator."""


class Member(msgspec.Struct, frozen=True):
    """One file of the archive: its length in octets and the SHA-256 of what it holds, in hex."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive is. `left_out` are sentences about what is not in it."""

    format: int = FORMAT
    version: str
    made_at: datetime.datetime
    host: str
    config_is_file: bool
    members: dict[str, Member]
    left_out: tuple[str, ...] = ()


class Restored(NamedTuple):
    """What `restore` did: the archive's manifest, and where the files that it replaced are now."""

    manifest: Manifest
    set_aside: tuple[Path, ...]


# -- there ---------------------------------------------------------------------------------------------------------


def save(places: Places, target: Path, version: str, at: datetime.datetime, database: bool = False) -> Manifest:
    """Write the archive; it gets its name when it is whole. `database`: the records are in a database of their own.

    Raises BackupError and OSError.
    """
    if not places.config.exists():
        raise BackupError(f"there is no configuration at {places.config}")
    left_out = list(_beyond(places.config))
    if database:
        left_out.append("the records: they are in a database of their own, which has its own backup")
    # Under a name that nobody can have taken before us, and where there is to be room for it all: /tmp may be memory.
    fd, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.absolute().parent)
    new = Path(name)
    try:
        with (
            os.fdopen(fd, "wb") as file,
            tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=new.parent) as scratch,
        ):
            members: dict[str, Member] = {}
            with (
                gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, filename="") as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
            ):
                for name, path in _sources(places, Path(scratch)):
                    try:
                        members[name] = _add(archive, name, path, at)
                    except FileNotFoundError:
                        if not name.startswith(f"data/{VOICEMAIL}/"):  # a message that was deleted meanwhile
                            raise
                manifest = Manifest(
                    version=version,
                    made_at=at,
                    host=socket.gethostname(),
                    config_is_file=places.config.is_file(),
                    members=members,
                    left_out=tuple(left_out),
                )
                _add_bytes(archive, MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)), at)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    except sqlite3.Error as error:
        raise BackupError(f"a database cannot be copied: {error}") from None
    finally:
        new.unlink(missing_ok=True)
    return manifest


def _sources(places: Places, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Every member's name and the file to read, in the order that the module's text explains."""
    for path in _config_files(places.config):
        base = places.config.parent if places.config.is_file() else places.config
        yield f"config/{path.relative_to(base).as_posix()}", path
    with locked(places.journal, fcntl.LOCK_SH):
        if places.head.exists():  # before the records, so that they know it
            yield f"data/{places.head.name}", places.head
        for name in DATABASES:
            if (places.data / name).exists():
                _copy_database(places.data / name, scratch / name)
                yield f"data/{name}", scratch / name
        if (places.data / KEY).exists():
            yield f"data/{KEY}", places.data / KEY
        for path in sorted(places.data.glob("*.msgpack")) + sorted((places.data / "models").glob("*.msgpack")):
            yield f"data/{path.relative_to(places.data).as_posix()}", path
        for segment in segments(places.journal):
            yield f"data/journal/{segment.path.name}", segment.path
    for path in sorted((places.data / VOICEMAIL).glob("*/*.wav")):
        yield f"data/{path.relative_to(places.data).as_posix()}", path


def _config_files(config: Path) -> list[Path]:
    """The folder's files without hidden ones; of a file, itself and what it refers to in its own folder."""
    if config.is_dir():
        paths = sorted(path for path in config.rglob("*") if path.is_file())
        return [path for path in paths if not any(part.startswith(".") for part in path.relative_to(config).parts)]
    folder = config.parent
    beside = {folder / name for name in _references(config) if (folder / name).is_file()}
    return [config, *sorted(path for path in beside if path.resolve().is_relative_to(folder.resolve()))]


def _beyond(config: Path) -> Iterator[str]:
    """What the configuration refers to outside its folder, in sentences."""
    folder = config.parent if config.is_file() else config
    for file in [config] if config.is_file() else sorted(config.glob("*.y*ml")):
        for name in dict.fromkeys(_references(file)):
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                yield f"{folder / name}: {file.name} refers to it, and it lies elsewhere"
        if re.search(r"\benv:\w", _written(file)):
            yield f"the environment's variables that {file.name} refers to"


def _references(file: Path) -> list[str]:
    return ["".join(found) for found in _REFERENCE.findall(_written(file))]


def _written(file: Path) -> str:
    """What stands there, without comments."""
    return _COMMENT.sub("", file.read_text(encoding="utf-8", errors="replace"))


def _copy_database(source: Path, target: Path) -> None:
    """A consistent copy, taken while others write. Raises sqlite3.Error."""
    target.touch(mode=0o600)
    with (
        contextlib.closing(sqlite3.connect(f"file:{source}?mode=rw", uri=True, timeout=30.0)) as here,
        contextlib.closing(sqlite3.connect(target)) as there,
    ):
        here.backup(there, pages=2048, sleep=0.005)


def _add(archive: tarfile.TarFile, name: str, path: Path, at: datetime.datetime) -> Member:
    """Add as much of a file as it has now; a journal that grows meanwhile is cut there, which its reader allows for."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        info = _info(name, status.st_size, at)
        reader = _Hashing(file, status.st_size)
        archive.addfile(info, reader)
        return Member(status.st_size, reader.digest.hexdigest())


def _add_bytes(archive: tarfile.TarFile, name: str, data: bytes, at: datetime.datetime) -> None:
    archive.addfile(_info(name, len(data), at), io.BytesIO(data))


def _info(name: str, size: int, at: datetime.datetime) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, int(at.timestamp())
    return info


class _Hashing(io.RawIOBase):
    """A file as tarfile reads it, with the SHA-256 of what went by."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        self.digest.update(data)
        return data


# -- and back ------------------------------------------------------------------------------------------------------


def read_manifest(source: Path) -> Manifest:
    """What an archive says of itself. Raises BackupError."""
    try:
        with tarfile.open(source, "r:gz") as archive:
            info = archive.getmember(MANIFEST)
            file = archive.extractfile(info) if info.isreg() and info.size <= MAX_MANIFEST else None
            if file is None:
                raise BackupError(f"{source} is no backup of Ringplan")
            manifest = msgspec.json.decode(file.read(), type=Manifest)
    except FileNotFoundError:
        raise BackupError(f"there is no file {source}") from None
    except (tarfile.TarError, EOFError, KeyError, gzip.BadGzipFile, msgspec.DecodeError, OSError) as error:
        raise BackupError(f"{source} is no backup of Ringplan, or damaged: {error}") from None
    if manifest.format != FORMAT:
        raise BackupError(f"{source} was made by another version ({manifest.version}); this one reads format {FORMAT}")
    return manifest


def restore(places: Places, source: Path, at: datetime.datetime, replace: bool = False) -> Restored:
    """Check the whole archive, then put its files into place. The exchange must not run.

    With `replace`, what stands there is set aside first, into a folder `before-restore-…` beside it; nothing is
    deleted. Raises BackupError and OSError.
    """
    manifest = read_manifest(source)
    config = places.config.parent if manifest.config_is_file else places.config
    for folder in (places.data, config):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(places.data), contextlib.ExitStack() as stack:
        staged = {
            name: stack.enter_context(_staging(folder)) for name, folder in (("data", places.data), ("config", config))
        }
        _unpack(source, manifest, staged)
        moves = [(staged["data"], places.data, {"lock"}), (staged["config"], config, set[str]())]
        only = {path.name for path in staged["config"].iterdir()} if manifest.config_is_file else None
        standing = [
            (folder, path)
            for _, folder, kept in moves
            for path in sorted(folder.iterdir())
            if path.name not in kept and not path.name.startswith((".restore-", "before-restore-"))
            if folder != config or only is None or path.name in only
        ]
        if standing and not replace:
            listed = ", ".join(str(path) for _, path in standing[:3]) + (
                " …" if len(standing) > len(standing[:3]) else ""
            )
            raise BackupError(f"something stands there already: {listed} (--replace sets it aside)")
        aside: dict[Path, Path] = {}
        for folder, path in standing:
            if folder not in aside:
                aside[folder] = folder / f"before-restore-{at:%Y%m%dT%H%M%S}"
                aside[folder].mkdir(mode=0o700)
            path.rename(aside[folder] / path.name)
        for stage, folder, _ in moves:
            for path in sorted(stage.iterdir()):
                path.rename(folder / path.name)
                _give(folder / path.name, folder)
    return Restored(manifest, tuple(aside.values()))


def _unpack(source: Path, manifest: Manifest, staged: dict[str, Path]) -> None:
    """Every member into its stage, compared with the manifest. Raises BackupError."""
    missing = dict(manifest.members)
    try:
        with tarfile.open(source, "r:gz") as archive:
            for info in archive:
                if info.name == MANIFEST:
                    continue
                wanted = missing.pop(info.name, None)
                path = PurePosixPath(info.name)
                sound = path.parts[:1] in (("data",), ("config",)) and ".." not in path.parts and info.isreg()
                file = archive.extractfile(info) if sound and wanted is not None else None
                if file is None or wanted is None:
                    raise BackupError(f"{source} holds {info.name!r}, which its manifest does not name")
                into = staged[path.parts[0]]
                for part in path.parts[1:-1]:
                    into /= part
                    into.mkdir(mode=0o700, exist_ok=True)
                into /= path.name
                if _write(file, into) != wanted:
                    raise BackupError(f"{source} is damaged: {info.name} is not what it was")
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise BackupError(f"{source} is damaged: {error}") from None
    if missing:
        raise BackupError(f"{source} is damaged: {next(iter(missing))} is missing")


def _write(file: IO[bytes], into: Path) -> Member:
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
        while data := file.read(_CHUNK):
            digest.update(data)
            size += len(data)
            out.write(data)
        out.flush()
        os.fsync(out.fileno())
    return Member(size, digest.hexdigest())


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder of ours within `folder`, so that what is unpacked is on the same file system."""
    made = Path(tempfile.mkdtemp(prefix=".restore-", dir=folder))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the supervisor's lock. Raises BackupError while an exchange runs."""
    lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _give(data / "lock", data)
        yield
    except BlockingIOError:
        raise BackupError(f"a Ringplan runs on {data}: stop it first") from None
    finally:
        os.close(lock)


def _give(path: Path, folder: Path) -> None:
    """When root restores, the files belong to whom the folder belongs: the service's user must read them."""
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    for each in [path, *path.rglob("*")] if path.is_dir() else [path]:
        os.chown(each, owner.st_uid, owner.st_gid)
