"""Where a caller in need is, as it is written into an INVITE: a PIDF-LO document (RFC 4119, civic parts by RFC 5139, a
point by RFC 5491) in a body of several parts, to which the header Geolocation points (RFC 6442)."""

from __future__ import annotations

import datetime

from dialplan.model import CivicAddress
from switch.sip.parts import Part, mixed
from switch.sip.uri import literal

PIDF = "application/pidf+xml"
_NAMESPACES = (
    ("", "urn:ietf:params:xml:ns:pidf"),
    (":gp", "urn:ietf:params:xml:ns:pidf:geopriv10"),
    (":ca", "urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"),
    (":gml", "http://www.opengis.net/gml"),
)
_WGS84 = "urn:ogc:def:crs:EPSG::4326"
# In the order of RFC 5139's schema.
_CIVIC = (
    ("country", "country"),
    ("A1", "state"),
    ("A3", "city"),
    ("RD", "street"),
    ("HNO", "number"),
    ("FLR", "floor"),
    ("NAM", "name"),
    ("PC", "postal_code"),
    ("BLD", "building"),
    ("ROOM", "room"),
)
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def carried(
    address: CivicAddress, number: str, host: str, offer: bytes, token: str, at: datetime.datetime
) -> tuple[list[str], bytes]:
    """The header lines that go with a call for help from that address, and the body of its INVITE in place of the
    `offer`. `number` is who calls, at our own `host`; `token` occurs nowhere else."""
    place = f"{token}@{literal(host)}"
    document = pidf(address, f"pres:{_safe(number)}@{literal(host)}", token, at)
    # Who makes nothing of the address shall take the call all the same (RFC 5621 section 4).
    head = f"Content-Type: {PIDF}\r\nContent-ID: <{place}>\r\nContent-Disposition: by-reference;handling=optional"
    parts = [Part("Content-Type: application/sdp", offer)] if offer else []
    body = mixed([*parts, Part(head, document)], token)
    return [f"Geolocation: <cid:{place}>", "Geolocation-Routing: yes", "Supported: geolocation"], body


def pidf(address: CivicAddress, entity: str, tag: str, at: datetime.datetime) -> bytes:
    """The document."""
    known = ((part, getattr(address, name)) for part, name in _CIVIC)
    civic = "".join(f"<ca:{part}>{_text(value)}</ca:{part}>" for part, value in known if value)
    point = ""
    if address.latitude:
        position = f"<gml:pos>{_text(address.latitude)} {_text(address.longitude)}</gml:pos>"
        point = f'<gml:Point srsName="{_WGS84}">{position}</gml:Point>'
    spaces = "".join(f' xmlns{name}="{uri}"' for name, uri in _NAMESPACES if name != ":gml" or point)
    made = at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n'
        f'<presence{spaces} entity="{_text(entity)}"><tuple id="t{_text(tag)}"><status><gp:geopriv><gp:location-info>'
        f"{point}<ca:civicAddress>{civic}</ca:civicAddress></gp:location-info>"
        "<gp:usage-rules/><gp:method>Manual</gp:method></gp:geopriv></status>"
        f"<timestamp>{made}</timestamp></tuple></presence>"
    )
    return text.encode("utf-8", "replace")


def _text(value: str) -> str:
    """For XML: marks written out, and without the characters that it cannot hold."""
    return "".join(c for c in value if c >= " " and c not in "\ufffe\uffff\x7f").translate(_ESCAPES)


def _safe(number: str) -> str:
    return "".join(c for c in number if c.isascii() and (c.isalnum() or c in "+-._")) or "anonymous"
