"""How the torture messages are written down: readable text, one line a line, made into what goes over the wire."""


def sip(text: str) -> bytes:
    """`text` with CRLF line ends, as UTF-8. A backslash at the end of a line only wraps it here."""
    return text.replace("\n", "\r\n").encode()
