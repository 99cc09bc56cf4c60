"""Dialogs in and out: checks, splits, statistics, shards, and the corpus the project makes."""
