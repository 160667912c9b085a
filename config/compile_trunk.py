"""From a trunk as the operator wrote it, and the dialect that it names, to the settings that the switch is handed."""

from __future__ import annotations

from config.compiled import CertificateSettings, HostSettings, TrunkAccount, TrunkSettings
from config.presets import PRESETS
from config.schema_trunk import Trunk


def effective(trunk: Trunk) -> Trunk:
    """The trunk with its preset's values in place of what was not written."""
    values = PRESETS.get(trunk.preset or "", {})
    missing = {key: value for key, value in values.items() if key not in trunk.model_fields_set}
    return trunk.model_copy(update=missing) if missing else trunk


def trunk_settings(name: str, written: Trunk, country: str, secret: str) -> TrunkSettings:
    """What the switch is handed. Total also for a trunk with errors, whose settings nobody sees."""
    trunk = effective(written)
    hosts = tuple(
        HostSettings(
            host=each.host,
            port=each.port or trunk.port or 0,
            transport=_way(each.transport or trunk.transport),
            priority=each.priority,
            weight=each.weight,
        )
        for each in trunk.hosts
    )
    if not hosts:
        hosts = (HostSettings(host=trunk.host or "", port=trunk.port or 0, transport=_way(trunk.transport)),)
    user = trunk.username or ""
    domain = trunk.domain or hosts[0].host
    return TrunkSettings(
        id=name,
        hosts=hosts,
        proxy=_proxy(trunk),
        domain=domain,
        from_domain=domain if trunk.domain or user else "",
        sources=tuple(sources(trunk)),
        certificates=tuple(trunk.certificates),
        ca=trunk.ca or "",
        certificate=CertificateSettings(certificate=trunk.certificate, key=trunk.key)
        if trunk.certificate and trunk.key
        else None,
        account=TrunkAccount(
            user=user, digest_user=trunk.auth_username or user, secret=secret, realms=tuple(trunk.realm)
        ),
        register=trunk.register_,
        registrar=trunk.registrar or domain,
        expires_s=int(trunk.expires),
        numbers=trunk.numbers,
        numbers_in=trunk.numbers_in,
        country=trunk.country or country,
        user_phone=trunk.user_phone,
        did_from=trunk.did_from,
        trusted=trunk.trusted,
        caller_in=tuple(trunk.caller_in),
        caller_out=tuple(trunk.caller_out),
        codecs=tuple(trunk.codecs),
        early_media=trunk.early_media,
        srtp=trunk.srtp,
        channels=trunk.channels or 0,
        calls_per_second=trunk.calls_per_second or 0,
        ping_s=trunk.ping,
        failover=tuple(trunk.failover),
        avoid_s=trunk.avoid,
        transfers=trunk.transfers,
        cost_header=trunk.cost_header or "",
        cost_currency=trunk.cost_currency or "",
        aoc=trunk.aoc,
        emergency_urn=trunk.emergency.urn,
        emergency_location=trunk.emergency.location,
    )


def _proxy(trunk: Trunk) -> HostSettings | None:
    if trunk.outbound_proxy is None:
        return None
    host, colon, port = trunk.outbound_proxy.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = trunk.outbound_proxy, "0"
    return HostSettings(host=host.strip("[]"), port=int(port), transport=_way(trunk.transport))


def _way(transport: str) -> str:
    return "" if transport == "auto" else transport


def sources(trunk: Trunk) -> list[str]:
    """The addresses that its calls come from, as far as the configuration itself says."""
    if trunk.source or trunk.certificates:
        return trunk.source
    hosts = [each.host for each in trunk.hosts] or ([trunk.host] if trunk.host else [])
    return [host for host in dict.fromkeys(hosts) if is_address(host)]


def is_address(host: str) -> bool:
    """Whether it is no name."""
    return host.replace(".", "").isdecimal() or ":" in host
