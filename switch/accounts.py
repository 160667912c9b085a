"""The dialect of every carrier, with our account there: made from the configuration, kept over a reload that leaves a
trunk as it was, so that what its challenges and its registrar told us stays known.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from config.compiled import TrunkSettings
from switch.calls.dialect import Dialect
from switch.private import write_private
from switch.sip.account import Account

TOKEN_BYTES = 16


class Accounts:
    """By trunk id. `key` is the exchange's own secret, the same after a restart: from it comes the user part of the
    Contact that is registered at a carrier, so that a new process renews what the former one has registered.
    """

    def __init__(self, key: bytes, ids: Callable[[], str]) -> None:
        self._key = key
        self._ids = ids
        self._dialects: dict[str, Dialect] = {}

    @property
    def dialects(self) -> Mapping[str, Dialect]:
        """All of them."""
        return self._dialects

    def use(self, trunks: Iterable[TrunkSettings]) -> None:
        """Take another version of the configuration."""
        before = self._dialects
        self._dialects = {}
        for trunk in trunks:
            known = before.get(trunk.id)
            if known is not None and known.settings == trunk:
                self._dialects[trunk.id] = known
            else:
                self._dialects[trunk.id] = Dialect(trunk, self._account(trunk), self._token(trunk))

    def _account(self, trunk: TrunkSettings) -> Account | None:
        account = trunk.account
        if not account.secret:
            return None
        return Account(account.digest_user, account.secret, account.realms, self._ids)

    def _token(self, trunk: TrunkSettings) -> str:
        if not trunk.register:
            return ""
        text = f"contact\0{trunk.id}\0{trunk.account.user}\0{trunk.registrar}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[: 2 * TOKEN_BYTES]


def private_key(path: Path) -> bytes:
    """The key in that file, made when it is not there: mode 0600."""
    try:
        key = path.read_bytes()
        if len(key) >= TOKEN_BYTES:
            return key
    except FileNotFoundError:
        pass
    key = os.urandom(2 * TOKEN_BYTES)
    write_private(path, key)
    return key
