"""`ringplan serve`: become the supervisor."""

from __future__ import annotations

import os
import sys

from switch.arguments import Places
from switch.commands.common import ConfigOption, DataOption, RuntimeOption


def serve(config: ConfigOption = None, data: DataOption = None, runtime: RuntimeOption = None) -> None:
    """Run the exchange, until SIGTERM or Ctrl-C.

    Options win over RINGPLAN_CONFIG, RINGPLAN_DATA and RINGPLAN_RUNTIME; these over RINGPLAN_HOME (a folder with
    config, data and run in it); else /etc/ringplan, /var/lib/ringplan and /run/ringplan are used.
    """
    places = Places.find(config, data, runtime)
    # A new program in the same process, so that the supervisor is small: nothing imported for the commands stays.
    argv = [sys.executable, "-P", "-m", "switch.supervisor", *map(str, places)]
    sys.stdout.flush()
    os.execv(argv[0], argv)
