"""sip:, sips: and tel: addresses (RFC 3261 section 19.1, RFC 3966). What was parsed is kept, so `str()` gives back the
same text with its escapes as they were; anything derived from it is worked out when asked for.

A call asks for the same few texts again and again (its two targets, its Request-URI), so what was parsed is remembered,
within bounds; but for what may hold a secret (`is_open`), which lives as long as the message that it came in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar
from urllib.parse import unquote_to_bytes

import msgspec

from switch.sip.errors import LocalProtocolError, RemoteProtocolError

Params = tuple[tuple[str, str | None], ...]

MAX_URI = 4096
_REMEMBERED = 512

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*+):(.*)", re.DOTALL)
# A raw "#" is not in the grammar of a user part, but phones dial it; so does raw UTF-8.
_USER = r"(?:[^\x00-\x20\x7f@:<>\"%\[\]\\^`{|}]|%[0-9A-Fa-f]{2})"
_SIP = re.compile(
    rf"(?:({_USER}++)(?::({_USER}*+))?@)?"
    r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9._\-]*+))"
    r"(?::([0-9]{1,5}))?"
    r"(;[^?\x00-\x20\x7f<>\"@]*+)?"
    r"(?:\?([^\x00-\x20\x7f<>\"@]++))?"
)
_TEL = re.compile(r"(\+?(?:[0-9A-Fa-f*#\-.()]|%23)++)(;[^?\x00-\x20\x7f<>\"@]*+)?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VISUAL = str.maketrans("", "", "-.()")
_UNSAFE = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]")
_NEVER_ALONE = frozenset(("user", "ttl", "method", "maddr"))


def unescape(text: str) -> str:
    """`text` with its %HH escapes resolved; octets that are not UTF-8 stay surrogate escapes."""
    if "%" not in text:
        return text
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def escape_user(text: str) -> str:
    """`text` made fit for the user part of a sip: address: what the grammar does not allow becomes %HH."""
    if text.isascii() and text.removeprefix("+").isalnum():
        return text
    return _UNSAFE.sub(lambda m: "".join(f"%{b:02X}" for b in m[0].encode("utf-8", "surrogateescape")), text)


def literal(host: str) -> str:
    """A host as it stands in an address: IPv6 in brackets (RFC 3986 section 3.2.2)."""
    return f"[{host}]" if ":" in host and host[0] != "[" else host


def hostport(host: str, port: int) -> str:
    """`192.0.2.7:5060`, `[2001:db8::7]:5060`."""
    return f"{literal(host)}:{port}"


def is_open(text: str) -> bool:
    """Whether an address as text can hold nothing secret, so that a cache may have it: no password of its user, no
    headers, and no code with a star or a hash, behind which PINs and passwords are dialled (CST-2)."""
    coded = "*" in text or "#" in text or "%2" in text
    return not (coded or "?" in text or text.count(":", 0, text.find("@") + 1) > 1)


class _Remembered(dict[str, "Uri"]):
    """Addresses that were read lately, by their text. To look one up again no function of ours is called."""

    def __missing__(self, text: str) -> Uri:
        uri = _read(text)
        # As `is_open` says, by what is known already: who dials another number each time pays for every look.
        if not (uri.headers or uri.password is not None or "*" in text or "#" in text or "%2" in text):
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = uri
        return uri


class Uri(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One address. `user`, `password`, `params` and `headers` are as written (escaped); `port` None when not given.

    `host` is as written; an IPv6 reference keeps its brackets. A tel: number stands in `user`, with `host` empty. Of
    any other scheme only `scheme` is read; what follows it is in `opaque`. Two are equal by RFC 3261 section 19.1.4
    (tel: by RFC 3966 section 4).
    """

    raw: str
    scheme: str
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    params: Params = ()
    headers: str | None = None
    opaque: str = ""

    parse: ClassVar[Callable[[str], Uri]] = _Remembered().__getitem__
    """Read an address. Raises RemoteProtocolError: 400 when malformed, 414 when too long."""

    @staticmethod
    def sip(user: str | None, host: str, port: int | None = None, params: Params = (), *, scheme: str = "sip") -> Uri:
        """Build a sip: address; `user` is plain text and is escaped here, `host` may be a bare IPv6 address."""
        text = f"{scheme}:{escape_user(user) + '@' if user else ''}{literal(host)}{f':{port}' if port else ''}"
        text += "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params)
        try:
            return Uri.parse(text)
        except RemoteProtocolError as error:
            raise LocalProtocolError(f"no SIP URI: {text!r}") from error

    def __str__(self) -> str:
        return self.raw

    def param(self, name: str) -> str | None:
        """The value of parameter `name` (any case), unescaped: "" when it stands without a value, None when absent."""
        for key, value in self.params:
            if key == name or (unescape(key) if "%" in key else key).lower() == name:
                return "" if value is None else unescape(value)
        return None

    @property
    def user_text(self) -> str:
        """The user part with its escapes resolved; "" without one."""
        user = self.user or ""
        return unescape(user) if "%" in user else user

    def number(self) -> str:
        """What was dialled: the user part without escapes; visual separators and number parameters are dropped where
        the address says that it is a telephone number (tel:, or user=phone)."""
        if self.scheme == "tel" or self.param("user") == "phone":
            return self.user_text.partition(";")[0].translate(_VISUAL)
        return self.user_text

    def dialled(self) -> str:
        """What was dialled, without the parameters of a telephone number (which a sip: address may have in its user
        part, RFC 3261 section 19.1.6), but with a phone-context that is a number: `2125550100;phone-context=+1`.

        A context that is a domain says nothing that the digits do not, since it is we who were asked (RFC 3966
        section 5.1.5); and a number with its `+` needs none.
        """
        if self.scheme == "tel":
            digits, context = self.number(), self.param("phone-context")
        else:
            digits, _, rest = self.user_text.partition(";")
            if not rest:
                return digits
            found = (part.partition("=") for part in rest.split(";"))
            context = next((value for name, _, value in found if name.lower() == "phone-context"), None)
        if context and context.startswith("+") and not digits.startswith("+"):
            return f"{digits};phone-context={context}"
        return digits

    def _identity(self) -> tuple[str, str, str | None, str, int | None]:
        if self.scheme == "tel":
            return self.scheme, self.number().lower(), None, "", None
        if self.opaque:
            return self.scheme, self.opaque, None, "", None
        password = None if self.password is None else unescape(self.password)
        return self.scheme, self.user_text, password, self.host.lower(), self.port

    def __hash__(self) -> int:
        return hash(self._identity())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Uri):
            return NotImplemented
        if self.raw == other.raw:
            return True
        if self._identity() != other._identity():
            return False
        mine, theirs = self._param_map(), other._param_map()
        for name in mine.keys() | theirs.keys():
            alone = (name in mine) != (name in theirs)
            if (alone and (name in _NEVER_ALONE or self.scheme == "tel")) or (not alone and mine[name] != theirs[name]):
                return False
        return self._header_list() == other._header_list()

    def __ne__(self, other: object) -> bool:
        # The Struct underneath has a comparison of its own, which would win over the usual "not ==".
        return not self == other

    def _param_map(self) -> dict[str, str]:
        return {unescape(name).lower(): unescape(value or "").lower() for name, value in self.params}

    def _header_list(self) -> list[tuple[str, str]]:
        pairs = (part.partition("=") for part in (self.headers or "").split("&") if part)
        return sorted((unescape(name).lower(), unescape(value)) for name, _, value in pairs)


def _read(text: str) -> Uri:
    """See `Uri.parse`."""
    if len(text) > MAX_URI:
        raise RemoteProtocolError(414, "URI too long")
    head = _SCHEME.fullmatch(text)
    if head is None:
        raise RemoteProtocolError(400, "Malformed URI")
    scheme, rest = head[1].lower(), head[2]
    if scheme == "sip" or scheme == "sips":
        match = _SIP.fullmatch(rest)
        if match is None:
            raise RemoteProtocolError(400, "Malformed SIP URI")
        user, password, host, digits, tail, headers = match.groups()
        port = None
        if digits is not None:
            port = int(digits)
            if not 0 < port < 65536:
                raise RemoteProtocolError(400, "Malformed SIP URI (port)")
        params = _params(tail) if tail else ()
        if headers and "%" in headers and _BAD_ESCAPE.search(headers):
            raise RemoteProtocolError(400, "Malformed SIP URI (escape)")
        return Uri(text, scheme, user, password, host, port, params, headers)
    if scheme == "tel":
        match = _TEL.fullmatch(rest)
        if match is None:
            raise RemoteProtocolError(400, "Malformed tel URI")
        return Uri(text, scheme, match[1], params=_params(match[2]) if match[2] else ())
    return Uri(text, scheme, opaque=rest)


def _params(tail: str) -> Params:
    if "%" in tail and _BAD_ESCAPE.search(tail):
        raise RemoteProtocolError(400, "Malformed URI (escape)")
    found = []
    for part in tail[1:].split(";"):
        name, equals, value = part.partition("=")
        if not name or (equals and not value):
            raise RemoteProtocolError(400, "Malformed URI (parameter)")
        found.append((name, value if equals else None))
    return tuple(found)
