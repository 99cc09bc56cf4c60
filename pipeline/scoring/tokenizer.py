"""PTB tokenisation as the COCO caption tools do it: Stanford's tokeniser, then punctuation taken out."""

from collections.abc import Sequence

from pipeline.errors import UserError
from pipeline.scoring.java import jar, run_java

LIMIT_SECONDS = 600.0


def tokenize(sentences: Sequence[str]) -> list[str]:
    """Lower-cased PTB tokens of each sentence, joined by spaces, without the punctuation pycocoevalcap removes.

    All sentences go through one Java process. White space inside a sentence becomes single spaces first, so that a
    sentence is a line whatever it contains.
    """
    if not sentences:
        return []
    from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS

    text = "".join(" ".join(sentence.split()) + "\n" for sentence in sentences)
    arguments = [
        "-cp",
        str(jar("tokenizer", "stanford-corenlp-3.4.1.jar")),
        "edu.stanford.nlp.process.PTBTokenizer",
        "-preserveLines",
        "-lowerCase",
    ]
    lines = run_java(arguments, text, LIMIT_SECONDS, "PTB tokeniser").removesuffix("\n").split("\n")
    if len(lines) != len(sentences):
        raise UserError(f"PTB tokeniser: gave {len(lines)} lines for {len(sentences)} sentences")
    dropped = frozenset(PUNCTUATIONS)
    return [" ".join(token for token in line.split() if token not in dropped) for line in lines]
