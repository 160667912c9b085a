"""The sound: SDP, RTP relay and the players, behind one `MediaEngine` protocol (`engine.py`).

Nothing of the rest of Ringplan is imported here.
"""
