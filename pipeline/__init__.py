"""Audio-visual scene-aware dialog: features, student-teacher training, answers, scores, tables."""

__version__ = "0.1.0"
