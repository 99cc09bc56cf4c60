"""Measurements of extraction, training and answers; docs/performance.md says what they found."""
