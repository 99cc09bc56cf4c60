"""What a person types, as the corpus has it: lower case, words and punctuation apart."""

from pipeline.corpus.wording import ends_with_word, pieces
from pipeline.vocabulary import UNKNOWN
from pipeline.vocabulary.words import Vocabulary

_MARK = "?"


def as_in_corpus(text: str, vocabulary: Vocabulary) -> str:
    """``text`` in lower case, split as the dialogs are: "What's on it?" becomes "what 's on it ?".

    A word that the vocabulary knows as it stands is not split.
    """
    words: list[str] = []
    for word in text.lower().replace("’", "'").split():
        words += [word] if known(word, vocabulary) else pieces(word)
    return " ".join(words)


def question_in_corpus(text: str, vocabulary: Vocabulary) -> str:
    """A question likewise; nearly all of the corpora end with a question mark, so a missing one is added."""
    question = as_in_corpus(text, vocabulary)
    return f"{question} {_MARK}" if ends_with_word(question) and known(_MARK, vocabulary) else question


def known(word: str, vocabulary: Vocabulary) -> bool:
    """Whether the vocabulary has the word."""
    return vocabulary.encode(word) != [UNKNOWN]


def unknown_words(text: str, vocabulary: Vocabulary) -> list[str]:
    """The words of ``text`` that the vocabulary lacks, each once, in order."""
    return [word for word in dict.fromkeys(text.split()) if not known(word, vocabulary)]
