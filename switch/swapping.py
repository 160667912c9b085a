"""Another configuration comes into force, all of it in one turn of the loop: nobody meets half of it.

Live calls keep the plan that they began with; what comes next is decided by the new model. Registrations stay, but for
those that the new configuration no longer allows. Whatever takes long (compiling, reading the result, finding carriers)
lies before; what is left costs a millisecond or two for a thousand users.
"""

from __future__ import annotations

from collections.abc import Mapping

from config.compiled import Compiled
from records import events as e
from switch import handed
from switch.accounts import Accounts
from switch.core import Core
from switch.domains import Domains
from switch.net.guard import Guard
from switch.trunk_hosts import TrunkHost


def swap(core: Core, accounts: Accounts, compiled: Compiled, trunks: Mapping[str, TrunkHost], now: float) -> None:
    """Hand a version to all that keep something of it. `trunks` are its carriers, where they were found."""
    core.facts.use(compiled.model)
    # The hashes are of the realm: both change together.
    core.authenticator.settings = handed.auth_settings(compiled)
    core.registrar.settings = handed.registrar_settings(compiled)
    core.calls.use(handed.call_settings(compiled, core.calls.context.settings.silence_s))
    reach(core, accounts, compiled, trunks, now)
    core.qualify(handed.qualify_settings(compiled), now)
    devices = compiled.model.devices

    def allowed(bound: e.Bound) -> bool:
        device = devices.get(bound.device)
        return device is not None and bound.line in device.lines

    core.prune(allowed, now)
    core.directory.srtp = {each.device: each.srtp for each in compiled.devices if each.srtp != "answered"}
    core.tell_unasked({each.device: each.lines[0] for each in compiled.devices if each.unasked and each.lines}, now)


def reach(core: Core, accounts: Accounts, compiled: Compiled, trunks: Mapping[str, TrunkHost], now: float) -> None:
    """The same of the carriers alone, which move while the configuration stays."""
    accounts.use(compiled.trunks)
    core.directory.use(compiled.model, trunks, accounts.dialects, Domains(compiled.domains))
    core.trunks_changed(now)


def trust(guard: Guard, trunks: Mapping[str, TrunkHost]) -> None:
    """Carriers, where they are now, are no strangers."""
    guard.trusted = frozenset(
        source.rpartition(":")[0] if source.count(":") == 1 else source
        for trunk in trunks.values()
        for source in trunk.sources
    )


def admit(guard: Guard, compiled: Compiled) -> None:
    """Whom the guard lets in, and when it shuts somebody out."""
    networks = [source for trunk in compiled.trunks for source in trunk.sources if "/" in source]
    guard.hidden = compiled.guard.hidden
    guard.use(handed.ban_settings(compiled.guard), [*compiled.guard.allow, *networks])
