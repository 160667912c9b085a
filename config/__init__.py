"""The operator's YAML: the only reader of it. What comes out are plain values that the other rooms are handed.

`loader.py` reads text into a tree in which every scalar is still the text that was typed; `schema.py` says what may
stand where; `entries.py` and `validate.py` join the two and give every error its file, line and column; `fitting.py`
checks what must fit together; `compile.py` makes the values of `compiled.py` and the dialplan's model; `lint.py` finds
what is allowed but surely not meant.
"""
