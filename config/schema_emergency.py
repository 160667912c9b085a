"""What may stand under `addresses`, `emergency` and `mail`: where help is to go, by whom it is called, who is told."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field

from config.problems import Wrong
from config.section import Port, Section
from config.types import (
    E164,
    Country,
    Dialled,
    Host,
    Identifier,
    OneOrMore,
    SecretText,
    Text,
    Typed,
    choice,
)
from config.words import checked, text

_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
LONGEST_EMAIL = 254


def email(value: Any) -> str:
    """An e-mail address. Raises Wrong."""
    word = text(value)
    if not _EMAIL.fullmatch(word) or len(word) > LONGEST_EMAIL:
        raise Wrong("an e-mail address is wanted here", "such as anna@example.com")
    return word


def _told(value: Any) -> str:
    word = text(value)
    return email(word) if "@" in word else str(checked(Identifier, word))


def _degrees(most: int) -> Typed:
    def check(value: Any) -> str:
        word = text(value)
        if not re.fullmatch(r"-?[0-9]{1,3}(\.[0-9]{1,12})?", word, re.ASCII) or abs(float(word)) > most:
            raise Wrong(f"degrees are wanted here, from -{most} to {most}", "such as 37.7936")
        return word

    return Typed(check, type=["number", "string"])


Email = Annotated[str, Typed(email, type="string")]
Told = Annotated[list[Annotated[str, Typed(_told, type="string")]], OneOrMore()]
Trunks = Annotated[list[Identifier], OneOrMore()]


class Address(Section):
    """Where help is to go when somebody dials for it: as the rescue services of the country write an address."""

    name: Text = Field(default="", description="who is there: the company")
    street: Text = Field(default="", description="the street, without the number of the house")
    number: Text = Field(default="", description="the number of the house")
    building: Text = Field(default="", description="which building")
    floor: Text = Field(default="", description="the floor: `2`, or in words: `ground floor`")
    room: Text = Field(default="", description="the room or place on it: `214`, `lobby`")
    city: Text = Field(default="", description="the town")
    state: Text = Field(default="", description="the state or province, where addresses have one: CA")
    postal_code: Text = Field(default="", description="the postal code")
    country: Country | None = Field(default=None, description="else `country` at the top")
    latitude: Annotated[str, _degrees(90)] | None = Field(default=None, description="degrees (WGS 84): 37.7936")
    longitude: Annotated[str, _degrees(180)] | None = Field(default=None, description="degrees (WGS 84): -122.3958")
    caller_id: E164 | None = Field(
        default=None,
        description="one of `dids`: the number that the carrier knows this address by, which emergency calls show",
    )


class SiteEmergency(Section):
    """Emergency calls made at a site."""

    extra: list[Dialled] = Field(default_factory=list, description="further emergency numbers")
    trunks: Trunks = Field(default_factory=list, description="the trunks that are tried first; all others follow")
    notify: Told = Field(
        default_factory=list,
        description="who is told at once, in these words: users and lines, which ring, and e-mail addresses",
    )


class Emergency(SiteEmergency):
    """Emergency calls, at every site. The national numbers of every device's country are built in."""

    address: Identifier | None = Field(
        default=None, description="one of `addresses`: where the telephones are that are at no site"
    )


class Mail(Section):
    """How e-mail is sent."""

    host: Host = Field(description="the mail server that takes it")
    port: Port | None = Field(default=None, description="else 465 with `tls: always`, and 587")
    sender: Email = Field(alias="from", description="whom it comes from")
    username: Text | None = Field(default=None, description="our account's name there")
    secret: SecretText | None = Field(default=None, description="our password there")
    tls: Annotated[str, choice("start", "always", "never")] = Field(
        default="start", description="start: STARTTLS, and nothing without it; always: TLS from the beginning; never"
    )
