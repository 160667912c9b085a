"""The telephone exchange: SIP endpoint, registrar, calls, and the commands that operate it."""

VERSION = "0.1.0"
