"""The model card of a trained system."""

from typing import Any

from pipeline.config import REPRESENTING
from pipeline.inert import markdown


def card(info: dict[str, Any]) -> str:
    """Markdown: what the system is, how it was trained, how large its parts are. info: as in `system.json`."""
    described = info["description"]
    facts = {
        "Network": info["network"],
        "Features": ", ".join(f"{name} ({dims})" for name, dims in info["feature_dims"].items()) or "none, text only",
        "Dialog history": "seen" if info["history"] else "not seen",
        "Description in training": described["train"],
        "Description at test": described["test"],
        **({"Concept words": _words(info["shown"])} if info.get("shown") else {}),
        "Loss": info["loss"],
        "Teacher": info["teacher"] or "none",
        "Started from": _start(info),
        "Parts that did not learn": ", ".join(info["freeze"]) or "none",
        "Vocabulary": f"{info['vocabulary']['size']} entries, SHA-256 {info['vocabulary']['hash'][:12]}",
        "Seed": info["training"]["seed"],
        "Commit": info["commit"] or "unknown",
    }
    lines = [f"# {markdown(info['label'])}", "", f"System `{info['system']}`: {markdown(info['does'])}.", ""]
    lines += _table("", "", facts)
    lines += ["", "## Results on validation", "", *_table("Measure", "Value", info["metrics"])]
    lines += ["", "## Training", "", *_table("Setting", "Value", info["training"])]
    lines += ["", "## Sizes", "", *_table("Size", "Value", info["sizes"])]
    counts = {part: f"{count:,}" for part, count in info["parameters"].items()}
    lines += ["", "## Parameters", "", *_table("Part", "Parameters", counts)]
    lines += ["", "## Versions", "", *_table("Package", "Version", info["versions"])]
    return "\n".join(lines) + "\n"


def _words(shown: dict[str, Any]) -> str:
    where = "as a modality" if shown["place"] == "modality" else "in front of the question"
    return f"{shown['k']} of {shown['system']}, {where}"


def _start(info: dict[str, Any]) -> str:
    if info["init_from"] is not None:
        return str(info["init_from"])
    taught = info["loss"] in REPRESENTING or info["training"].get("student_from_teacher", False)
    return "its teacher" if taught else "fresh weights"


def _table(left: str, right: str, rows: dict[str, Any]) -> list[str]:
    lines = [f"| {left} | {right} |", "|---|---|"]
    for name, value in rows.items():
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        lines.append(f"| {markdown(name)} | {markdown(shown)} |")
    return lines
