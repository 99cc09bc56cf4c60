"""Losses, the training loop, its resumable state."""
