"""What may stand under `trunks:`, carrier by carrier.

Everything has a default that suits a carrier by the book (E.164 with `+`, the called number in the Request-URI, the
caller in From). `preset` names a dialect, whose values hold for the keys that are not written (`config/presets.py`).
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field

from config.presets import PRESETS
from config.problems import Wrong
from config.schema_routes import Currency
from config.section import Port, Section
from config.types import (
    E164,
    Boolean,
    Country,
    File,
    Host,
    Identifier,
    OneOrMore,
    Place,
    SecretText,
    SourceAddress,
    Text,
    Typed,
    choice,
    duration,
    integer,
)

_TAKEN = frozenset(
    ("via", "from", "to", "call-id", "cseq", "contact", "route", "record-route", "content-type", "content-length")
)


def _header_name(value: Any) -> str:
    text = value.strip().removesuffix(":") if isinstance(value, str) else ""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9.!%*_+`'~-]{0,63}", text, re.ASCII):
        raise Wrong("the name of a header is wanted here", "such as X-Call-Cost")
    if text.lower() in _TAKEN:
        raise Wrong(f"{text} means something else in SIP", "such as X-Call-Cost")
    return text


HeaderName = Annotated[str, Typed(_header_name, type="string")]
Way = Annotated[str, choice("udp", "tcp", "tls", "auto")]
Causes = Annotated[list[Annotated[int, integer(400, 699)]], OneOrMore()]
CODECS = ("opus", "g722", "pcma", "pcmu", "g729", "g726-32", "gsm", "ilbc", "speex", "amr", "amr-wb")


class TrunkEmergency(Section):
    """How emergency calls are sent to a carrier: by default as the number dialled, with the address's caller ID."""

    urn: Boolean = Field(
        default=False, description="`urn:service:sos` in place of the number (RFC 5031), where one means just that"
    )
    location: Boolean = Field(
        default=False, description="the address goes with the call as PIDF-LO (RFC 6442, RFC 5139)"
    )


class TrunkHost(Section):
    """One of several hosts of a carrier."""

    host: Host = Field(description="a name or an address")
    port: Port | None = Field(default=None, description="its port; else as the trunk's own")
    transport: Way | None = Field(default=None, description="else the trunk's own")
    priority: Annotated[int, integer(0, 65535)] = Field(default=0, description="the lowest is tried first")
    weight: Annotated[int, integer(0, 65535)] = Field(
        default=1, description="its share of the calls among hosts of one priority"
    )


class Trunk(Section):
    """A carrier."""

    preset: Annotated[str, choice(*PRESETS)] | None = Field(
        default=None, description="a dialect, whose values hold for the keys left out here: `docs/trunks.md`"
    )
    host: Host | None = Field(default=None, description="where calls are sent to; needed, unless there are `hosts`")
    port: Port | None = Field(
        default=None, description="its port; when left out a host name is asked for SRV records, else it is 5060"
    )
    transport: Way = Field(
        default="udp",
        description="udp, tcp, tls, or auto: what its host's DNS records say (NAPTR, SRV), of what we speak",
    )
    hosts: list[TrunkHost] = Field(default_factory=list, description="several hosts, in place of `host`")
    outbound_proxy: Place | None = Field(
        default=None, description="all is sent there instead, as `host` or `host:port`; `host` is what addresses name"
    )
    domain: Host | None = Field(
        default=None,
        description="the host in Request-URI, To and From; else the first host, and in From our own address unless "
        "there is a `username`",
    )
    source: Annotated[list[SourceAddress], OneOrMore()] = Field(
        default_factory=list,
        alias="from",
        description="the addresses and networks (192.0.2.0/24) that its calls come from; else those of its hosts",
    )
    certificates: Annotated[list[Host], OneOrMore()] = Field(
        default_factory=list,
        description="names in its TLS client certificate, by which its calls are known: instead of its addresses, "
        "unless `from` names some",
    )
    ca: File | None = Field(
        default=None, description="tls: a file with the CAs that it is believed by; the system's when left out"
    )
    certificate: File | None = Field(default=None, description="tls: a file with the certificate that we show there")
    key: File | None = Field(default=None, description="tls: the file with its private key")
    username: Identifier | None = Field(default=None, description="our account's name there")
    auth_username: Text | None = Field(default=None, description="the name in digests, if it is another")
    secret: SecretText | None = Field(default=None, description="our password there")
    realm: Annotated[list[Text], OneOrMore()] = Field(
        default_factory=list,
        description="the only realm whose challenges are answered, or several; else that met first",
    )
    register_: Boolean = Field(default=False, alias="register", description="whether we register there")
    registrar: Host | None = Field(default=None, description="the domain to register at, if it is not `domain`")
    expires: Annotated[float, duration(60, 86400)] = Field(
        default=3600.0, description="for how long we ask to be registered"
    )
    numbers: Annotated[str, choice("e164", "digits", "00", "national")] = Field(
        default="e164",
        description="how it wants numbers: +12125550100, 12125550100, 0012125550100 (its country's prefix), or as "
        "dialled in its country",
    )
    numbers_in: Annotated[str, choice("auto", "e164", "digits", "00", "national")] = Field(
        default="auto", description="how it sends numbers; auto takes what fits"
    )
    country: Country | None = Field(default=None, description="where national numbers are meant; else `country`")
    user_phone: Boolean = Field(default=False, description="whether `user=phone` stands behind numbers")
    did_from: Annotated[str, choice("request-uri", "to", "p-called-party-id")] = Field(
        default="request-uri", description="where it puts the number that was called"
    )
    trusted: Boolean = Field(
        default=False,
        description="whether we believe who it says calls (P-Asserted-Identity) and has forwarded (Diversion), and "
        "tell it who hides the own number: `docs/identity.md`",
    )
    caller_in: Annotated[list[Annotated[str, choice("from", "pai", "ppi", "rpid")]], OneOrMore()] = Field(
        default=["from"], min_length=1, description="where the caller is read, the first that is there: from, pai, rpid"
    )
    caller_out: Annotated[list[Annotated[str, choice("from", "pai", "ppi", "rpid")]], OneOrMore()] = Field(
        default=["from"],
        min_length=1,
        description="where the caller is written; without `from` that has our account's name",
    )
    caller_id: E164 | None = Field(
        default=None, description="the number that is shown of a line without a `caller_id` of its own"
    )
    foreign_callers: Boolean = Field(
        default=False,
        description="whether it lets us show numbers that are not ours: a call that is forwarded outside shows its "
        "caller then, else whoever forwards it",
    )
    codecs: Annotated[list[Annotated[str, choice(*CODECS)]], OneOrMore()] = Field(
        default_factory=list, description="the only codecs there, the best first; all when left out"
    )
    early_media: Boolean = Field(
        default=True, description="false: its callers get 180 in place of 183, and no sound before the answer"
    )
    srtp: Annotated[str, choice("answered", "offered", "required")] = Field(
        default="answered",
        description="SRTP with keys in the description: `answered` where the trunk offers it, `offered` besides "
        "when it is called, or `required` then",
    )
    channels: Annotated[int, integer(1, 1000000)] | None = Field(
        default=None, description="calls at once, both ways together"
    )
    calls_per_second: Annotated[int, integer(1, 100000)] | None = Field(
        default=None, description="calls begun in one second"
    )
    ping: Annotated[float, duration(0, 3600)] = Field(
        default=0.0, description="how often its hosts are asked by OPTIONS whether they live; 0s: never"
    )
    failover: Causes = Field(
        default=[408, 500, 502, 503, 504], description="answers after which the next host is tried"
    )
    avoid: Annotated[float, duration(0, 86400)] = Field(
        default=60.0, description="how long a host that failed is tried last"
    )
    transfers: Boolean = Field(
        default=False,
        description="whether the carrier may send a call on by REFER, to numbers that it could call itself",
    )
    cost_header: HeaderName | None = Field(
        default=None,
        description="the header in which it tells what a call cost (`X-Call-Cost: 0.0123 EUR`), in its answer, its BYE "
        "or the answer to ours: then that is no estimate",
    )
    cost_currency: Currency | None = Field(
        default=None, description="the currency of costs told without one; else that of its `rate_files`"
    )
    aoc: Boolean = Field(
        default=False, description="whether it tells costs in bodies by 3GPP TS 24.647 (`application/vnd.etsi.aoc+xml`)"
    )
    extensions: Boolean = Field(
        default=False, description="whether its calls may reach internal numbers, not only DIDs"
    )
    emergency: TrunkEmergency = Field(
        default_factory=TrunkEmergency, description="how it takes emergency calls: `docs/emergency.md`"
    )
