"""The process that keeps the record store in step with the journal: `records.feed` with the operator's database.

`python -P -m switch.feeding --config PATH --data DIR`. The database's URL may hold a password, so it comes out of the
configuration in force, not over the command line, where everybody could read it. The exchange does not need this
process; when it is away, or its database is, history is late and nothing else.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from records import feed
from switch import configuration
from switch.arguments import EXIT_CONFIG, Places
from switch.blueprint import records_url


def main() -> int:
    """Feed until SIGTERM, then take what the exchange wrote last."""
    parser = argparse.ArgumentParser("switch.feeding")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    places = Places(options.config, options.data, options.data)
    try:
        compiled = configuration.live(places)
    except configuration.ConfigurationError as error:
        sys.stderr.write("\n".join(error.lines) + "\n")
        return EXIT_CONFIG
    url, kept = records_url(compiled, places), compiled.records
    rules = ["--retain", str(kept.keep_s), "--retain-emergency", str(kept.emergency_keep_s)]
    arguments = [str(places.journal), url, *rules, "--beat", str(places.heartbeat), "--head", str(places.head)]
    feed.main(arguments)
    return feed.main([*arguments, "--once"])


if __name__ == "__main__":
    sys.exit(main())
