"""Corpora of the right shape and nothing in them: empty videos, dialogs of one question."""

import json
from pathlib import Path

SHARES = {"training": 0.83, "validation": 0.09, "trial": 0.04, "official": 0.04}
"""Of the videos, the last split taking what is left: as in Charades, nearly."""
TURN = {"question": "is it so ?", "answer": "yes"}


def make(folder: Path, videos: int) -> None:
    """``videos`` empty files in FOLDER/videos and their dialogs beside; what is there already stays."""
    names = [f"V{index:07d}" for index in range(videos)]
    (folder / "videos").mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / "videos" / f"{name}.mp4").touch()
    start = 0
    for split, share in SHARES.items():
        end = videos if split == "official" else start + round(share * videos)
        dialogs = [{"image_id": name, "summary": "a person walks", "dialog": [TURN]} for name in names[start:end]]
        (folder / f"{split}.json").write_text(json.dumps({"dialogs": dialogs}), encoding="utf-8")
        start = end
    (folder / "references.json").write_text("{}", encoding="utf-8")


def options(folder: Path, shards: int) -> list[str]:
    """What Snakemake is told to take the corpus in ``folder`` for the configuration's own."""
    dialogs = ", ".join(f"{name}: {folder / name}.json" for name in [*SHARES, "references"])
    return ["--config", f"videos={folder / 'videos'}", f"dialogs={{{dialogs}}}", f"corpus={{shards: {shards}}}"]
