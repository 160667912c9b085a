"""Digest: the worked examples of the RFCs, both roles against each other, and malformed credentials."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switch.sip import digest
from switch.sip.errors import LocalProtocolError, RemoteProtocolError

# RFC 7616 section 3.9.1.
_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_example_of_rfc_7616(algorithm: str, expected: str) -> None:
    key = digest.ha1("Mufasa", "http-auth@example.org", "Circle of Life", algorithm)
    assert digest.response(key, "GET", "/dir/index.html", _NONCE, algorithm, "auth", "00000001", _CNONCE) == expected


def test_example_of_rfc_2617() -> None:
    key = digest.ha1("Mufasa", "testrealm@host.com", "Circle Of Life")
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    found = digest.response(key, "GET", "/dir/index.html", nonce, "MD5", "auth", "00000001", "0a4f113b")
    assert found == "6629fae49393a05397450978507c4ef1"
    assert digest.response(key, "GET", "/dir/index.html", nonce) == "670fd8c2df070c60b045671b8b24ff02"


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "sha-256"])
@pytest.mark.parametrize("qop", ["auth", "auth,auth-int", ""])
def test_client_and_server_agree(algorithm: str, qop: str) -> None:
    asked = digest.challenge('the "realm"', "n\\1", algorithm, qop=qop, stale=True, opaque="o")
    parsed = digest.parse(asked)
    assert parsed is not None
    assert (parsed.get("realm"), parsed.get("nonce"), parsed.get("stale")) == ('the "realm"', "n\\1", "true")
    answer = digest.parse(digest.authorization(asked, "jü", "pw", "INVITE", "sip:a@h", 17, "cn"))
    assert answer is not None
    assert (answer.get("uri"), answer.get("opaque"), answer.get("nc")) == ("sip:a@h", "o", "00000011" if qop else "")
    key = digest.ha1("jü", 'the "realm"', "pw", algorithm)
    assert digest.verify(answer, key, "INVITE")
    assert not digest.verify(answer, key, "BYE")
    assert not digest.verify(answer, digest.ha1("jü", 'the "realm"', "other", algorithm), "INVITE")


def test_session_key_depends_on_the_nonces() -> None:
    key = digest.ha1("u", "r", "s")
    plain = digest.response(key, "M", "u", "n", "MD5", "auth", "00000001", "c")
    assert digest.response(key, "M", "u", "n", "MD5-sess", "auth", "00000001", "c") != plain


def test_another_scheme_is_none() -> None:
    assert digest.parse("NoOneKnowsThisScheme opaque-data=here") is None
    assert digest.parse("Basic YTpi") is None


@pytest.mark.parametrize(
    "value",
    ["", "Digest", "Digest ", "Digest x", 'Digest a="b', "Digest a=b c=d", "Digest a=b,",
     "Digest a=b,,c=d", "Digest a=b, A=c", "@"],
)  # fmt: skip
def test_malformed_is_400(value: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        digest.parse(value)
    assert caught.value.status == 400


def test_what_we_cannot_compute() -> None:
    with pytest.raises(RemoteProtocolError):
        digest.authorization('Digest realm="r", nonce="n", algorithm=SHA-512-256', "u", "s", "INVITE", "sip:a")
    with pytest.raises(RemoteProtocolError):
        digest.authorization('Digest realm="r", nonce="n", qop="auth-int"', "u", "s", "INVITE", "sip:a")
    with pytest.raises(LocalProtocolError):
        digest.ha1("u", "r", "s", "ROT13")
    answer = digest.parse('Digest username="u", realm="r", nonce="n", uri="x", response="0", algorithm=ROT13')
    assert answer is not None
    assert not digest.verify(answer, "0" * 32, "INVITE")


@given(
    st.lists(
        st.sampled_from(('a="b"', "A=b", 'c="d\\"e"', "f =g", "h= i", "j=", 'k=""', " ", ",", ", ", "\t", "=", '"'))
    )
)
def test_the_short_way_through_a_header_reads_what_the_long_one_reads(parts):
    text = "".join(parts)

    def read(value):
        try:
            return digest.parse(value)
        except RemoteProtocolError as error:
            return error.status, error.text

    assert read(f"Digest {text}") == read(f" Digest {text}")  # the space in front leads the long way
