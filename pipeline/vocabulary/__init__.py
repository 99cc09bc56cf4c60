"""Words and ids."""

PADDING, UNKNOWN, START, END = 0, 1, 2, 3
"""Ids of `<pad>`, `<unk>`, `<sos>` and `<eos>` in every vocabulary."""
BLANK = START
"""Stands for a word that is to be found: `<sos>` is in no sentence that is read."""
