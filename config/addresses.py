"""What `listen` and `media` say of our addresses: which networks are our own by default, and what is not meant so.

The choice that is made of it for each peer is in `switch/net/reachability.py`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from config.loader import Mapping
from config.problems import Problem
from config.schema import Configuration
from config.validate import Loaded

USUAL_NETWORKS = (
    "10.0.0.0/8",  # RFC 1918
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",  # RFC 3927, link-local
    "127.0.0.0/8",
    "fc00::/7",  # RFC 4193, unique local
    "fe80::/10",  # link-local
    "::1/128",
)
"""The networks that the Internet does not route, and that are therefore ours: whoever speaks to us from one is near."""


def local_networks(written: Sequence[str] | None) -> tuple[str, ...]:
    """The networks in force for what the operator wrote; None where nothing was."""
    return USUAL_NETWORKS if written is None else tuple(written)


def sound_told(settings: Configuration) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`media: advertise` (one a family) and its networks. What was left out is as under `listen`; without any address
    here, that of the listener which a telephone speaks to holds with its own networks."""
    media = settings.media
    told = tuple(media.advertise)
    if not told and media.local_networks is not None:
        by_family = {
            ":" in each: each for each in (one.advertise or "" for one in reversed(settings.listen)) if _ip(each)
        }
        told = tuple(by_family.values())
    networks = media.local_networks
    if networks is None:
        networks = next((each.local_networks for each in settings.listen if each.local_networks is not None), None)
    return told, local_networks(networks)


def written(loaded: Loaded, section: str, key: str) -> bool:
    """Whether the operator has written that key; else its default holds."""
    entry = loaded.tree.entries.get(section)
    return entry is not None and isinstance(entry.node, Mapping) and key in entry.node.entries


def lint(loaded: Loaded) -> Iterator[Problem]:
    """`advertise` and `local_networks` that cannot do what they are there for."""
    settings = loaded.settings
    for at, each in enumerate(settings.listen):
        told = [each.advertise] if each.advertise else []
        yield from _section(loaded, told, each.local_networks, [each.address], ("listen", at))
    media = settings.media
    inherited = [each.advertise for each in settings.listen if each.advertise]
    yield from _section(loaded, media.advertise, media.local_networks, media.address, ("media",), inherited)
    named = [
        (at, each.advertise) for at, each in enumerate(settings.listen) if each.advertise and not _ip(each.advertise)
    ]
    if named and not media.advertise:
        at, name = named[0]
        hint = "write the address that it stands for under `media: advertise`"
        message = f"SDP needs an address, and {name} is a name: sound is told our own address"
        yield Problem("advertise", loaded.mark("listen", at, "advertise"), message, hint)


def _section(
    loaded: Loaded,
    told: Sequence[str],
    networks: Sequence[str] | None,
    bound: Sequence[str],
    path: tuple[str | int, ...],
    inherited: Sequence[str] = (),
) -> Iterator[Problem]:
    if networks is not None and not told and not inherited:
        message = "`local_networks` does nothing without `advertise`"
        yield Problem(
            "advertise", loaded.mark(*path, "local_networks"), message, "everybody is told the interface's own address"
        )
    own = [ipaddress.ip_network(each) for each in local_networks(networks)]
    for advertise in told:
        address = _ip(advertise)
        if address is None:
            continue
        mark = loaded.mark(*path, "advertise")
        if not any(_ip_version(each) == address.version for each in bound):
            message = f"`advertise`: {advertise} is IPv{address.version}, which is not spoken on {' and '.join(bound)}"
            yield Problem("advertise", mark, message, "nobody will be told it")
        elif any(address in network for network in own):
            message = f"`advertise`: {advertise} is itself in one of `local_networks`, whose peers are not told it"
            hint = "name the networks behind it alone, such as the container's own: `local_networks: 172.17.0.0/16`"
            yield Problem("advertise", mark, message, hint if networks is None else "take that network out of the list")


def _ip(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text or "")
    except ValueError:
        return None


def _ip_version(address: str) -> int:
    return 6 if ":" in address else 4
