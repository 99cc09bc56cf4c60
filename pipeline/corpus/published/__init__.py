"""Tests that others have published: questions with five sentences to choose from, texts to find videos by, blanks."""
