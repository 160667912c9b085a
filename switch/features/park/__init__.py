"""Call park (CRD-7): a call waits in a slot of a lot, hears music, and is taken from any telephone that dials the slot.

slots      which call is in which slot
services   what a call hears on its way in, in the slot, and on its way out
parking    the executors, the key, and what becomes of a call whose time is over
"""
