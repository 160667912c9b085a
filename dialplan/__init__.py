"""The decision: who is called, in which order, for how long, and what happens when nobody answers.

Pure. No await, no I/O, no clock, no randomness: they are arguments. `plan.py` holds the values that a decision is made
of, `planner.py` makes it, `walk.py` executes it one event at a time, and nothing else in Ringplan decides where a call
goes or who rings when.
"""
