"""A version for each stage: raised when its results change, so that a rerun recomputes exactly what must change.

Snakemake sees these among a rule's parameters. Editing code or comments without raising a version recomputes nothing.
"""

STAGES = {
    "scenes": 3,
    "corpus": 2,
    "decode": 3,
    "extract": 3,
    "vocabulary": 1,
    "training": 2,
    "answers": 1,
    "scoring": 4,
    "report": 3,
}
