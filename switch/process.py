"""The exchange's process from outside: the configuration that it starts with, its log, its loop and its exit status."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Sequence

from config.compiled import Compiled
from records.segments import NewerFormatError
from switch import configuration, handover, logs
from switch.arguments import EXIT_CONFIG, ExchangeArguments
from switch.state.sqlite import NewerStateError
from switch.succession import say


def main(
    serve: Callable[[ExchangeArguments, Compiled], Coroutine[None, None, None]], argv: Sequence[str] | None = None
) -> int:
    """Serve until the end. Returns the exit status."""
    arguments = ExchangeArguments.parse(sys.argv[1:] if argv is None else argv)
    try:
        compiled = configuration.live(arguments.places)
    except configuration.ConfigurationError as error:
        sys.stderr.write("\n".join(error.lines) + "\n")
        _cannot(arguments, error.lines[0])
        return EXIT_CONFIG
    writer = logs.configure(compiled.log.level, compiled.log.json)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(arguments, compiled))
    except handover.Refused as error:
        _cannot(arguments, str(error))
        return EXIT_CONFIG
    except (NewerStateError, NewerFormatError) as error:
        # Another start would meet the same file; that it was written by us is no reason to throw it away.
        _cannot(arguments, str(error))
        sys.stderr.write(f"{error}; start the version that wrote it, or move {arguments.places.data} aside\n")
        return EXIT_CONFIG
    except Exception as error:
        _cannot(arguments, f"{type(error).__name__}: {error}")
        raise
    finally:
        writer.close()
    return 0


def _cannot(arguments: ExchangeArguments, why: str) -> None:
    """Whoever has asked for another exchange is told why there is none."""
    if arguments.standby:
        say(arguments, json.dumps({"error": why}).encode() + b"\n")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it installs."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
