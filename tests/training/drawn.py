"""Systems of the made-up corpus for whose batches something is drawn: blanks, wrong answers, other videos."""

from typing import Any

# Without normalisation of batches: each row teaches what it teaches alone, whatever stands beside it.
SMALL = {"embedding": 8, "width": 8, "dropout": 0.0, "semantic": False}
POOLED = {**SMALL, "sketch": 12, "hidden": 6}
SEEN = {"features": ["i3d_rgb", "vggish"]}
ENTRIES: dict[str, dict[str, Any]] = {
    "filler": {"label": "f", "task": "fill", "network": "ct_san_fill", "sizes": SMALL, **SEEN},
    "chooser": {"label": "c", "task": "choose", "network": "ct_san_choose", "sizes": SMALL, "choices": 4, **SEEN},
    "finder": {"label": "r", "task": "retrieve", "network": "ct_san_find", "sizes": POOLED, "choices": 3, **SEEN},
    # More videos a row than a share of a batch has.
    "seeker": {"label": "s", "task": "retrieve", "network": "ct_san_find", "sizes": POOLED, "choices": 5, **SEEN},
}
