"""Digest access authentication as pure functions (RFC 7616 with SIP's RFC 8760; RFC 2617 for old clients).

Both sides are here. Which nonces are good is the server's policy and stands elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from functools import lru_cache, partial

import msgspec

from switch.sip.errors import LocalProtocolError, RemoteProtocolError
from switch.sip.headers import quote, unquote
from switch.sip.uri import is_open

_ITEM = re.compile(
    r'[ \t]*+([A-Za-z0-9\-.!%*_+`\'~]++)[ \t]*+=[ \t]*+("[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s",]*+)[ \t]*+(,|$)', re.DOTALL
)
_NAMES = frozenset(
    ("username", "realm", "nonce", "uri", "response", "algorithm", "cnonce", "opaque", "qop", "nc", "stale", "domain")
)
_REMEMBERED = 128
_SCHEME = re.compile(r"[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)(?:[ \t]++(.*+))?", re.DOTALL)
_HASHES: dict[str, Callable[[bytes], hashlib._Hash]] = {
    "MD5": partial(hashlib.md5, usedforsecurity=False),
    "SHA-256": hashlib.sha256,
}


class _NotOpen(Exception):  # noqa: N818 - no error: what raises it is not remembered
    """There may be a secret in what was to be remembered."""


class Digest(msgspec.Struct, frozen=True, gc=False):
    """The parameters of a challenge or of credentials: names in lower case, values unquoted."""

    params: dict[str, str]

    def get(self, name: str) -> str:
        """A parameter, "" when absent."""
        return self.params.get(name, "")

    @property
    def algorithm(self) -> str:
        """`algorithm` in upper case; MD5 when it is not given (RFC 7616 section 3.3)."""
        return self.params.get("algorithm", "MD5").upper()

    @property
    def qops(self) -> list[str]:
        """The qop options offered (challenge) or the one used (credentials), in lower case."""
        return [item for part in self.get("qop").lower().split(",") if (item := part.strip())]


def parse(value: str) -> Digest | None:
    """Read Authorization, Proxy-Authorization, WWW-Authenticate or Proxy-Authenticate.

    None when the scheme is not Digest, which a server treats as if the header were not there (RFC 4475 section
    3.3.7). Raises RemoteProtocolError(400) when it is Digest but malformed, a parameter given twice included.
    """
    if value[:7] == "Digest ":
        usual = _usual(value[7:])
        if usual is not None:
            return Digest(usual)
    head = _SCHEME.fullmatch(value)
    if head is None:
        raise RemoteProtocolError(400, "Malformed credentials")
    if head[1].lower() != "digest":
        return None
    text = (head[2] or "").rstrip(" \t")
    params = {}
    at = 0
    while at < len(text):
        match = _ITEM.match(text, at)
        if match is None or (match[3] == "," and match.end() == len(text)):
            raise RemoteProtocolError(400, "Malformed credentials")
        name = match[1].lower()
        if name in params:
            raise RemoteProtocolError(400, f"Duplicate {name} in credentials")
        params[name] = unquote(match[2])
        at = match.end()
    if not params:
        raise RemoteProtocolError(400, "Malformed credentials")
    return Digest(params)


def _usual(text: str) -> dict[str, str] | None:
    """The parameters as nearly all write them: known names, no gaps, no comma within quotes, nothing escaped, none
    given twice. None for anything else, which is read with care."""
    params: dict[str, str] = {}
    items = text.replace(", ", ",").split(",")
    quotes = 0
    for item in items:
        name, _, given = item.partition("=")
        if given[:1] == '"':
            if given[-1] != '"' or len(given) == 1:
                return None
            quotes += 2
            params[name] = given[1:-1]
        elif given and " " not in given:
            params[name] = given
        else:
            return None
    # What holds for all of them is asked once.
    usual = len(params) == len(items) and params.keys() <= _NAMES and text.count('"') == quotes
    return params if usual and "\\" not in text and text.isprintable() else None


def supported(algorithm: str) -> bool:
    """Whether we can compute `algorithm` (any case)."""
    return algorithm in _HASHES or _base(algorithm) in _HASHES


def _base(algorithm: str) -> str:
    return algorithm.upper().removesuffix("-SESS")


def _hash(algorithm: str, text: str) -> str:
    function = _HASHES.get(algorithm) or _HASHES.get(_base(algorithm))
    if function is None:
        raise LocalProtocolError(f"unknown digest algorithm {algorithm!r}")
    return function(text.encode("utf-8", "surrogateescape")).hexdigest()


def ha1(user: str, realm: str, secret: str, algorithm: str = "MD5") -> str:
    """H(user:realm:secret): what a server may store in place of the secret. The same for an algorithm and its -sess."""
    return _hash(algorithm, f"{user}:{realm}:{secret}")


def response(
    ha1_hex: str,
    method: str,
    uri: str,
    nonce: str,
    algorithm: str = "MD5",
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
) -> str:
    """The `response` value (RFC 7616 section 3.4.1). `qop` is "auth" or "" (RFC 2617's old form); `nc` is 8 hex digits.

    `ha1_hex` is `ha1`'s result also for the -sess algorithms, whose session key is derived here.
    """
    if algorithm[-5:].upper() == "-SESS":
        ha1_hex = _hash(algorithm, f"{ha1_hex}:{nonce}:{cnonce}")
    try:
        ha2 = _ha2(algorithm, method, uri)
    except _NotOpen:
        ha2 = _hash(algorithm, f"{method}:{uri}")
    if not qop:
        return _hash(algorithm, f"{ha1_hex}:{nonce}:{ha2}")
    if qop != "auth":
        raise LocalProtocolError(f"unknown qop {qop!r}")
    return _hash(algorithm, f"{ha1_hex}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}")


@lru_cache(_REMEMBERED)
def _ha2(algorithm: str, method: str, uri: str) -> str:
    """H(method:uri), which is the same for all telephones of a domain that register. Raises `_NotOpen`: what may hold a
    secret is not remembered."""
    if not is_open(uri):
        raise _NotOpen
    return _hash(algorithm, f"{method}:{uri}")


def verify(credentials: Digest, ha1_hex: str, method: str) -> bool:
    """Whether `credentials` answer correctly for `ha1_hex`, in constant time. Nonce, nc and uri are the caller's."""
    get = credentials.params.get
    qop, algorithm = get("qop", "").lower(), credentials.algorithm
    if qop not in ("", "auth") or not supported(algorithm):
        return False
    expected = response(
        ha1_hex, method, get("uri", ""), get("nonce", ""), algorithm, qop, get("nc", ""), get("cnonce", "")
    )
    given = get("response", "").lower().encode("utf-8", "surrogateescape")
    return hmac.compare_digest(expected.encode(), given)


def challenge(
    realm: str, nonce: str, algorithm: str = "MD5", *, qop: str = "auth", stale: bool = False, opaque: str = ""
) -> str:
    """The value of a WWW-Authenticate or Proxy-Authenticate header."""
    text = f"Digest realm={quote(realm)}, nonce={quote(nonce)}, algorithm={algorithm}"
    if opaque:
        text += f", opaque={quote(opaque)}"
    if qop:
        text += f", qop={quote(qop)}"
    return text + ", stale=true" if stale else text


def authorization(
    challenge: Digest | str, user: str, secret: str, method: str, uri: str, nc: int = 1, cnonce: str = "0a4f113b"
) -> str:
    """The value of an Authorization or Proxy-Authorization header that answers `challenge`: the client's role.

    qop=auth is used where it is offered. Raises RemoteProtocolError(400) for a challenge that we cannot answer.
    """
    asked = parse(challenge) if isinstance(challenge, str) else challenge
    if asked is None or not supported(asked.algorithm):
        raise RemoteProtocolError(400, "Challenge that we cannot answer")
    qop = "auth" if "auth" in asked.qops else ""
    if asked.qops and not qop:
        raise RemoteProtocolError(400, "Challenge that we cannot answer")
    count = f"{nc:08x}"
    realm, nonce, algorithm = asked.get("realm"), asked.get("nonce"), asked.params.get("algorithm", "")
    key = ha1(user, realm, secret, asked.algorithm)
    proof = response(key, method, uri, nonce, asked.algorithm, qop, count, cnonce)
    text = f"Digest username={quote(user)}, realm={quote(realm)}, nonce={quote(nonce)}, uri={quote(uri)}"
    text += f', response="{proof}"'
    if algorithm:
        text += f", algorithm={algorithm}"
    if "opaque" in asked.params:
        text += f", opaque={quote(asked.get('opaque'))}"
    if qop:
        text += f", qop={qop}, nc={count}"
    if qop or asked.algorithm.endswith("-SESS"):
        text += f", cnonce={quote(cnonce)}"
    return text
