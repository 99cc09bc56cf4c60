"""PTB tokenisation as the COCO caption tools do it: Stanford's tokeniser, then punctuation taken out.

A sentence's tokens depend on nothing but the sentence: they are those that pycocoevalcap gives it when it is the only
one. Stanford's lexer looks across line ends ("no." is one token before a line that begins with a digit), and reads the
end of a file otherwise than the end of a line (the last of "he 'll"). So sentences share a file only where its table of
states shows that neither can happen, and stand last in a file of their own otherwise.
"""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import UserError
from pipeline.scoring.java import BRIEF, jar, run_java

LIMIT_SECONDS = 600.0
_WHAT = "PTB tokeniser"
# What the lexer takes for the end of a line. pycocoevalcap makes a blank of the first one and, of a sentence with one
# of the others, scores the first line alone; here all of them are blanks.
_LINE_ENDS = str.maketrans(dict.fromkeys("\n\r\v\f\u2028\u2029", " "))
# ASCII text that ends with a word of letters, and perhaps a mark. The lexer's state after it, wherever in it the last
# token began, has no way on over a line break, or (single letters) one that changes nothing.
_ENDS_PLAINLY = re.compile(r"(?:[^<&@\[\x00-\x1f\x7f-\U0010ffff]* )?([A-Za-z]+)(?:(\.)|[,?!]| [.,?!])?")
# But for those that it takes for abbreviations, single letters and these, with their full stop.
_ABBREVIATIONS = (
    "al ala apr ariz ark art assn aug az bancorp bhd bldg blvd bros ca calif co colo conn corp cos ct dak "
    "dec del esq est etc ext feb fig figs fla fri ga ill inc ind intl jan jr jul jun kan kans ky la ltd "
    "mar mass md mich minn miss mo mon mont mr ms neb nev no nos nov oct okla op ore pa penn plc pp ppte "
    "pptes ppty pptys prop pte ptes pty ptys rd rt sep sept seq sq sr sys tel tenn tex thu thurs tue tues "
    "univ va vt wash wed wis wisc wyo"
)
_KNOWN = frozenset(_ABBREVIATIONS.split())


def tokenize(sentences: Sequence[str]) -> list[str]:
    """Lower-cased PTB tokens of each sentence, joined by blanks, without the punctuation pycocoevalcap removes.

    A token may hold a no-break space: "2 1/2" is one. All sentences go through one Java process, equal ones once.
    """
    from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS

    lines = {sentence: sentence.translate(_LINE_ENDS) for sentence in sentences}
    texts = list(dict.fromkeys(lines.values()))
    dropped = frozenset(PUNCTUATIONS)
    tokens = {
        text: " ".join(token for token in tokenized.rstrip().split(" ") if token not in dropped)
        for text, tokenized in zip(texts, _tokenized(_files(texts)), strict=True)
    }
    return [tokens[lines[sentence]] for sentence in sentences]


def _files(texts: Sequence[str]) -> list[list[str]]:
    """``texts`` in order, cut into files, each with only its last line read differently at the end of a file."""
    files: list[list[str]] = [[]]
    for text in texts:
        files[-1].append(text)
        if not _ends_plainly(text):
            files.append([])
    return [lines for lines in files if lines]


def _ends_plainly(text: str) -> bool:
    """Whether the lexer reads ``text`` before a line break, and what follows it, as at the end of a file."""
    found = _ENDS_PLAINLY.fullmatch(text)
    if found is None:
        return False
    word, full_stop = found.groups()
    return full_stop is None or (len(word) > 1 and word.lower() not in _KNOWN)


def _tokenized(files: Sequence[Sequence[str]]) -> list[str]:
    """The lexer's line for each line of ``files``, all in one Java process."""
    if not files:
        return []
    try:
        with tempfile.TemporaryDirectory(prefix="avsd-ptb-") as name:
            return _in_folder(Path(name), files)
    except OSError as error:
        raise UserError(f"{_WHAT}: its temporary files could not be written or read ({error}); set TMPDIR") from None


def _in_folder(folder: Path, files: Sequence[Sequence[str]]) -> list[str]:
    # No line break at the end: pycocoevalcap writes none after its last sentence.
    for number, lines in enumerate(files):
        (folder / f"{number}").write_bytes("\n".join(lines).encode())
    (folder / "files").write_text("".join(f"{number}\n" for number in range(len(files))), encoding="ascii")
    arguments = [
        *BRIEF,
        *("-cp", str(jar("tokenizer", "stanford-corenlp-3.4.1.jar")), "edu.stanford.nlp.process.PTBTokenizer"),
        *("-preserveLines", "-lowerCase", "-ioFileList", "files"),
    ]
    run_java(arguments, "", LIMIT_SECONDS, _WHAT, folder)
    tokenized: list[str] = []
    for number, lines in enumerate(files):
        found = (folder / f"{number}.tok").read_bytes().decode().split("\n")
        if len(found) != len(lines):
            raise UserError(f"{_WHAT}: gave {len(found)} lines for {len(lines)} sentences ({lines[-1]!r})")
        tokenized += found
    return tokenized
