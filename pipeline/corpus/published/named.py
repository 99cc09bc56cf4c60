"""Tables whose first line names their columns, as JSFusion's authors share them, and what has become of these.

* Tab-separated `LSMDC16_{CAP,RET,MC,FIB}_test.csv` and `MSR_{CAP,MC}_test.csv` (github.com/yj-yu/lsmdc, whose reader
  names the columns): `key`, `vid_key`, and `description`; `a1` ... `a5` and `answer`, counted from 0; or
  `blank_sentence`, `sentence` and `answer`, the missing word.
* Comma-separated `MSRVTT_JSFUSION_test.csv` (CLIP4Clip and others): `key,vid_key,video_id,sentence`, the last one
  `sentences` in some copies.

MSR-VTT's clip `video9770` is `msr9770` under `vid_key`.
"""

import re
from collections.abc import Mapping, Sequence

from pipeline.corpus.published.listed import Item, Kind, Listed
from pipeline.corpus.published.lsmdc import Rows
from pipeline.texts import quoted

_VIDEOS = ("video_id", "vid_key")
_TEXTS = ("sentence", "sentences", "description")
_OPTION = re.compile(r"a([1-9]\d?)")
_MSR = re.compile(r"msr(\d+)")
_NUMBER = re.compile(r"\d{1,3}")


def is_named(cells: Sequence[str]) -> bool:
    """Whether a line names columns that this can make something of."""
    return any(name in cells for name in _VIDEOS) and kind_of_names(cells) is not None


def kind_of_names(names: Sequence[str]) -> Kind | None:
    """What a table with these columns lists; None: nothing known."""
    if "answer" in names:
        if len(_options(names)) > 1:
            return "choices"
        return "blanks" if "blank_sentence" in names else None
    return "pairs" if any(name in names for name in _TEXTS) else None


def listed_named(rows: Rows) -> Listed:
    """The items of a table whose first line `is_named`."""
    (_, names), *lines = rows
    kind = kind_of_names(names)
    assert kind is not None
    repeated = sorted({name for name in names if names.count(name) > 1 and name})
    if repeated:
        return Listed(kind, (), [f"line {rows[0][0]}: column {quoted(repeated[0])} stands twice"])
    items, broken = [], []
    for number, cells in lines:
        where = f"line {number}"
        if len(cells) != len(names):
            broken.append(f"{where}: {len(cells)} columns, expected {len(names)}: {', '.join(names)}")
            continue
        found = _item(where, dict(zip(names, cells, strict=True)), kind, _options(names))
        if isinstance(found, Item):
            items.append(found)
        else:
            broken.append(found)
    return Listed(kind, tuple(items), broken)


def video_named(name: str) -> str:
    """A video's id by its key among JSFusion's: MSR-VTT's as the clips are called, any other as it is.

    >>> video_named("msr9770"), video_named(" vid12 ")
    ('video9770', 'vid12')
    """
    name = name.strip()
    return _MSR.sub(r"video\1", name) if _MSR.fullmatch(name) else name


def _options(names: Sequence[str]) -> list[str]:
    """Columns of sentences to choose from, in the order of their numbers."""
    numbered = {int(found[1]): name for name in names if (found := _OPTION.fullmatch(name))}
    return [numbered[number] for number in sorted(numbered)]


def _item(where: str, cells: Mapping[str, str], kind: Kind, options: Sequence[str]) -> Item | str:
    """An item, or what is wrong with its line."""
    video = video_named(next(cells[name] for name in _VIDEOS if name in cells))
    key = cells.get("key")
    if kind == "pairs":
        return Item(where, video, next(cells[name] for name in _TEXTS if name in cells), key)
    if kind == "blanks":
        return Item(where, video, cells.get("sentence", ""), key, gapped=cells["blank_sentence"], word=cells["answer"])
    answer = cells["answer"].strip()
    if not _NUMBER.fullmatch(answer) or int(answer) >= len(options):
        return f"{where}: the answer is {quoted(answer)}, expected a number from 0 to {len(options) - 1}"
    said = tuple(cells[name] for name in options)
    return Item(where, video, said[int(answer)], key, said, int(answer))
