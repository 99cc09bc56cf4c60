"""Dialogs, vocabulary and features joined: examples, and batches of tensors."""
