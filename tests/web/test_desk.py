"""What a person sees who has chosen another video meanwhile: nothing of the one before."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.web import desk as module
from pipeline.web.desk import Desk, LeftError, Visit


@pytest.fixture(scope="module")
def desk(world: Config) -> Iterator[Desk]:
    one = Desk(world, 1 << 30)
    yield one
    one.close()


def clip(world: Config, name: str) -> Path:
    return world.results.parent / "clips" / f"{name}.mp4"


def ready(desk: Desk, path: Path) -> tuple[Visit, module.Party]:
    visit = desk.begin("somebody", path)
    party = desk.party(visit, "untold", "")
    for _ in desk.prepare(visit, party.dims):
        pass
    return visit, party


class Conversing:
    """A conversation during which the person chooses another video; ``error``: and that fails."""

    def __init__(self, desk: Desk, other: Path, error: UserError | None) -> None:
        self.desk, self.other, self.error = desk, other, error

    def ask(self, *_: object, **__: object) -> SimpleNamespace:
        self.desk.begin("somebody", self.other)
        if self.error is not None:
            raise self.error
        return SimpleNamespace(answer="it is red")


@pytest.mark.parametrize("error", [None, UserError("no such word")])
def test_an_answer_that_nobody_waits_for_is_not_shown(
    desk: Desk, world: Config, monkeypatch: pytest.MonkeyPatch, error: UserError | None
) -> None:
    for again in (
        lambda visit, party: desk.ask(visit, party, "and now ?"),
        lambda visit, _: list(desk.compare(visit, "")),
    ):
        visit, party = ready(desk, clip(world, "short"))
        desk.ask(visit, party, "what is it ?")
        with monkeypatch.context() as patched, pytest.raises(LeftError):
            patched.setattr(module, "converse", lambda *_: Conversing(desk, clip(world, "loud"), error))
            again(visit, party)
        assert [asked.question for asked in visit.asked] == ["what is it ?"] and not visit.asked[0].others
        assert desk.visit("somebody").asked == [] and desk.visit("somebody").video.name == "loud.mp4"
        # Nothing needs to be computed for it, and yet it is over.
        with pytest.raises(LeftError):
            list(desk.prepare(visit, party.dims))


@pytest.mark.parametrize("gone", [False, True])
def test_of_two_videos_chosen_the_later_counts(
    desk: Desk, world: Config, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    """The first takes long to be read: its turn comes when the second is there."""
    reading, go_on, found = threading.Event(), threading.Event(), []
    original = module.content_of

    def slow(path: Path) -> str:
        if path.name == "short.mp4":
            reading.set()
            assert go_on.wait(60)
            if gone:
                raise UserError("it is gone")
        return original(path)

    def first() -> None:
        try:
            found.append(desk.begin("somebody", clip(world, "short")))
        except LeftError as error:
            found.append(error)

    monkeypatch.setattr(module, "content_of", slow)
    thread = threading.Thread(target=first)
    thread.start()
    assert reading.wait(60)
    # While the second is not there either, there is none: not that of before.
    with pytest.raises(UserError, match="choose a video first"):
        desk.visit("somebody")
    second = desk.begin("somebody", clip(world, "loud"))
    go_on.set()
    thread.join(60)
    assert isinstance(found[0], LeftError)
    assert desk.visit("somebody") is second and not second.left


def test_a_video_that_cannot_be_read_leaves_nothing(desk: Desk, world: Config) -> None:
    before = desk.begin("somebody", clip(world, "short"))
    with pytest.raises(UserError):
        desk.begin("somebody", clip(world, "none"))
    assert before.left
    with pytest.raises(UserError, match="choose a video first"):
        desk.visit("somebody")
    assert not desk.begin("somebody", clip(world, "short")).left


def test_who_leaves_while_a_video_is_read_is_forgotten(
    desk: Desk, world: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = module.content_of

    def left(path: Path) -> str:
        desk.leave("somebody")
        return original(path)

    monkeypatch.setattr(module, "content_of", left)
    with pytest.raises(LeftError):
        desk.begin("somebody", clip(world, "short"))
    with pytest.raises(UserError, match="choose a video first"):
        desk.visit("somebody")
