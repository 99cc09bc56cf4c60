"""Text as the dialogs have it, held against the dialogs themselves."""

import json
from pathlib import Path

import pytest

from pipeline.corpus.wording import as_in_dialogs, pieces


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("A man, who doesn't cook.", "a man , who doesn 't cook ."),
        ("Is it 8.5 m?  No - 2,000!", "is it 8.5 m ? no - 2,000 !"),
        ("a T-shirt/jacket\t(red)\n", "a t-shirt/jacket ( red )"),
        ("Ça va ? <eos>", "ça va ? < eos >"),
        (" \u00a0\n", ""),
        # Scripts whose vowels and tones are characters set on letters: words are what stands between spaces.
        ("एक आदमी खाना बना रहा है।", "एक आदमी खाना बना रहा है ।"),
        ("நாய் ஓடுகிறது, கறுப்பு!", "நாய் ஓடுகிறது , கறுப்பு !"),
        ("ผู้ชายกำลังเดิน", "ผู้ชายกำลังเดิน"),
        ("كَلْبٌ يَجْرِي؟", "كَلْبٌ يَجْرِي ؟"),
        ("می\u200cخواهم (او)", "می\u200cخواهم ( او )"),
        # Accents apart from their letters, as some systems write them, are those of one character.
        ("Un cafe\u0301-cre\u0300me, l'e\u0301te\u0301", "un caf\u00e9-cr\u00e8me , l '\u00e9t\u00e9"),
    ],
)
def test_form(written: str, expected: str) -> None:
    assert as_in_dialogs(written) == expected
    assert as_in_dialogs(expected) == expected


def test_without_marks() -> None:
    assert as_in_dialogs("A man, who doesn't ... (cook) 8.5 eggs!", marks=False) == "a man who doesn 't cook 8.5 eggs"
    assert as_in_dialogs("?!", marks=False) == ""
    assert as_in_dialogs("दो कुत्ते (काले) हैं।", marks=False) == "दो कुत्ते काले हैं"


def test_real_dialogs_are_in_this_form_already(shared: Path) -> None:
    """Of 36,000 questions and answers of the challenge, nearly all stay as they are."""
    content = json.loads((shared / "data/avsd/valid_set4DSTC7-AVSD.json").read_text())
    texts = [text for dialog in content["dialogs"] for turn in dialog["dialog"] for text in turn.values()]
    tokens = [token for text in texts for token in text.split()]
    whole = sum(len(pieces(token)) == 1 for token in tokens)
    assert len(tokens) == 339_006
    assert whole / len(tokens) > 0.999
