"""Words and ids."""

PADDING, UNKNOWN, START, END = 0, 1, 2, 3
"""Ids of `<pad>`, `<unk>`, `<sos>` and `<eos>` in every vocabulary."""
