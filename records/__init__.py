"""What happened: call events, the append-only journal, and the folds over it (CDR, history).

Nothing of the rest of Ringplan is imported here.
"""
