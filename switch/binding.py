"""One binding: the Contact of a REGISTER as a `Bound` event, when two are the same telephone's, and how it is reached.

    REGISTER --bound_by--> Bound (in the table and in the journal) --binding_of--> Binding (for whoever rings it)

The table that they stand in, and what a REGISTER does to it, is the registrar's (`registrar.py`).
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from sys import intern

import msgspec

from records.events import Bound, FlowAddress
from switch.auth import DeviceAuth
from switch.sip.errors import RemoteProtocolError
from switch.sip.flow import Flow, unscoped
from switch.sip.headers import NameAddr
from switch.sip.message import Request
from switch.sip.uri import Uri

MAX_CONTACT_CHARS = 1024
MAX_CALL_ID_CHARS = 256
MAX_PATH_CHARS = 2048
MAX_INSTANCE_CHARS = 128
MAX_USER_AGENT_CHARS = 96

_PARAM = re.compile(r'\s*;\s*([^\s;=]+)\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^;"\s]*))?', re.DOTALL)
_NAME_ADDR = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*|[^"<>]*)<[^>]*>', re.DOTALL)


class Binding(msgspec.Struct, frozen=True, gc=False):
    """One live contact of a line, as the Ringer needs it.

    `received` is the source (host, port) to send to instead of the contact's own address, when the phone is behind NAT;
    None when its Contact can be believed or a Path leads to it. `next_hop` is (transport, host, port) to send requests
    to, with all that considered: a phone that came over a connection is reached over the same, if it still stands.
    `direct` is where to connect to when it does not: the contact's own address, None where that cannot be believed.
    Those with a `reg_id` and the same device and instance are ways to one telephone. `at` is its last REGISTER.
    """

    uri: str
    next_hop: tuple[str, str, int]
    q: float
    flow: FlowAddress
    path: tuple[str, ...]
    received: tuple[str, int] | None
    instance: str
    reg_id: int
    device: str
    user_agent: str
    direct: tuple[str, str, int] | None = None
    at: datetime.datetime | None = None


def bound_by(
    line: str,
    device: DeviceAuth,
    contact: NameAddr,
    raw: str,
    request: Request,
    flow: Flow,
    lifetime: int,
    at: datetime.datetime,
) -> Bound:
    """The binding that one Contact asks for. Raises 400 for what cannot be called or is unreasonably long.

    Path is kept also when the phone does not say that it knows it (RFC 3327 5.3 leaves that to us): without it the
    phone behind that proxy could not be reached.
    """
    path = tuple(request.values("Path"))
    for each in path:
        _uri_of(each)
    scheme = Uri.parse(contact.uri).scheme
    if scheme not in ("sip", "sips"):
        raise RemoteProtocolError(400, "Contact Is No SIP Address")
    if scheme == "sips" and flow.transport != "tls" and not path:
        raise RemoteProtocolError(400, "SIPS Contact Without TLS")
    instance = contact.param("+sip.instance") or ""
    if (
        len(raw) > MAX_CONTACT_CHARS
        or len(request.call_id) > MAX_CALL_ID_CHARS
        or len(instance) > MAX_INSTANCE_CHARS
        or sum(map(len, path)) > MAX_PATH_CHARS
    ):
        raise RemoteProtocolError(400, "Registration Too Long")
    return Bound(
        intern(line),
        intern(device.device),
        contact.uri,
        raw,
        request.call_id,
        request.cseq,
        _q(contact.param("q")),
        at.timestamp() + lifetime,
        _address_of(flow),
        instance,
        _reg_id(contact.param("reg-id")) if instance else 0,  # RFC 5626 section 6: without an instance it is ignored
        path,
        intern((request.header("User-Agent") or "")[:MAX_USER_AGENT_CHARS]),
        at,
    )


def _address_of(flow: Flow) -> FlowAddress:
    local, remote = flow.local, flow.remote
    return FlowAddress(intern(flow.transport), intern(local[0]), local[1], remote[0], remote[1])


def check_order(old: Bound, request: Request) -> None:
    """10.3 steps 6 and 7: with the same Call-ID only a higher CSeq may change a binding."""
    if old.call_id == request.call_id and request.cseq <= old.cseq:
        raise RemoteProtocolError(500, "CSeq Out of Order")


def same_uri(one: str, other: str) -> bool:
    """Whether two contacts are one by the URI comparison (10.3 step 7)."""
    if one == other:
        return True
    try:
        return Uri.parse(one) == Uri.parse(other)
    except RemoteProtocolError:
        return False


def same_instance(old: Bound, new: Bound) -> bool:
    """Whether the new contact is the same telephone's (RFC 5626 section 6): its reboot or new address replaces the old
    one. Only among contacts of one device, so that no device can name another's instance."""
    return bool(new.instance) and new.instance == old.instance and new.reg_id == old.reg_id and new.device == old.device


def is_other_flow(old: Bound, new: Bound) -> bool:
    """Whether the same telephone has registered over another flow before, which stands beside the new one (RFC 5626
    section 6), even with the same URI."""
    return (
        bool(old.reg_id and new.reg_id)
        and old.reg_id != new.reg_id
        and old.instance == new.instance
        and old.device == new.device
    )


def _q(text: str | None) -> float:
    """A contact's preference, 1 when it names none or nonsense."""
    try:
        return min(1.0, max(0.0, float(text))) if text and text[:1] in "01." else 1.0
    except ValueError:
        return 1.0


def _reg_id(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 9 else 0


def with_expires(contact: str, seconds: int) -> str:
    """A Contact value exactly as it came, but for its `expires`, which is set in its place or added at the end."""
    if "expires" not in contact.lower():
        return f"{contact};expires={seconds}"
    start = _params_start(contact)
    for match in _PARAM.finditer(contact, start):
        if match[1].lower() == "expires":
            return f"{contact[: match.start(1)]}expires={seconds}{contact[match.end() :]}"
    return f"{contact};expires={seconds}"


def _params_start(contact: str) -> int:
    """Where the header parameters begin: behind the `>`, or without one at the first semicolon."""
    bracketed = _NAME_ADDR.match(contact)
    if bracketed is not None:
        return bracketed.end()
    end = contact.find(";")
    return end if end >= 0 else len(contact)


def binding_of(bound: Bound) -> Binding:
    """How a contact is reached."""
    flow = bound.flow
    source = (flow.remote_host, flow.remote_port)
    received = direct = None
    next_hop = (flow.transport, *source)
    uri = Uri.parse(bound.uri)
    # A name counts as NAT too: the source is where the phone is, and to resolve a name would take time.
    if bound.path:
        if flow.transport == "tcp":
            proxy = _uri_of(bound.path[0])
            if _plain(proxy.host) == _plain(flow.remote_host):
                direct = ("tcp", flow.remote_host, proxy.port or 5060)
    elif _plain(uri.host) != _plain(flow.remote_host):
        received = source
    elif flow.transport != "tls":
        # By TLS it is reached over its own connection only: nothing would prove who answers at its address.
        transport = (uri.param("transport") or flow.transport).lower()
        own = (transport, _plain(uri.host), uri.port or (5061 if uri.scheme == "sips" else 5060))
        if transport == flow.transport and transport != "udp":
            direct = own
        elif not bound.reg_id:
            # RFC 5626 section 5.3: a telephone of several flows is reached over the flow alone.
            next_hop = own
    return Binding(
        bound.uri,
        next_hop,
        bound.q,
        flow,
        bound.path,
        received,
        bound.instance,
        bound.reg_id,
        bound.device,
        bound.user_agent,
        direct,
        bound.at,
    )


def _uri_of(route: str) -> Uri:
    return Uri.parse(NameAddr.parse(route).uri)


def _plain(host: str) -> str:
    host = host.strip("[]").lower()
    if ":" not in host:
        return host
    try:
        return ipaddress.ip_address(unscoped(host)).compressed
    except ValueError:
        return host
