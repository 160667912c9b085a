"""What may stand under `listen:`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.section import Port, Section
from config.types import Address, Boolean, Dscp, File, Host, Network, OneOrMore, choice

Networks = Annotated[list[Network], OneOrMore()]
SIP_PORT = 5060
SIPS_PORT = 5061


class CertificateFiles(Section):
    """One of several certificates; which is shown depends on the name that is asked for."""

    certificate: File = Field(description="the certificate and those between it and the CA, in PEM form")
    key: File = Field(description="its private key, which nobody else may read")


class Listener(Section):
    """Where SIP is spoken."""

    transport: Annotated[str, choice("udp", "tcp", "tls")] = Field(default="udp", description="udp, tcp or tls")
    address: Address = Field(
        default="0.0.0.0",  # noqa: S104
        description="the address to listen on; 0.0.0.0 is every one of IPv4, `::` every one of IPv6 and of that alone",
    )
    port: Port | None = Field(default=None, description="the port; 5060 when left out, for tls 5061")
    advertise: Host | None = Field(
        default=None, description="the address or name that we are known by outside: behind a static NAT, in a cloud"
    )
    local_networks: Networks | None = Field(
        default=None,
        description="peers in these networks are told the interface's own address instead; private, link-local and "
        "loopback networks when left out",
    )
    dscp: Dscp = Field(default=24, description="the mark of its packets: a name such as CS3 or a number from 0 to 63")
    certificate: File | None = Field(
        default=None, description="tls: a file with the certificate and those between it and the CA (PEM)"
    )
    key: File | None = Field(default=None, description="tls: the file with its private key, which nobody else may read")
    certificates: list[CertificateFiles] = Field(
        default_factory=list, description="tls: several of both, chosen by the name that is asked for; else the first"
    )
    client_ca: File | None = Field(
        default=None, description="tls: a file with CAs; clients are then asked for a certificate of one of them"
    )
    client_required: Boolean = Field(
        default=False, description="tls: whether a client without such a certificate is turned away"
    )

    @property
    def socket_port(self) -> int:
        """The port, or the usual one."""
        return self.port or (SIPS_PORT if self.transport == "tls" else SIP_PORT)

    @property
    def pairs(self) -> list[tuple[str, str, tuple[str | int, ...]]]:
        """Every certificate with its key, and where in the listener both stand."""
        own: list[tuple[str, str, tuple[str | int, ...]]] = []
        if self.certificate and self.key:
            own = [(self.certificate, self.key, ())]
        return own + [(each.certificate, each.key, ("certificates", at)) for at, each in enumerate(self.certificates)]
