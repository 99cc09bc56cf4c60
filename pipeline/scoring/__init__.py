"""Metrics, filters, intervals, grounded accuracy."""
