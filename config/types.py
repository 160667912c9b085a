"""The kinds of value that an operator writes, each from the text that was typed and from nothing else.

A plain `bool` or `int` field would let pydantic guess; these do not. Every refusal says what to write instead.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from config.problems import Wrong, nearest
from dialplan.countries import is_country
from dialplan.numbers import clean

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_.!~*'&=+$-]+", re.ASCII)
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_-]+)*\.?", re.ASCII)


class Secret:
    """A secret as written: the text itself, or a reference (`env:NAME`, `file:PATH`). It never shows what it holds."""

    __slots__ = ("written",)

    def __init__(self, written: str) -> None:
        self.written = written

    @property
    def literal(self) -> bool:
        """Whether the secret itself stands in the configuration."""
        return not self.written.startswith(("env:", "file:"))

    def __repr__(self) -> str:
        return "Secret(***)"


def _text(value: object) -> str:
    if not isinstance(value, str):
        kind = "a mapping" if isinstance(value, dict) else "a list"
        raise Wrong(f"a single value is wanted here, this is {kind}")
    return value


def parse_duration(text: str) -> float:
    """Seconds. Raises Wrong for anything without a unit."""
    match = _DURATION.fullmatch(text)
    if match is None:
        bare = re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text, re.ASCII)
        raise Wrong("a duration needs a unit", f"write `{text}s` for seconds" if bare else "such as 500ms, 20s, 2m, 1h")
    return float(match[1]) * _UNITS[match[2]]


def _duration(low_s: float, high_s: float) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        return bounded_duration(_text(value), low_s, high_s)

    return check


def bounded_duration(text: str, low_s: float, high_s: float) -> float:
    """Seconds. Raises Wrong beyond the bounds, and for anything without a unit; then the hint has one that fits."""
    if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) and not low_s <= int(text) <= high_s:
        lowest = shown_duration(low_s)
        units = (lowest[-1], "m", "h", "d")
        fits = next((unit for unit in units if low_s <= int(text) * _UNITS[unit] <= high_s), "")
        raise Wrong("a duration needs a unit", f"such as `{text}{fits}`" if fits else f"such as {lowest}")
    seconds = parse_duration(text)
    if not low_s <= seconds <= high_s:
        raise Wrong(f"must be from {shown_duration(low_s)} to {shown_duration(high_s)}")
    return seconds


def shown_duration(seconds: float) -> str:
    """As an operator writes it."""
    for unit in ("d", "h", "m", "s"):
        if seconds >= _UNITS[unit] and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:g}{unit}"
    return f"{seconds * 1000:g}ms" if seconds else "0s"


def _integer(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        text = _text(value)
        if not _INTEGER.fullmatch(text) or len(text) > 18:
            raise Wrong("a whole number is wanted here", f"from {low} to {high}")
        if not low <= int(text) <= high:
            raise Wrong(f"must be from {low} to {high}")
        return int(text)

    return check


def _boolean(value: Any) -> bool:
    text = _text(value)
    if text not in ("true", "false"):
        near = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}
        meant = near.get(text.lower(), text.lower() if text.lower() in ("true", "false") else "")
        raise Wrong("must be `true` or `false`", f"write `{meant}`" if meant else "")
    return text == "true"


def _secret(value: Any) -> Secret:
    text = _text(value)
    if not text or text in ("env:", "file:"):
        raise Wrong("a secret must not be empty", "write the text itself, `env:NAME` or `file:PATH`")
    if "\n" in text or "\r" in text:
        raise Wrong("a secret is one line")
    return Secret(text)


def _string(value: Any) -> str:
    text = _text(value)
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise Wrong("control characters and line ends cannot stand here")
    return text


def _identifier(value: Any) -> str:
    text = _text(value)
    if not _NAME.fullmatch(text) or len(text) > 64:
        raise Wrong("a name is made of letters, digits and - _ . only", "1 to 64 characters without spaces")
    return text


def _extension(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"[0-9]{1,15}", text, re.ASCII):
        raise Wrong("an internal number is made of 1 to 15 digits")
    return text


def _dialled(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"[0-9*#]{1,15}", text, re.ASCII):
        raise Wrong("a number to dial is made of 1 to 15 digits, * and #")
    return text


def e164(value: Any) -> str:
    """A whole number of the world. Raises Wrong."""
    text = _text(value)
    number = clean(text) if ";" not in text else ""
    if not re.fullmatch(r"\+[1-9][0-9]{4,14}", number):
        # Ten digits and more are most likely the whole number without its plus.
        whole = re.fullmatch(r"[1-9][0-9]{9,14}", number)
        raise Wrong(
            "an outside number is written with its country code",
            f"write `+{number}`, if that is all of it" if whole else "such as +12125550100",
        )
    return number


def _country(value: Any) -> str:
    text = _text(value)
    if not is_country(text):
        hint = f"write `{text.upper()}`" if is_country(text.upper()) else "two letters by ISO 3166, such as US, GB, DE"
        if text.upper() == "UK":
            hint = "write `GB`"
        raise Wrong("not a country code", hint)
    return text


def _area_code(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII):
        raise Wrong("an area code is made of 1 to 5 digits")
    return text


def _address(value: Any) -> str:
    text = _text(value)
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise Wrong("an IP address is wanted here", "such as 192.0.2.1 or 2001:db8::1") from None


def _cidr(value: Any) -> str:
    """A network in CIDR notation; an address alone is a network of one. Bits behind the prefix are cut off."""
    text = _text(value)
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise Wrong("a network is wanted here", "such as 192.168.0.0/16 or 2001:db8::/32") from None


_DSCP_NAMES = {
    "BE": 0,
    "LE": 1,  # RFC 8622
    "VA": 44,  # RFC 5865
    "EF": 46,  # RFC 3246
    **{f"CS{n}": 8 * n for n in range(8)},
    **{f"AF{c}{d}": 8 * c + 2 * d for c in range(1, 5) for d in range(1, 4)},  # RFC 2597
}


def _dscp(value: Any) -> int:
    text = _text(value)
    known = _DSCP_NAMES.get(text.upper())
    if known is not None:
        return known
    if not _INTEGER.fullmatch(text) or not 0 <= int(text[:9]) <= 63:
        raise Wrong("not a DSCP", "a number from 0 to 63, or a name such as CS3, AF31, EF")
    return int(text)


def _source(value: Any) -> str:
    """An address by which a carrier is recognised, with a port if need be, or a network."""
    text = _text(value)
    if "/" in text:
        return _network(text)
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and "." in host:
        return f"{_address(host)}:{_integer(1, 65535)(port)}"
    return _address(text)


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        try:
            whole = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise Wrong("a network is wanted here", "such as 192.0.2.0/24 or 2001:db8::/32") from None
        raise Wrong("this network has digits behind its prefix", f"write `{whole}`") from None
    if network.prefixlen < (8 if network.version == 4 else 19):
        raise Wrong("nobody's carrier is that large", "the addresses that its calls come from")
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address if single else network)


def _place(value: Any) -> str:
    """A host, with a port if need be."""
    text = _text(value)
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host.strip("[]") and not host.startswith("[")):
        return _host(text)
    if not port.isdecimal():
        return _host(text)
    name = _host(host)
    return f"{f'[{name}]' if ':' in name else name}:{_integer(1, 65535)(port)}"


def _file(value: Any) -> str:
    text = _string(value)
    if not text:
        raise Wrong("the name of a file is wanted here")
    return text


def _host(value: Any) -> str:
    text = _text(value)
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        if _HOST.fullmatch(text) and not re.fullmatch(r"[0-9.]+", text):
            return text.lower()
        bare = re.match(r"sips?:", text, re.IGNORECASE)
        port = "the port has a key of its own" if ":" in text else "such as sip.example.com"
        raise Wrong("a host name or IP address is wanted here", "without `sip:`" if bare else port) from None


def _ports(value: Any) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})\s*-\s*([0-9]{1,5})", _text(value), re.ASCII)
    if match is None:
        raise Wrong("a range of ports is wanted here", "such as 20000-29999")
    first, last = int(match[1]), int(match[2])
    if not 1024 <= first < last <= 65535 or last - first < 3:
        raise Wrong("ports must be from 1024 to 65535, the smaller one first, four at the least")
    return first, last


def _sound(value: Any) -> str:
    text = _text(value)
    if text == "echo":
        return text
    match = re.fullmatch(r"tone:([0-9]{2,4})", text, re.ASCII)
    if match is None:
        raise Wrong("not something that can be played", "`echo`, or a tone and its frequency in Hz: `tone:425`")
    if not 50 <= int(match[1]) <= 3400:
        raise Wrong("a tone must be from 50 to 3400 Hz")
    return text


DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)$"


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class OneOrMore:
    """Marks an annotated list: one text alone stands for a list of it, for the reader and for editors alike."""

    __slots__ = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_one_or_more, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        array = handler(core)
        return {"anyOf": [array["items"], array]}


class Typed:
    """Marks an annotated type: `check` makes its value from the text, `schema` is what editors are told."""

    __slots__ = ("check", "schema")

    def __init__(self, check: Callable[[Any], Any], **schema: Any) -> None:
        self.check = check
        self.schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return dict(self.schema)


def choice(*words: str) -> Typed:
    """One of these words."""

    def check(value: Any) -> str:
        text = _text(value)
        if text not in words:
            *others, last = (f"`{word}`" for word in words)
            near = nearest(text.lower(), words)
            raise Wrong(
                f"must be {', '.join(others)} or {last}" if others else f"must be {last}",
                f"did you mean `{near}`?" if near else "",
            )
        return text

    return Typed(check, enum=list(words))


def integer(low: int, high: int) -> Typed:
    """A whole number, bounds included. No leading zeros: a text with one is not a number."""
    return Typed(_integer(low, high), type="integer", minimum=low, maximum=high)


def duration(low_s: float, high_s: float) -> Typed:
    """A duration with its unit, as seconds; bounds included."""
    return Typed(_duration(low_s, high_s), type="string", pattern=DURATION_PATTERN)


# Editors' YAML makes an integer of 101; the loader does not. So editors are told that both are right.
_EITHER = ["string", "integer"]

Boolean = Annotated[bool, Typed(_boolean, type="boolean")]
Text = Annotated[str, Typed(_string, type=_EITHER)]
Identifier = Annotated[str, Typed(_identifier, type=_EITHER)]
Extension = Annotated[str, Typed(_extension, type=_EITHER)]
Dialled = Annotated[str, Typed(_dialled, type=_EITHER)]
E164 = Annotated[str, Typed(e164, type="string")]
Country = Annotated[str, Typed(_country, type="string", pattern="^[A-Z]{2}$")]
AreaCode = Annotated[str, Typed(_area_code, type=_EITHER)]
Address = Annotated[str, Typed(_address, type="string")]
Network = Annotated[str, Typed(_cidr, type="string")]
Dscp = Annotated[int, Typed(_dscp, type=["string", "integer"])]
SourceAddress = Annotated[str, Typed(_source, type="string")]
Host = Annotated[str, Typed(_host, type="string")]
File = Annotated[str, Typed(_file, type=_EITHER)]
Place = Annotated[str, Typed(_place, type="string")]
PortRange = Annotated[tuple[int, int], Typed(_ports, type="string", pattern=r"^[0-9]+\s*-\s*[0-9]+$")]
Sound = Annotated[str, Typed(_sound, type="string", pattern="^(echo|tone:[0-9]+)$")]
SecretText = Annotated[Secret, Typed(_secret, type=_EITHER)]
