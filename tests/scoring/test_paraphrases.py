"""METEOR with its table cut down to some texts, beside METEOR with all of it."""

import gzip
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from pipeline.errors import UserError
from pipeline.scoring import meteor as meteor_module
from pipeline.scoring import paraphrases, score
from pipeline.scoring.meteor import Meteor
from pipeline.scoring.paraphrases import Paraphrases, read_paraphrases, write_paraphrases

REFERENCES = [
    ["a man gets up and walks out of the room", "he stands up and leaves"],
    ["she picks up a towel from the floor", "a woman takes a towel"],
    ["no , there is n't any sound", "i can not hear anything at all"],
    ["he is looking at the cell-phone in his hand", "yes he 's watching tv"],
    ["it 's about 2 o'clock in the afternoon", "well-lit , so maybe daytime"],
]
HYPOTHESES = [
    ["a person gets off and steps out of the bedroom", "she takes the towels up from the ground"],
    ["he rises and goes away", "there is no noise at all"],
    ["yes , he watches television", "he looks at the mobile phone"],
    ["it is in the afternoon", "the light is good"],
]


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cut") / "trial"
    texts = [*(text for group in REFERENCES for text in group), *(text for group in HYPOTHESES for text in group)]
    kept = write_paraphrases(folder, texts)
    with gzip.open(folder / "paraphrases.gz", "rt", encoding="utf-8") as table:
        lines = table.read().splitlines()
    assert len(lines) == 3 * kept
    assert 1000 < kept < 500_000
    return folder


def test_every_statistic_is_that_of_the_whole_table(meteor: Meteor, cut: Path) -> None:
    pairs = [(text, group) for group in REFERENCES for texts in HYPOTHESES for text in texts]
    hypotheses, references = [text for text, _ in pairs], [group for _, group in pairs]
    whole = meteor.statistics(hypotheses, references)
    with Meteor(table=cut / "paraphrases.gz") as small:
        assert small.statistics(hypotheses, references) == whole
    # Among them are matches by paraphrase, the fourth stage: without the table they would be others.
    assert sum(float(line.split()[16]) > 0 for line in whole) >= 5


def test_what_a_table_serves(cut: Path) -> None:
    table = read_paraphrases(cut)
    assert table.serve(["he looks at the mobile phone", ""])
    assert not table.serve(["he looks at the zebra"])
    assert not table.serve(["he looks at the caf\N{LATIN SMALL LETTER E WITH ACUTE}"])
    assert Paraphrases(cut / "paraphrases.gz").serve(["anything"])


def test_what_is_not_plain_is_never_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paraphrases, "whole_table", lambda: write(tmp_path / "whole.gz", "0.5\na b\nc\n0.5\nz\nc\n"))
    long, accent = "x" * 41, "\N{LATIN SMALL LETTER E WITH ACUTE}"
    assert write_paraphrases(tmp_path / "cut", ["a-b c", long, accent]) == 1
    assert not read_paraphrases(tmp_path / "cut").serve([long])
    assert not read_paraphrases(tmp_path / "cut").serve([accent])
    again = tmp_path / "cut" / "paraphrases.gz"
    content = again.read_bytes()
    write_paraphrases(tmp_path / "cut", ["c", "a-b"])
    assert again.read_bytes() == content


def write(path: Path, text: str) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(text)
    return path


def test_where_a_word_is_missing_the_whole_table_serves(
    cut: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[Path] = []
    monkeypatch.setattr(meteor_module, "whole_table", lambda: started.append(cut) or cut / "paraphrases.gz")
    with score._tokenized(["he leaves"], read_paraphrases(cut)) as (tokens, meteor):
        assert (tokens, started) == (["he leaves"], [])
        assert meteor.statistics(["he leaves"], [["he leaves"]])
    with score._tokenized(["the zebra leaves"], read_paraphrases(cut)) as (tokens, meteor):
        assert (tokens, started) == (["the zebra leaves"], [cut])
        assert meteor.statistics(["he leaves"], [["he leaves"]])
    assert "METEOR takes the whole table" in capsys.readouterr().err


def test_a_folder_without_a_table_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no paraphrases\.gz.*`avsd paraphrases`"):
        read_paraphrases(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda table, tokens: table.write_bytes(table.read_bytes()[: table.stat().st_size // 2]),
        lambda table, tokens: table.write_bytes(b""),
        lambda table, tokens: table.write_bytes(gzip.compress(b"")),
        lambda table, tokens: table.write_bytes(gzip.compress(b'{"no": "paraphrases"}')),
        lambda table, tokens: tokens.write_text(f"{tokens.read_text()}zebra\n"),
    ],
    ids=["half of it", "an empty file", "an empty table", "something else", "a token more"],
)
def test_what_is_not_as_it_was_written_is_refused(
    cut: Path, tmp_path: Path, damage: Callable[[Path, Path], object]
) -> None:
    """The jar takes the first three for shorter tables, and other scores come of it."""
    folder = shutil.copytree(cut, tmp_path / "cut")
    assert read_paraphrases(folder).serve(["he leaves"])
    damage(folder / "paraphrases.gz", folder / "tokens.txt")
    with pytest.raises(UserError, match=r"cut/paraphrases\.gz: damaged, or not .*`avsd paraphrases`"):
        read_paraphrases(folder)


def test_tokens_say_what_they_belong_to(cut: Path, tmp_path: Path) -> None:
    first, _, rest = (cut / "tokens.txt").read_bytes().partition(b"\n")
    assert first == b"sha256 " + hashlib.sha256((cut / "paraphrases.gz").read_bytes() + rest).hexdigest().encode()
    folder = shutil.copytree(cut, tmp_path / "cut")
    (folder / "tokens.txt").write_bytes(rest)  # as earlier versions wrote it
    with pytest.raises(UserError, match=r"cut/tokens\.txt: the first line.*`avsd paraphrases`"):
        read_paraphrases(folder)


def test_a_writing_that_ends_halfway_leaves_no_table_to_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paraphrases, "whole_table", lambda: write(tmp_path / "whole.gz", "0.5\na b\nc\n0.5\nz\nc\n"))
    write_paraphrases(tmp_path / "cut", ["a b c z"])
    with monkeypatch.context() as killed:
        killed.setattr(paraphrases, "write_text", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_paraphrases(tmp_path / "cut", ["a b c"])
    with pytest.raises(UserError, match=r"no paraphrases\.gz with its tokens\.txt"):
        read_paraphrases(tmp_path / "cut")
    write_paraphrases(tmp_path / "cut", ["a b c"])
    assert not read_paraphrases(tmp_path / "cut").serve(["z"])
