"""Names of the metrics, in the order of the paper's tables."""

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
