"""Every message of RFC 4475 with the treatment that Ringplan gives it: one row a message, in the RFC's order.

`refused` is the status raised by `parse` or `check_request`, None where both let it pass. `stream` is what StreamFramer
makes of it: "whole" (one message, perhaps with something behind it), "waits" (for octets that never come) or a status.
`answers` are the final statuses that are right when the whole exchange gets it as a datagram; SILENCE stands for no
answer at all. KNOWN stands for what an ordinary exchange says to a well-formed request from a stranger.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.torture import invalid, semantics, valid

SILENCE = None
KNOWN = (200, 401, 403, 404, 407, 480)


class Case(NamedTuple):
    """One message and what is to become of it."""

    name: str
    section: str
    message: bytes
    refused: int | None
    stream: str | int
    answers: tuple[int | None, ...]
    why: str


CASES = [
    # Valid messages: none may be refused for its form.
    Case("wsinv", "3.1.1.1", valid.wsinv, None, "whole", KNOWN, "folding, white space and compact forms everywhere"),
    Case("intmeth", "3.1.1.2", valid.intmeth, None, "whole", (405, 501), "all characters; a method nobody has"),
    Case("esc01", "3.1.1.3", valid.esc01, None, "whole", KNOWN, "escapes in the URI hide no scheme and no @"),
    Case("escnull", "3.1.1.4", valid.escnull, None, "whole", KNOWN, "%00 is a character like others"),
    Case("esc02", "3.1.1.5", valid.esc02, None, "whole", (405, 501), "% in a method or a header name is no escape"),
    Case("lwsdisp", "3.1.1.6", valid.lwsdisp, None, "whole", KNOWN, "no space between display name and <"),
    Case("longreq", "3.1.1.7", valid.longreq, None, "whole", KNOWN, "long values, 34 Vias in all spellings"),
    Case("dblreq", "3.1.1.8", valid.dblreq, None, "whole", KNOWN, "what follows in the datagram is no request"),
    Case("semiuri", "3.1.1.9", valid.semiuri, None, "whole", KNOWN, "a semicolon in the user part"),
    Case("transports", "3.1.1.10", valid.transports, None, "whole", KNOWN, "transports nobody knows in lower Vias"),
    Case("mpart01", "3.1.1.11", valid.mpart01, None, "whole", (*KNOWN, 405, 415), "a binary body with NULs"),
    Case("unreason", "3.1.1.12", valid.unreason, None, "whole", (SILENCE,), "UTF-8 in the reason phrase"),
    Case("noreason", "3.1.1.13", valid.noreason, None, "whole", (SILENCE,), "an empty reason phrase"),
    # Invalid messages. Where the RFC leaves a choice we are strict, but for Date, which nobody here reads.
    Case("badinv01", "3.1.2.1", invalid.badinv01, 400, "whole", (400, SILENCE), "empty parameters in Via and Contact"),
    Case("clerr", "3.1.2.2", invalid.clerr, 400, "waits", (400,), "Content-Length beyond the end"),
    Case("ncl", "3.1.2.3", invalid.ncl, 400, 400, (400,), "negative Content-Length"),
    Case("scalar02", "3.1.2.4", invalid.scalar02, 400, "whole", (400,), "CSeq beyond 2**31"),
    Case("scalarlg", "3.1.2.5", invalid.scalarlg, 400, "whole", (SILENCE,), "a response with such a CSeq is dropped"),
    Case("quotbal", "3.1.2.6", invalid.quotbal, 400, "whole", (400,), "quotes left open in To"),
    Case("ltgtruri", "3.1.2.7", invalid.ltgtruri, 400, "whole", (400,), "<> around the Request-URI"),
    Case("lwsruri", "3.1.2.8", invalid.lwsruri, 400, "whole", (400,), "a space in the Request-URI"),
    Case("lwsstart", "3.1.2.9", invalid.lwsstart, 400, "whole", (400,), "two spaces in the start line"),
    Case("trws", "3.1.2.10", invalid.trws, 400, "whole", (400,), "spaces at the end of the start line"),
    Case("escruri", "3.1.2.11", invalid.escruri, 400, "whole", (400,), "headers in the Request-URI"),
    Case("baddate", "3.1.2.12", invalid.baddate, None, "whole", KNOWN, "a Date that is not GMT does no harm"),
    Case("regbadct", "3.1.2.13", invalid.regbadct, 400, "whole", (400,), "a ? in a Contact without <>"),
    Case("badaspec", "3.1.2.14", invalid.badaspec, 400, "whole", (400,), "spaces within <>"),
    Case("baddn", "3.1.2.15", invalid.baddn, 400, "waits", (400,), "an unquoted comma; ends without an empty line"),
    Case("badvers", "3.1.2.16", invalid.badvers, 505, "whole", (505,), "SIP/7.0"),
    Case("mismatch01", "3.1.2.17", invalid.mismatch01, 400, "whole", (400,), "CSeq names another method"),
    Case("mismatch02", "3.1.2.18", invalid.mismatch02, 400, "whole", (400, 501), "the same with an unknown method"),
    Case("bigcode", "3.1.2.19", invalid.bigcode, 400, "whole", (SILENCE,), "a status of ten digits"),
    # Transaction layer.
    Case("badbranch", "3.2.1", semantics.badbranch, 400, "whole", (400,), "the magic cookie and nothing behind it"),
    # Application layer.
    Case("insuf", "3.3.1", semantics.insuf, 400, "whole", (400, SILENCE), "no From, To, Call-ID"),
    Case("unkscm", "3.3.2", semantics.unkscm, None, "whole", (416,), "a Request-URI of an unknown scheme"),
    Case("novelsc", "3.3.3", semantics.novelsc, None, "whole", (416,), "a scheme known, but not for this"),
    Case("unksm2", "3.3.4", semantics.unksm2, None, "whole", (400, 401, 403, 404, 416), "To is no address of record"),
    Case("bext01", "3.3.5", semantics.bext01, None, "whole", (420,), "Require of what nobody has"),
    Case("invut", "3.3.6", semantics.invut, None, "whole", (415,), "a body of an unknown type"),
    Case("regaut01", "3.3.7", semantics.regaut01, None, "whole", (401, 403, 404), "an unknown scheme is none"),
    Case("multi01", "3.3.8", semantics.multi01, 400, "whole", (400,), "two From, To, Call-ID, CSeq"),
    Case("mcl01", "3.3.9", semantics.mcl01, 400, 400, (400,), "two Content-Lengths that differ"),
    Case("bcast", "3.3.10", semantics.bcast, None, "whole", (SILENCE,), "a response for somebody else"),
    Case("zeromf", "3.3.11", semantics.zeromf, None, "whole", (*KNOWN, 483), "0, but OPTIONS ends here"),
    Case("cparam01", "3.3.12", semantics.cparam01, None, "whole", KNOWN, "no <>: the parameter is the header's"),
    Case("cparam02", "3.3.13", semantics.cparam02, None, "whole", KNOWN, "<>: the parameter is the URI's"),
    Case("regescrt", "3.3.14", semantics.regescrt, None, "whole", KNOWN, "an escaped Route inside a Contact's URI"),
    Case("sdp01", "3.3.15", semantics.sdp01, None, "whole", (*KNOWN, 406), "Accept of an unknown type"),
    # Backward compatibility.
    Case("inv2543", "3.4.1", semantics.inv2543, None, 400, KNOWN, "RFC 2543: no branch, tag, length"),
]  # fmt: skip
