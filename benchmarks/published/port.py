"""Bring a checkout of the organisers' published code to Python 3 and today's PyTorch, as a copy.

The code is Python 2 with PyTorch 0.4 and a GPU taken for granted. Nothing of it stands in this repository: a user gives
a checkout of it, and the smallest set of textual changes is made to a copy. None of them changes what is computed.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError

REPOSITORY = "dialogtekgeek/AudioVisualSceneAwareDialog"
COMMIT = "e60ad79"
MODULES = (
    "avsd_train.py",
    "data_handler.py",
    "hlstm_decoder.py",
    "hlstm_encoder.py",
    "lstm_encoder.py",
    "mmseq2seq_model.py",
    "multimodal_encoder.py",
)
SETTINGS = "run_i3d.sh"
LSTMS = ("hlstm_decoder.py", "hlstm_encoder.py", "lstm_encoder.py")
_SETTING = re.compile(r"""^(\w+)=("[^"]*"|'[^']*'|[^\s#$`"']+)(?=\s|$)""", re.MULTILINE)


@dataclass(frozen=True)
class Change:
    """A textual change: every match of ``pattern`` in ``files``, at least one in each, becomes ``replacement``."""

    files: tuple[str, ...]
    pattern: str
    replacement: str
    why: str

    def apply(self, text: str, path: Path) -> str:
        """The text of ``path``, changed; a `UserError` where the pattern does not occur."""
        changed, count = re.subn(self.pattern, self.replacement, text, flags=re.MULTILINE)
        if not count:
            raise UserError(
                f"{path}: nothing to change for {self.why!r} (pattern {self.pattern}); expected the code of "
                f"{REPOSITORY} at commit {COMMIT}: check that version out"
            )
        return changed


CHANGES = (
    # Both are lengths and numbers of turns. The attention's division of weights by their sum must stay one of reals.
    Change(("data_handler.py",), r"(?<=[\w)]) / (?=[\w(])", " // ", "batch sizes divided as Python 2 divides"),
    Change(("multimodal_encoder.py",), r"(?<=\.shape\[0\]) / ", " // ", "numbers of steps divided as Python 2 divides"),
    Change(
        ("data_handler.py",),
        r"\b(\w+)\.values\(\)\[0\]",
        r"list(\1.values())[0]",
        "a dictionary's values by position, which Python 3 has in no list",
    ),
    # six bridges Python 2 and 3; range and zip are what it gives on Python 3. It is none of this project's packages.
    Change(("avsd_train.py", *MODULES[1:4], *MODULES[5:]), r"^import six\n", "", "the package six"),
    Change(
        ("avsd_train.py", "data_handler.py", "hlstm_decoder.py", "hlstm_encoder.py", "multimodal_encoder.py"),
        r"\bsix\.moves\.(?=range\b|zip\b)",
        "",
        "range and zip of the package six",
    ),
    # Imported for lines that are commented out.
    Change(("hlstm_encoder.py", "lstm_encoder.py"), r"^import scipy\.io as sio\n", "", "the unused package scipy"),
    # Both sides are measured on the CPU, whether the machine has a GPU or not.
    Change((*LSTMS, "mmseq2seq_model.py", "multimodal_encoder.py"), r"\.cuda\(\)", "", "moves to the GPU"),
    # The fourth place of nn.LSTM is `bias`, so that the dropout meant for it never takes effect. Today's PyTorch wants
    # a truth value there: 0.5 is true, the layers have their biases as before.
    Change(LSTMS, r"(nn\.LSTM\([^)\n]*,\s*)dropout(?=,)", r"\1bool(dropout)", "dropout in the place of nn.LSTM's bias"),
)

SEARCH_SCRIPT, SEARCH_NETWORK = "avsd_generate.py", "mmseq2seq_model.py"
SEARCH_CHANGES = (
    Change((SEARCH_SCRIPT,), r"^import six\n", "", "the package six"),
    Change((SEARCH_SCRIPT, SEARCH_NETWORK), r"\bsix\.moves\.(?=range\b)", "", "range of the package six"),
)
"""What the search needs besides."""


def port(checkout: Path, folder: Path) -> None:
    """Write the changed modules of the checkout's code/ into ``folder``.

    Raises `UserError` for a folder that is no checkout, and for another version of the code.
    """
    _change({name: checkout / "code" / name for name in MODULES}, CHANGES, folder)


def port_search(checkout: Path, folder: Path) -> None:
    """Write the changed avsd_generate.py into ``folder``, and change the network that `port` has written there.

    Raises `UserError` for a folder that is no checkout, and for another version of the code.
    """
    sources = {SEARCH_SCRIPT: checkout / "code" / SEARCH_SCRIPT, SEARCH_NETWORK: folder / SEARCH_NETWORK}
    _change(sources, SEARCH_CHANGES, folder)


def _change(sources: Mapping[str, Path], changes: Sequence[Change], folder: Path) -> None:
    for name, path in sources.items():
        # Tabs are eight columns in Python 2; Python 3 refuses to mix them with spaces.
        text = _read(path).expandtabs(8)
        for change in changes:
            if name in change.files:
                text = change.apply(text, path)
        (folder / name).write_text(text, encoding="utf-8")


def settings(checkout: Path) -> Mapping[str, tuple[str, ...]]:
    """The variables that the checkout's run_i3d.sh sets, each as its words."""
    text = _read(checkout / SETTINGS)
    return {found[1]: tuple(shlex.split(found[2].strip("\"'"))) for found in _SETTING.finditer(text)}


def numbers(found: Mapping[str, tuple[str, ...]], name: str, count: int, path: Path) -> tuple[int, ...]:
    """The ``count`` whole numbers that the variable ``name`` holds."""
    words = found.get(name, ())
    if len(words) != count or not all(word.isdecimal() for word in words):
        raise UserError(
            f"{path}: {name} is {' '.join(words) or 'not set'}, expected {count} whole number(s) as in {REPOSITORY} at "
            f"commit {COMMIT}: check that version out"
        )
    return tuple(map(int, words))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read ({error.__class__.__name__}); give --published a checkout of {REPOSITORY}"
        ) from None
