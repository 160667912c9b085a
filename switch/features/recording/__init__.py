"""Recording of calls (REC-1 to REC-7).

rules       whose rules hold, and who is to be told
recording   what is recorded and what is said: the keys, the operator's commands, and the hooks of the call layer
keeping     what is needed of whoever has the files
"""
