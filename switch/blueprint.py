"""What the supervisor must know of the configuration, found out in a short-lived process of its own.

`python -P -m switch.blueprint --config PATH --data DIR --fd N` puts the configuration into force (see
`switch.configuration.boot`) and writes a `switch.arguments.Blueprint` as JSON to the descriptor. A configuration with
errors is told on standard error; the last good one is then used, and only where there is none it ends with EXIT_CONFIG.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from config.compiled import Compiled
from switch.arguments import EXIT_CONFIG, Blueprint, Places
from switch.configuration import KEPT, ConfigurationError, boot


def blueprint(compiled: Compiled) -> Blueprint:
    """The few settings that concern the supervisor. None of them is secret."""
    media = compiled.media
    return Blueprint(
        listen=tuple(
            (each.transport, each.address, each.port, each.dscp, each.optional) for each in compiled.listeners
        ),
        media_addresses=media.addresses,
        media_optional=media.optional,
        media_dscp=media.dscp,
        first_port=media.first_port,
        last_port=media.last_port,
        rest_s=media.rest_s,
        workers=media.workers,
    )


def records_url(compiled: Compiled, places: Places) -> str:
    """Where the records are kept: the database that the operator names, else a file in the data folder."""
    return compiled.records.url or f"sqlite:///{places.records}"


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser("switch.blueprint")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--strict", action="store_true", help="a configuration with errors is refused")
    arguments = parser.parse_args()
    places = Places(arguments.config, arguments.data, arguments.data)
    try:
        compiled, errors = boot(places, last_good=not arguments.strict)
    except ConfigurationError as error:
        _say("\n".join(error.lines))
        if arguments.strict:
            return EXIT_CONFIG
        other = (arguments.data / KEPT).exists()
        earlier = "the earlier one was kept by another version of Ringplan" if other else "there is no earlier one"
        _say(f"{arguments.config}: cannot be used, and {earlier} (ringplan check says the same)")
        return EXIT_CONFIG
    if errors:
        _say("\n".join(errors))
        _say(f"{arguments.config}: CANNOT BE USED; going on with the last good configuration")
    with open(arguments.fd, "w", encoding="utf-8") as pipe:
        json.dump(blueprint(compiled)._asdict(), pipe)
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
