"""Telephones that stumble over what the standards allow, known by the beginning of their User-Agent.

One table a quirk, each row with what happens without it. What is done for a row must be no weaker than what the
operator allows everybody: whoever pretends to be such a telephone gains nothing.
"""

from __future__ import annotations

MD5_ALONE = (
    # Up to 1.x, baresip with its re library fails on any challenge that is not MD5 ("Function not implemented") and
    # never looks at the MD5 one beside it. Debian 12 has 1.0.0.
    "baresip v0.",
    "baresip v1.",
)
"""These are offered MD5 alone, where MD5 is allowed: they give up when there is a SHA-256 challenge beside it, although
RFC 8760 section 2.4 tells them to pass over what they do not know."""


def algorithms(user_agent: str | None, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the `allowed` digest algorithms that this telephone can be shown, in the same order; never none."""
    if user_agent and "MD5" in allowed and user_agent.startswith(MD5_ALONE):
        return ("MD5",)
    return allowed
