"""Beam search and result files."""
