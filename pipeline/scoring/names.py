"""Names of the metrics, in the order of the paper's tables, and of the options that only some scores go by."""

from typing import Any

BLEUS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")
METRICS = (*BLEUS, "METEOR", "ROUGE-L", "CIDEr")
RECALLS = ("R@1", "R@5", "R@10")
CHOSEN = ("accuracy", *RECALLS, "mean rank", "MRR")
"""Of candidate answers."""
RETRIEVED = (*RECALLS, "median rank", "mean rank", "MRR")
"""Of videos."""
FILLED = ("accuracy", "accuracy of five", "nouns", "verbs", "adjectives")
"""Of the words of blanks: all, those that are among the five likeliest, and the accuracy by class."""
DETECTED = ("precision", "recall", "F1", "mAP")
"""Of concept words, k a video."""
OPTIONS: dict[str, Any] = {
    "filter": "dstc7",
    "truth": None,
    "partial": False,
    "against": None,
    "randomisations": 1000,
    "paraphrases": None,
    "spice": None,
}
"""Options of `avsd score` that not every task reads (`Task.scored_with`), and what each is where nobody gives it."""
