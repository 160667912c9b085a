"""The dialects of carriers, as values for the keys of a trunk. A key that the operator wrote holds before the preset's.

Names are those of `config.schema_trunk.Trunk`. What stands here is what a carrier asks for in public; what is set per
account there (addresses, credentials, which form numbers have where one may choose) is the operator's to write.
`docs/trunks.md` has a recipe for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_ASSERTED = {"trusted": True, "caller_in": ["pai", "from"]}

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # By form alone.
        "e164": {},
        "digits": {"numbers": "digits"},
        "national": {"numbers": "national", "numbers_in": "national"},
        # An account by the book: REGISTER, calls in by our Contact with the number in To, calls out from the account.
        "register": {"register_": True, "did_from": "to"},
        # SIPconnect 1.1 in static mode: `+`, user=phone, the caller asserted in both directions.
        "sipconnect": {"user_phone": True, "caller_out": ["from", "pai"], **_ASSERTED},
        # 3GPP IMS behind a border: the number called is in P-Called-Party-ID (RFC 7315).
        "ims": {"user_phone": True, "did_from": "p-called-party-id", "caller_out": ["from", "pai"], **_ASSERTED},
        # Another exchange of ours (Asterisk, FreeSWITCH, 3CX, …): it may call our extensions, and is believed.
        "pbx": {
            "extensions": True,
            "trusted": True,
            "caller_in": ["pai", "rpid", "from"],
            "caller_out": ["from", "pai"],
        },
        # The same for older ones, which know Remote-Party-ID alone (draft-ietf-sip-privacy).
        "pbx-rpid": {
            "extensions": True,
            "trusted": True,
            "caller_in": ["rpid", "from"],
            "caller_out": ["from", "rpid"],
        },
        # By name.
        "twilio": {"numbers_in": "e164", "codecs": ["pcmu", "pcma"], "trusted": True},
        "telnyx": {"codecs": ["g722", "pcmu", "pcma", "g729", "opus"], **_ASSERTED},
        "vonage": {"numbers": "digits", "codecs": ["g722", "pcma", "pcmu", "g729", "ilbc"]},
        "voipms": {"register_": True, "numbers": "national", "country": "US"},
        "ovh": {"register_": True, "numbers": "00", "country": "FR"},
        "sipgate": {
            "register_": True,
            "did_from": "to",
            "numbers": "digits",
            "caller_out": ["ppi"],
            "trusted": True,
            "codecs": ["pcma", "pcmu"],
        },
    }
)
"""By name."""
