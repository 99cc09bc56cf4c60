"""What the organisers' published search needs besides `benchmarks.published_port` to run on Python 3."""

from pathlib import Path

from benchmarks.published_port import REPOSITORY, Change
from pipeline.errors import UserError

SCRIPT, NETWORK = "avsd_generate.py", "mmseq2seq_model.py"
CHANGES = (
    Change((SCRIPT,), r"^import six\n", "", "the package six"),
    Change((SCRIPT, NETWORK), r"\bsix\.moves\.(?=range\b)", "", "range of the package six"),
)


def port_search(checkout: Path, folder: Path) -> None:
    """Write the changed avsd_generate.py into ``folder``, and change the network that `port` has written there.

    Raises `UserError` for a folder that is no checkout, and for another version of the code.
    """
    sources = {SCRIPT: checkout / "code" / SCRIPT, NETWORK: folder / NETWORK}
    for name, path in sources.items():
        try:
            text = path.read_text(encoding="utf-8").expandtabs(8)
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"{path}: cannot be read ({error.__class__.__name__}); give --published a checkout of {REPOSITORY}"
            ) from None
        for change in CHANGES:
            if name in change.files:
                text = change.apply(text, path)
        (folder / name).write_text(text, encoding="utf-8")
