"""What is wrong with one video: the shard goes on without it."""

from typing import Any

from pipeline.errors import UserError


class UnreadableError(Exception):
    """A video that cannot be used: the shard goes on without it.

    stage: where it failed (``probe``, ``frames`` or ``sound``). reason: what was missing. words: what the decoder said.
    """

    def __init__(self, stage: str, reason: str, words: str = "") -> None:
        super().__init__(f"{stage}: {reason}{f' ({words})' if words else ''}")
        self.stage = stage
        self.reason = reason
        self.words = words

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.stage, self.reason, self.words)


class UnusableVideoError(UserError):
    """The one video that was asked for cannot be used, for what is wrong with it."""


class RefusedError(UnreadableError):
    """A video that is not decoded, for what it is and not for how it decodes: there is no use in trying again."""
