"""Forwards as a carrier is told of them, in its own dialect (RFC 5806, RFC 7044)."""

from __future__ import annotations

import pytest

from config.compiled import HostSettings, TrunkSettings
from records.events import Forwarded
from switch.calls.dialect import Dialect
from switch.calls.trust import Side, side_of

HERE = "192.0.2.10"
TOLD = (Forwarded("+13105550100", "Anna", "user-busy"), Forwarded("+13105550101", "Bert", "no-answer", 2, hidden=True))


def dialect(**keys: object) -> Dialect:
    return Dialect(TrunkSettings(id="itsp", hosts=(HostSettings(host="itsp.example.com", port=5060),), **keys))  # type: ignore[arg-type]


NOBODY = "Diversion: <sip:anonymous@anonymous.invalid>;reason=no-answer;counter=2;privacy=full"


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        (
            {"numbers": "digits"},
            [f'Diversion: "Anna" <sip:13105550100@{HERE}>;reason=user-busy;counter=1;privacy=off', NOBODY],
        ),
        (
            {"user_phone": True, "from_domain": "p.example.com", "trusted": True},
            [
                'Diversion: "Anna" <sip:+13105550100@p.example.com;user=phone>;reason=user-busy;counter=1;privacy=off',
                'Diversion: "Bert" <sip:+13105550101@p.example.com;user=phone>;reason=no-answer;counter=2;privacy=full',
            ],
        ),
    ],
)
def test_diversion_in_a_carriers_dialect(keys: dict[str, object], lines: list[str]) -> None:
    assert dialect(**keys).forwards(TOLD, HERE) == lines


def test_history_info_in_a_carriers_dialect() -> None:
    assert dialect(trusted=True).forwards(TOLD, HERE, "sip:+442079460999@itsp.example.com") == [
        f'History-Info: "Bert" <sip:+13105550101@{HERE}?Privacy=history>;index=1',
        f'History-Info: "Anna" <sip:+13105550100@{HERE};cause=408>;index=1.1.1;mp=1',
        "History-Info: <sip:+442079460999@itsp.example.com;cause=486>;index=1.1.1.1;mp=1.1.1",
    ]


def test_nothing_is_written_where_nobody_forwarded() -> None:
    assert dialect().forwards((), HERE) == []


@pytest.mark.parametrize("where", ["pai", "rpid", "ppi"])
def test_whom_an_untrusted_carrier_names_is_not_vouched_for_at_another(where: str) -> None:
    sender, lines = dialect(caller_out=("from", where)).caller("+14155550123", "Zoe", HERE, False, asserted=False)
    assert sender == f'"Zoe" <sip:+14155550123@{HERE}>'
    assert not any(line.startswith("P-Asserted-Identity") or "screen=yes" in line for line in lines)


def test_what_a_carrier_is_to_us() -> None:
    assert side_of(None) is Side.TELEPHONE
    assert side_of(dialect(trusted=True)) is Side.TRUSTED
    assert side_of(dialect()) is Side.CARRIER
