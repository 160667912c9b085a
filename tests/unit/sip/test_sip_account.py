"""The client side of digest authentication (RFC 3261 section 22, RFC 7616, 8760): what is answered, and what not."""

from __future__ import annotations

import itertools

from switch.sip import digest
from switch.sip.account import Account, Shown
from switch.sip.message import Response, parse

URI = "sip:+12125550100@itsp.example.com"


def account(*realms: str) -> Account:
    ids = itertools.count()
    return Account("4420", "secret", realms, lambda: f"cnonce{next(ids)}")


def challenged(*challenges: str, status: int = 407) -> Response:
    header = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    lines = "".join(f"{header}: {each}\r\n" for each in challenges)
    text = f"SIP/2.0 {status} No\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\n"
    text += "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
    message = parse(f"{text}Call-ID: x\r\nCSeq: 1 INVITE\r\n{lines}Content-Length: 0\r\n\r\n".encode())
    assert isinstance(message, Response)
    return message


def good(line: str, method: str = "INVITE", secret: str = "secret") -> digest.Digest:
    """The credentials in a header line, which must prove the password."""
    given = digest.parse(line.partition(": ")[2])
    assert given is not None
    key = digest.ha1("4420", given.get("realm"), secret, given.algorithm)
    assert digest.verify(given, key, method)
    return given


def ask(realm: str = "itsp", nonce: str = "n1", algorithm: str = "MD5", **more: object) -> str:
    return digest.challenge(realm, nonce, algorithm, **more)  # type: ignore[arg-type]


def test_a_challenge_is_answered_and_its_nonce_is_used_again_counted_up() -> None:
    ours, first = account(), Shown()
    assert ours.lines("INVITE", URI, first) == []
    (line,) = ours.answer("INVITE", URI, challenged(ask()), first) or []
    assert line.startswith("Proxy-Authorization: ")
    assert good(line).get("nc") == "00000001"
    (again,) = ours.lines("BYE", URI, Shown())
    given = good(again, "BYE")
    assert (given.get("nonce"), given.get("nc")) == ("n1", "00000002")
    assert given.get("cnonce") != good(line).get("cnonce")


def test_wrong_credentials_are_not_shown_twice() -> None:
    ours, shown = account(), Shown()
    assert ours.answer("INVITE", URI, challenged(ask()), shown)
    assert ours.answer("INVITE", URI, challenged(ask(nonce="n2")), shown) is None
    assert ours.lines("INVITE", URI, Shown()) == []


def test_a_stale_nonce_is_replaced_but_not_for_ever() -> None:
    ours, shown = account(), Shown()
    assert ours.answer("INVITE", URI, challenged(ask()), shown)
    answers = [ours.answer("INVITE", URI, challenged(ask(nonce=f"s{n}", stale=True)), shown) for n in range(5)]
    assert [each is not None for each in answers] == [True, True, True, False, False]


def test_a_cached_nonce_that_is_no_good_any_more_gives_way_also_without_stale() -> None:
    ours = account()
    assert ours.answer("INVITE", URI, challenged(ask()), Shown())
    shown = Shown()
    assert ours.lines("INVITE", URI, shown)
    (line,) = ours.answer("INVITE", URI, challenged(ask(nonce="n2")), shown) or []
    assert (good(line).get("nonce"), good(line).get("nc")) == ("n2", "00000001")


def test_the_first_algorithm_that_we_know_is_taken() -> None:
    """RFC 8760 section 2.4: a server puts its best first."""
    challenges = challenged(ask(algorithm="SHA-512-256"), ask(algorithm="SHA-256"), ask(algorithm="MD5"))
    (line,) = account().answer("INVITE", URI, challenges, Shown()) or []
    assert good(line).algorithm == "SHA-256"


def test_an_old_server_without_qop_is_answered() -> None:
    (line,) = account().answer("INVITE", URI, challenged(ask(qop="")), Shown()) or []
    assert good(line).get("nc") == ""


def test_integrity_protection_alone_cannot_be_answered() -> None:
    assert account().answer("INVITE", URI, challenged(ask(qop="auth-int")), Shown()) is None
    assert account().answer("INVITE", URI, challenged(ask(qop="auth,auth-int")), Shown())


def test_another_realm_gets_no_answer() -> None:
    """The called side's own challenge would be material to guess the password with."""
    ours = account("itsp")
    assert ours.answer("INVITE", URI, challenged(ask("evil")), Shown()) is None
    assert ours.refused_realm == "evil"
    (line,) = ours.answer("INVITE", URI, challenged(ask("evil"), ask("itsp")), Shown()) or []
    assert good(line).get("realm") == "itsp"


def test_the_first_realm_is_the_only_one_from_then_on() -> None:
    ours = account()
    assert ours.answer("INVITE", URI, challenged(ask("itsp")), Shown())
    assert ours.answer("BYE", URI, challenged(ask("evil"), status=401), Shown()) is None


def test_proxy_and_far_end_may_both_ask() -> None:
    ours, shown = account(), Shown()
    assert ours.answer("INVITE", URI, challenged(ask()), shown)
    lines = ours.answer("INVITE", URI, challenged(ask(nonce="u1"), status=401), shown) or []
    assert sorted(line.partition(":")[0] for line in lines) == ["Authorization", "Proxy-Authorization"]
    for line in lines:
        good(line)


def test_a_registrars_nonce_is_not_shown_to_the_proxy() -> None:
    ours = account()
    assert ours.answer("REGISTER", "sip:itsp.example.com", challenged(ask(), status=401), Shown())
    assert ours.lines("INVITE", URI, Shown()) == []
    assert ours.lines("REGISTER", "sip:itsp.example.com", Shown())


def test_nonsense_gets_no_answer() -> None:
    for each in ("Basic realm=itsp", "Digest", 'Digest realm="itsp"', 'Digest realm="itsp", nonce="a", nonce="b"'):
        assert account().answer("INVITE", URI, challenged(each), Shown()) is None
    assert "secret" not in repr(account())
