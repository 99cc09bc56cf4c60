"""Measurements of the feature extraction; docs/performance.md says what they found."""
