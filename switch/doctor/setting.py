"""How it is set up: the configuration, who can read what, the store of the records, the exchange that runs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from config.compiled import Compiled
from config.problems import Problem
from switch.arguments import Places
from switch.doctor.finding import Finding, bad, good, warning
from switch.views import StatusView

_MORE_THAN_ONE = 2


def judge_configuration(path: Path, compiled: Compiled | None, errors: Sequence[Problem]) -> Iterator[Finding]:
    """What `ringplan check` says, in a line."""
    if errors:
        more = f", and {len(errors) - 1} more" if len(errors) >= _MORE_THAN_ONE else ""
        yield bad("configuration", f"{errors[0]}{more}", "ringplan check shows them all")
    elif compiled is not None:
        yield good("configuration", f"{path} is good, version {compiled.version}")
        for problem in compiled.warnings:
            mark = problem.mark
            yield warning("configuration", f"{mark.file}:{mark.line}: {problem.message}", problem.hint)


def judge_running(view: StatusView | None, compiled: Compiled | None) -> Iterator[Finding]:
    """Whether the exchange runs, how it says it is, and whether it runs what stands in the files."""
    if view is None:
        yield warning("exchange", "it does not run, or its socket is not for you", "ringplan serve; or be root")
        return
    yield good("exchange", f"process {view.process} runs, version {view.version}")
    for trouble in view.troubles:
        yield bad("exchange", trouble)
    known = {problem.message for problem in compiled.warnings} if compiled is not None else set()
    for said in view.warnings:
        if said not in known:
            yield warning("exchange", said)
    if compiled is not None and view.configuration != compiled.version:
        said = f"it runs version {view.configuration} of the configuration, the files are {compiled.version}"
        yield warning("exchange", said, "ringplan reload")


def judge_folders(places: Places) -> Iterator[Finding]:
    """Whether strangers on this machine can read what they should not, and we what we must."""
    if places.data.exists():
        mode = places.data.stat().st_mode
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            said = f"{places.data} is open to others ({stat.filemode(mode)}): call records and password hashes"
            yield warning("privacy", said, f"chmod 0700 {places.data}")
        if not os.access(places.data, os.R_OK | os.W_OK | os.X_OK):
            yield bad(
                "privacy", f"{places.data} is not for this user", "run it as the service's user: runuser -u ringplan"
            )
    files = [places.config] if places.config.is_file() else sorted(places.config.glob("*.y*ml"))
    for file in files:
        if file.stat().st_mode & stat.S_IROTH and "secret:" in file.read_text(encoding="utf-8", errors="replace"):
            yield from judge_secrets(file)


def judge_secrets(file: Path) -> Iterator[Finding]:
    """A configuration file that everybody can read shall only refer to its passwords."""
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        _, found, value = line.partition("secret:")
        value = value.strip().strip("\"'")
        if found and value and not value.startswith(("env:", "file:", "#")):
            said = f"{file}:{number}: everybody on this machine can read the password that stands here"
            yield warning("privacy", said, f"chmod 0640 {file}, or write file:PATH#NAME in its place")
            return


def examine_store(url: str) -> Finding:
    """Whether the database of the records answers. `url` may hold a password, so it is not shown."""
    from records.store.store import Store

    kind = url.partition(":")[0].partition("+")[0]
    if kind == "sqlite":
        return good("records", "SQLite in the data folder")
    try:
        store = Store(url)
        try:
            store.reach()
        finally:
            store.close()
    except (ConnectionError, ImportError) as error:
        said = f"the {kind} database does not answer: {error}"
        return bad("records", said, "calls go on, and history waits in the journal; look at `records: url`")
    return good("records", f"the {kind} database answers")
