"""The sound: SDP, RTP relay, mixer and players, behind one `MediaEngine` protocol (`engine.py`).

Nothing of the rest of Ringplan is imported here.
"""

import os

# There is a worker a core already: threads of numpy's own would only take it from each other. It is read once, when
# numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
