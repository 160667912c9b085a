"""How the exchange stands, as the composition root alone can say: for `ringplan status`, /healthz and the metrics.

Troubles are what is wrong, warnings what works as configured but is surely not meant; each is one sentence.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import switch
from config.compiled import Compiled
from media.client import WorkerEngine
from records.heartbeat import Watch
from records.journal import FileJournal
from switch.accounts import Accounts
from switch.arguments import ExchangeArguments
from switch.ban_keeper import BanKeeper
from switch.bounding import Bounding
from switch.certificates import Certificates
from switch.core import Core
from switch.keeper import BindingKeeper, FactKeeper, MailboxKeeper, SubscriptionKeeper
from switch.net.overload import Overload
from switch.sip.uri import literal
from switch.trunk_views import sick
from switch.views import WorkerView


class ExchangeStanding:
    """A `switch.operations.Standing`. `compiled` is the configuration in force."""

    def __init__(
        self,
        *,
        arguments: ExchangeArguments,
        compiled: Compiled,
        refusal: tuple[str, ...],
        core: Core,
        journal: FileJournal,
        bounding: Bounding,
        load: Overload,
        keepers: tuple[BindingKeeper | BanKeeper | FactKeeper | MailboxKeeper | SubscriptionKeeper, ...],
        engine: WorkerEngine,
        certificates: Certificates,
        feeder: Watch,
        accounts: Accounts,
        now: Callable[[], float],
    ) -> None:
        self.compiled = compiled
        self.refusal = refusal
        """Why the configuration file was not taken at the start; empty when it was, or another has been since."""
        self.not_taken: tuple[str, ...] = ()
        """Why the last reload was refused; empty when it was not."""
        self.not_taken_at = 0.0
        """When that was, as `time.time`."""
        self.at_restart: tuple[str, ...] = ()
        """A sentence for each change that was reloaded and waits for a restart."""
        self.unwatched = ""
        """Why nobody can read the metrics; empty when they can be read, or are not wanted."""
        self.draining: Callable[[], str] = str
        """What a drain waits for; empty while we serve."""
        self.quotas: Callable[[], Iterable[str]] = tuple
        """A sentence for each quota of calls outside that is used up, or nearly."""
        self.mailboxes: Callable[[], Iterable[str]] = tuple
        """A sentence for each mailbox that is locked after wrong PINs."""
        self._arguments = arguments
        self._core = core
        self._journal = journal
        self._bounding = bounding
        self._load = load
        self._keepers = keepers
        self._engine = engine
        self._certificates = certificates
        self._feeder = feeder
        self._accounts = accounts
        self._now = now

    def status(self) -> Mapping[str, Any]:
        """See `switch.operations.Standing`."""
        return {
            "version": switch.VERSION,
            "configuration": self.compiled.version,
            "config": str(self._arguments.places.config),
            "listeners": tuple(f"{s.transport} {literal(s.address)} port {s.port}" for s in self._arguments.sockets),
            "certificates": self._certificates.views(),
            "workers": tuple(WorkerView(*worker) for worker in self._engine.workers()),
            "devices": len(self.compiled.devices),
            "lines": len(self.compiled.model.lines),
            "draining": bool(self.draining()),
        }

    def troubles(self) -> Iterable[str]:
        """See `switch.operations.Standing`."""
        if drains := self.draining():
            yield drains
        health = self._journal.health()
        if health.degraded:
            yield f"journal: {health.degraded}"
        if full := self._bounding.trouble():
            yield full
        if self.unwatched:
            yield self.unwatched
        lasts_s = self._load.lasts_s(self._now())
        if lasts_s is not None:
            yield f"overload for {lasts_s:.0f} s: more comes in than can be done, new calls are refused with 503"
        yield from (keeper.trouble for keeper in self._keepers if keeper.trouble)
        for index, connected, _ in self._engine.workers():
            if not connected:
                yield f"media worker {index} is away"
        yield from self._certificates.troubles()
        late = self._feeder.trouble(time.time())
        if late:
            yield late
        if self.refusal:
            yield f"the last good configuration is in force, since at the start: {_first(self.refusal)}"

    def warnings(self) -> Iterable[str]:
        """See `switch.operations.Standing`."""
        if self.not_taken:
            at = datetime.datetime.fromtimestamp(self.not_taken_at).astimezone()
            yield f"the configuration on disk was refused at {at:%Y-%m-%d %H:%M:%S}: {_first(self.not_taken)}"
        yield from self.at_restart
        if self.compiled.devices and not self.compiled.trunks:
            yield "emergency calls cannot be made: there is no carrier under `trunks:`"
        for trunk, dialect in self._accounts.dialects.items():
            if dialect.account is not None and dialect.account.refused_realm:
                realm = dialect.account.refused_realm
                yield f"trunk {trunk}: a challenge for the realm {realm!r}, which is not its `realm`, was not answered"
        if lost := self._bounding.warning():
            yield lost
        yield from self.quotas()
        yield from self.mailboxes()
        yield from self._certificates.warnings()
        yield from sick(self._core, self._now())

    def devices(self) -> Mapping[str, str]:
        """See `switch.operations.Standing`."""
        return {each.device: each.name for each in self.compiled.devices}


def _first(problems: tuple[str, ...]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return problems[0] + more
