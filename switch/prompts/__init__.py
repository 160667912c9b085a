"""What the exchange says: prompts by their ids, made from text or supplied as files, and hold music of our own.

texts     the catalogue in English: ids and what they say
saying    digits, numbers, letters, dates and times as lists of ids
voice     text made into files by espeak-ng, in a thread with children of low priority
prompts   from ids to the sources of a `media.engine.Tune`: what services ask
music     the default hold music, made by ourselves
"""
