"""The certificates that listeners and trunks show: whether they can be used, and how long they last."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

from config.certificates import check_authorities, read_pair
from config.compiled import Compiled
from config.fitting_tls import ended
from config.problems import Wrong
from switch.certificates import sources_of
from switch.doctor.finding import Finding, bad, good, warning

RENEW = "renew it; docs/tls.md has certbot's hook"


def examine(compiled: Compiled, folder: Path, now: datetime.datetime) -> Iterator[Finding]:
    """Read each pair of files as the exchange would. `folder` is the configuration's."""
    for source in sources_of(compiled):
        for pair in source.pairs:
            try:
                found = read_pair(folder, pair.certificate, pair.key)
            except Wrong as wrong:
                yield bad("certificate", f"{source.where}: {wrong}")
            else:
                yield judge(f"{source.where}: {found.name}", found.ends_at, now)
        if source.ca:
            try:
                check_authorities(folder, source.ca)
            except Wrong as wrong:
                yield bad("certificate", f"{source.where}: {wrong}")


def judge(name: str, ends_at: datetime.datetime, now: datetime.datetime) -> Finding:
    """How long a certificate lasts."""
    if ends_at <= now:
        return bad("certificate", f"{name} {ended(ends_at, now)}", RENEW)
    if said := ended(ends_at, now):
        return warning("certificate", f"{name} {said}", RENEW)
    return good("certificate", f"{name} is good until {ends_at:%Y-%m-%d}")
