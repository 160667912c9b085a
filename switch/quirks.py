"""Telephones that stumble over what the standards allow, known by the beginning of their User-Agent.

One table a quirk, each row with what happens without it. What is done for a row must be no weaker than what the
operator allows everybody: whoever pretends to be such a telephone gains nothing.
"""

from __future__ import annotations

MD5_ALONE = (
    # Before 3.12 (2024) baresip fails on any challenge that is not MD5 ("Function not implemented") and never looks at
    # the MD5 one beside it: seen with Debian 12's 1.0.0, reported of 3.10 (github.com/baresip/baresip/issues/3006).
    "baresip v0.",
    "baresip v1.",
    "baresip v2.",
    *(f"baresip v3.{minor}." for minor in range(12)),
    # "Authentication algorithm SHA-256 not supported": reported (github.com/LubosD/twinkle/issues/233).
    "Twinkle/1.",
)
"""These are offered MD5 alone, where MD5 is allowed: they give up when there is a SHA-256 challenge beside it, although
RFC 8760 section 2.4 tells them to pass over what they do not know."""


def algorithms(user_agent: str | None, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the `allowed` digest algorithms that this telephone can be shown, in the same order; never none."""
    if user_agent and "MD5" in allowed and user_agent.startswith(MD5_ALONE):
        return ("MD5",)
    return allowed
