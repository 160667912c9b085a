"""Digest from the server's side: challenges, nonces, counts, and what a stranger may not learn."""

from __future__ import annotations

import msgspec
import pytest

from switch.auth import MD5, SHA256, Accepted, Authenticator, AuthSettings, Challenge, Nonces, Refused, same_target
from switch.sip import digest

URI = "sip:pbx.example.com"


def answer(challenge, user="desk-1", secret="right one", method="REGISTER", uri=URI, nc=1, header="Authorization"):
    return f"{header}: {digest.authorization(challenge, user, secret, method, uri, nc)}"


def test_first_request_is_challenged_sha256_before_md5(desk):
    outcome = desk.check()
    assert outcome.status == 401
    assert [digest.parse(line.partition(": ")[2]).algorithm for line in outcome.lines] == [SHA256, MD5]
    for line in outcome.lines:
        assert line.startswith("WWW-Authenticate: Digest ")
        assert 'realm="pbx.example.com"' in line
        assert 'qop="auth"' in line
        assert "stale" not in line


def test_md5_can_be_switched_off(desk):
    desk.auth = Authenticator(AuthSettings("pbx.example.com", algorithms=(SHA256,)), desk.book, b"k" * 16)
    outcome = desk.check()
    assert len(outcome.lines) == 1
    forced = digest.parse(outcome.lines[0].partition(": ")[2].replace("SHA-256", "MD5"))
    assert isinstance(desk.check(answer(forced)), Challenge)
    assert isinstance(desk.check(answer(outcome.lines[0].partition(": ")[2])), Accepted)


@pytest.mark.parametrize("agent", ["baresip v1.0.0 (x86_64/linux)", "baresip v0.6.6", "baresip v3.10.1"])
def test_a_telephone_that_stumbles_over_sha256_is_offered_md5_alone(desk, agent):
    line = f"User-Agent: {agent}"
    outcome = desk.check(line)
    (offered,) = outcome.lines
    challenge = digest.parse(offered.partition(": ")[2])
    assert challenge.algorithm == MD5
    assert isinstance(desk.check(line, answer(challenge)), Accepted)
    assert len(desk.check("User-Agent: baresip v3.12.0").lines) == 2
    assert len(desk.check("User-Agent: another baresip v1.0.0").lines) == 2


def test_no_quirk_offers_md5_where_it_is_not_allowed(desk):
    desk.auth = Authenticator(AuthSettings("pbx.example.com", algorithms=(SHA256,)), desk.book, b"k" * 16)
    (offered,) = desk.check("User-Agent: baresip v1.0.0").lines
    assert digest.parse(offered.partition(": ")[2]).algorithm == SHA256


@pytest.mark.parametrize("algorithm", [SHA256, MD5])
def test_right_password_is_accepted_with_either_algorithm(desk, algorithm):
    outcome = desk.check(answer(desk.challenge(algorithm)))
    assert isinstance(outcome, Accepted)
    assert outcome.device.device == "desk-1"


def test_missing_algorithm_means_md5(desk):
    line = answer(desk.challenge(MD5)).replace(", algorithm=MD5", "")
    assert isinstance(desk.check(line), Accepted)


def test_proxy_challenge_uses_its_own_headers(desk):
    outcome = desk.check(method="INVITE", kind="proxy")
    assert outcome.status == 407
    challenge = digest.parse(outcome.lines[0].removeprefix("Proxy-Authenticate: "))
    line = answer(challenge, method="INVITE", header="Proxy-Authorization")
    assert isinstance(desk.check(line, method="INVITE", kind="proxy"), Accepted)
    assert isinstance(desk.check(line, method="INVITE", kind="www"), Challenge)


@pytest.mark.parametrize(("user", "secret"), [("desk-1", "wrong"), ("nobody", "wrong"), ("desk-2", "right one")])
def test_wrong_password_is_challenged_without_stale(desk, user, secret):
    outcome = desk.check(answer(desk.challenge(), user, secret))
    assert isinstance(outcome, Challenge)
    assert not any("stale" in line for line in outcome.lines)
    assert outcome.failed == user, "the guard is told"
    assert desk.check().failed == ""


def test_unknown_user_and_wrong_password_get_the_same_bytes(desk, pick):
    def shape(user, secret):
        outcome = desk.check(answer(desk.challenge(), user, secret))
        nonce = pick(outcome).get("nonce")
        return outcome.status, [line.replace(nonce, "NONCE").encode() for line in outcome.lines], len(nonce)

    assert shape("desk-1", "wrong") == shape("nobody", "wrong") == shape("desk-1", "wrong")


def test_unknown_user_and_wrong_password_cost_the_same_hashes(desk, monkeypatch):
    counted = []
    real = digest.verify
    monkeypatch.setattr(digest, "verify", lambda *a: counted.append(a[0].get("username")) or real(*a))
    desk.check(answer(desk.challenge(), "nobody", "wrong"))
    desk.check(answer(desk.challenge(), "desk-1", "wrong"))
    assert counted == ["nobody", "desk-1"]


def test_a_device_without_a_hash_for_the_algorithm_is_like_an_unknown_one(desk):
    desk.book.devices["desk-1"] = msgspec.structs.replace(desk.book.devices["desk-1"], ha1_md5="")
    assert isinstance(desk.check(answer(desk.challenge(MD5))), Challenge)
    assert isinstance(desk.check(answer(desk.challenge(SHA256))), Accepted)


def test_a_user_without_credentials_cannot_log_in_even_with_the_dummy_hash(desk):
    """The hash that unknown users are compared with must never open the door."""
    params = dict(desk.challenge().params)
    dummy = desk.auth._nobody.ha1_sha256
    proof = digest.response(dummy, "REGISTER", URI, params["nonce"], SHA256, "auth", "00000001", "c")
    line = (
        f'Authorization: Digest username="ghost", realm="pbx.example.com", nonce="{params["nonce"]}", uri="{URI}", '
        f'response="{proof}", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="c"'
    )
    assert isinstance(desk.check(line), Challenge)


def test_the_same_request_again_is_a_replay(desk, pick):
    line = answer(desk.challenge())
    assert isinstance(desk.check(line), Accepted)
    again = desk.check(line)
    assert isinstance(again, Challenge)
    assert pick(again).get("stale") == "true"


def test_rising_nonce_counts_reuse_one_nonce(desk):
    challenge = desk.challenge()
    for nc in (1, 2, 3, 10, 300):
        assert isinstance(desk.check(answer(challenge, nc=nc)), Accepted)


def test_counts_may_overtake_each_other_within_the_window_only_once(desk):
    challenge = desk.challenge()
    assert isinstance(desk.check(answer(challenge, nc=20)), Accepted)
    assert isinstance(desk.check(answer(challenge, nc=19)), Accepted)
    assert isinstance(desk.check(answer(challenge, nc=5)), Accepted)
    assert isinstance(desk.check(answer(challenge, nc=19)), Challenge)
    assert isinstance(desk.check(answer(challenge, nc=20)), Challenge)
    assert isinstance(desk.check(answer(challenge, nc=4)), Challenge)


def test_count_zero_is_never_good(desk):
    assert isinstance(desk.check(answer(desk.challenge(), nc=0)), Challenge)


def test_expired_nonce_with_right_password_is_stale(desk, pick):
    challenge = desk.challenge()
    desk.now += 300.1
    outcome = desk.check(answer(challenge))
    assert all("stale=true" in line for line in outcome.lines)
    assert isinstance(desk.check(answer(pick(outcome))), Accepted)


def test_nonce_is_good_until_its_life_ends(desk):
    challenge = desk.challenge()
    desk.now += 300.0
    assert isinstance(desk.check(answer(challenge)), Accepted)


def test_expired_nonce_with_wrong_password_is_not_stale(desk):
    challenge = desk.challenge()
    desk.now += 301
    assert not any("stale" in line for line in desk.check(answer(challenge, secret="wrong")).lines)


def test_nonce_of_another_start_is_stale_and_forged_ones_too(desk):
    challenge = desk.challenge()
    desk.auth = Authenticator(AuthSettings("pbx.example.com"), desk.book, b"another key ....")
    assert any("stale=true" in line for line in desk.check(answer(challenge)).lines)
    for nonce in ("", "0" * 40, "z" * 40, challenge.get("nonce")[:-1] + "g", "\N{SNOWMAN}" * 40):
        forged = digest.Digest({**challenge.params, "nonce": nonce})
        assert not isinstance(desk.check(answer(forged)), Accepted)


def test_a_kept_key_spares_phones_the_second_challenge(desk):
    challenge = desk.challenge()
    desk.auth = Authenticator(AuthSettings("pbx.example.com"), desk.book, b"k" * 16)
    assert isinstance(desk.check(answer(challenge)), Accepted)


def test_a_kept_key_over_a_machine_restart_is_only_stale(desk):
    challenge = desk.challenge()
    desk.auth = Authenticator(AuthSettings("pbx.example.com"), desk.book, b"k" * 16)
    desk.now = 1.0
    assert any("stale=true" in line for line in desk.check(answer(challenge)).lines)


def test_without_qop_a_nonce_is_good_once(desk):
    challenge = desk.challenge(MD5)
    old = digest.Digest({name: value for name, value in challenge.params.items() if name != "qop"})
    assert isinstance(desk.check(answer(old)), Accepted)
    assert isinstance(desk.check(answer(old)), Challenge)


def test_credentials_for_another_uri_are_refused(desk):
    line = answer(desk.challenge(), uri="sip:elsewhere.example.com")
    assert desk.check(line) == Refused(400, "Digest URI Mismatch")


def test_credentials_for_another_method_are_wrong(desk):
    assert isinstance(desk.check(answer(desk.challenge(), method="INVITE")), Challenge)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sip:pbx.example.com", "sip:PBX.example.com", True),
        ("sip:pbx.example.com", "sip:pbx.example.com:5060", True),
        ("sip:pbx.example.com;transport=tcp", "sip:pbx.example.com", True),
        ("sip:%31001@pbx.example.com", "sip:1001@pbx.example.com", True),
        ("sip:1001@pbx.example.com", "sip:1002@pbx.example.com", False),
        ("sip:pbx.example.com", "sips:pbx.example.com", False),
        ("sip:pbx.example.com:5070", "sip:pbx.example.com", False),
        ("sip:pbx.example.com;maddr=192.0.2.9", "sip:pbx.example.com", False),
        ("tel:+4930123456", "tel:+4930123456", True),
        ("tel:+4930123456", "tel:+4930123457", False),
        ("urn:service:sos", "urn:service:sos.fire", False),
        ("nonsense", "sip:pbx.example.com", False),
    ],
)
def test_which_uris_mean_the_same_target(one, other, same):
    assert same_target(one, other) is same
    assert same_target(other, one) is same


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ('username="desk-1", ', "", 400),
        ("qop=auth,", "qop=auth-int,", 400),
        ("nc=00000001", "nc=xyz", 400),
        ("nc=00000001", "nc=000000001", 400),
        ("nc=00000001", "nc=-1", 400),
        ("username=", "username=,,=", 400),
    ],
)
def test_malformed_credentials_are_a_bad_request(desk, old, new, status):
    line = answer(desk.challenge())
    assert old in line
    assert desk.check(line.replace(old, new)).status == status


def test_other_schemes_and_realms_are_passed_over(desk):
    """RFC 4475 3.3.7: credentials of a scheme that nobody knows are as good as none."""
    other = digest.Digest({**desk.challenge().params, "realm": "elsewhere"})
    lines = ["Authorization: NoOneKnowsThisScheme opaque-data=here", answer(other)]
    assert isinstance(desk.check(*lines), Challenge)
    assert isinstance(desk.check(*lines, answer(desk.challenge())), Accepted)


def test_bytes_that_are_no_utf8_are_only_wrong(desk):
    challenge = desk.challenge()
    line = answer(challenge)
    good = digest.parse(line.partition(": ")[2]).get("response")
    assert isinstance(desk.check(line.replace(good, "\udcff" * 8)), Challenge)
    assert isinstance(desk.check(answer(challenge, user="\udcff\udcfe")), Challenge)


def test_no_two_challenges_share_a_nonce(desk):
    assert len({desk.challenge().get("nonce") for _ in range(200)}) == 200


def test_nonce_table_is_bounded_and_never_forgets_into_a_replay():
    nonces = Nonces(b"k" * 16, 300.0, 100)
    made = []
    for i in range(1000):
        now = 1.0 + i / 100
        nonce = nonces.make(now)
        assert nonces.use(nonces.stamp(nonce), 1, now)
        made.append(nonce)
        assert len(nonces) <= 200
    assert not any(nonces.use(nonces.stamp(nonce), 1, 11.0) for nonce in made)
    assert sum(nonces.use(nonces.stamp(nonce), 2, 11.0) for nonce in made) > 90, "the young ones are still good"


def test_a_table_that_turns_within_one_millisecond_forgets_into_no_replay_either():
    nonces = Nonces(b"k" * 16, 300.0, 2)
    made = [nonces.make(5.0) for _ in range(20)]
    for nonce in made:
        nonces.use(nonces.stamp(nonce), 1, 5.0)
    assert not any(nonces.use(nonces.stamp(nonce), 1, 5.0) for nonce in made[:10])


def test_nonce_table_empties_with_time():
    nonces = Nonces(b"k" * 16, 300.0, 100)
    for i in range(50):
        assert nonces.use(nonces.stamp(nonces.make(float(i))), 1, float(i))
    for late in (400.0, 800.0, 1200.0):
        nonces.use(nonces.stamp(nonces.make(late)), 1, late)
    assert len(nonces) <= 2


def test_an_unanswered_or_wrongly_answered_challenge_leaves_nothing_behind(desk):
    for _ in range(50):
        desk.check(answer(desk.challenge(), secret="wrong"))
    assert len(desk.auth._nonces) == 0


def test_short_keys_are_refused(desk):
    with pytest.raises(ValueError, match="16"):
        Authenticator(AuthSettings("r"), desk.book, b"short")


def test_a_nonce_is_good_for_the_address_that_it_was_sent_to(desk):
    """A password is called wrong only where the answer proves that the challenge arrived: addresses can be forged."""
    challenge = desk.challenge(host="192.0.2.7")
    for secret in ("right one", "wrong"):
        outcome = desk.check(answer(challenge, secret=secret), host="203.0.113.5")
        assert isinstance(outcome, Challenge)
        assert outcome.failed == ""
        assert "stale=true" in outcome.lines[0].lower()
    made_up = digest.Digest({**challenge.params, "nonce": "0" * 40})
    assert desk.check(answer(made_up, secret="wrong"), host="192.0.2.7").failed == ""
    assert desk.check(answer(challenge, secret="wrong"), host="192.0.2.7").failed == "desk-1"
    assert isinstance(desk.check(answer(challenge), host="192.0.2.7"), Accepted)
