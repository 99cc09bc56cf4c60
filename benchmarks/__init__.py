"""Measurements, a folder a question; docs/performance.md says what they found."""
