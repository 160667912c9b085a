"""The prompts of a configuration: where they lie, and which are made before anybody has to hear them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from config.compiled import Compiled
from switch import handed
from switch.features import attendant
from switch.prompts import prompts as shelves
from switch.prompts.prompts import Prompts
from switch.prompts.texts import CONFERENCE_PROMPTS, MAILBOX_PROMPTS, RECORDING_PROMPTS, REFUSALS


async def use(prompts: Prompts, compiled: Compiled, folder: Path, cache: Path) -> None:
    """Take another version. `folder` is the configuration's; made prompts lie in `cache`."""
    settings = handed.prompt_settings(compiled, folder)
    prompts.use(settings, await asyncio.to_thread(shelves.look, settings, cache))
    if compiled.calls.announcements != "off":
        prompts.prepare(REFUSALS)
    prompts.prepare((), sorted(attendant.texts(compiled.model)))
    rooms, people = compiled.model.conferences.values(), compiled.model.lines.values()
    if rooms:
        prompts.prepare(CONFERENCE_PROMPTS)
    if any(room.announce == "name" for room in rooms):
        prompts.prepare((), [line.name for line in people if line.name])
    if any(line.policy.record or line.policy.on_demand for line in people):
        prompts.prepare(RECORDING_PROMPTS)
    if compiled.mailboxes:
        prompts.prepare(MAILBOX_PROMPTS)
        prompts.prepare((), [each.name for each in compiled.mailboxes if each.name])
