"""What a REGISTER with digest costs the exchange itself: REGISTER, 401, REGISTER, 200, as a refresh with a new nonce.

    python bench/micro_register.py [times] [--profile]

The same house and the same way as `bench/micro_call.py`.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

import micro_call
from micro_call import B, measure

from switch.auth import DeviceAuth

REALM = "bench"
URI = "sip:192.0.2.10"
_NONCE = re.compile(rb'nonce="([0-9a-f]+)"')


def _h(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


HA1 = _h(f"101:{REALM}:secret")
HA2 = _h(f"REGISTER:{URI}")


class Known:
    """The one telephone."""

    device = DeviceAuth("101", "101", ("101",), "", HA1)

    def lookup(self, digest_user: str, realm: str) -> DeviceAuth | None:
        """See `switch.auth.Credentials`."""
        return self.device if digest_user == "101" else None


def request(cseq: int, more: str) -> bytes:
    """What `bench/harness/phones.py` sends."""
    return (
        f"REGISTER {URI} SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5064;branch=z9hG4bK-r-{cseq};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:101@192.0.2.10>;tag=r-{cseq}\r\nTo: <sip:101@192.0.2.10>\r\n"
        f"Call-ID: r-101@198.51.100.7\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:101@198.51.100.7:5064>\r\n"
        f"Expires: 3600\r\n{more}Content-Length: 0\r\n\r\n"
    ).encode()


class House(micro_call.House):
    """The same house, and a telephone that has a password."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Known())

    def register(self, n: int, now: float) -> None:
        """All four messages of one REGISTER."""
        self.timers.run(now)
        cseq = 10 + 2 * n
        (challenge,) = self._in(request(cseq, ""), B, now)
        found = _NONCE.search(challenge)
        assert found is not None
        nonce = found[1].decode()
        response = _h(f"{HA1}:{nonce}:00000001:cn:auth:{HA2}")
        credentials = (
            f'Authorization: Digest username="101", realm="{REALM}", nonce="{nonce}", uri="{URI}", qop=auth, '
            f'nc=00000001, cnonce="cn", response="{response}", algorithm=SHA-256\r\n'
        )
        (answer,) = self._in(request(cseq + 1, credentials), B, now)
        assert answer.startswith(b"SIP/2.0 200"), answer


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder))
        measure(house.register, "REGISTER")
        assert not house.errors, house.errors[0]


if __name__ == "__main__":
    main()
