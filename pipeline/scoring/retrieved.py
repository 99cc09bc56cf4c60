"""Scores of videos for texts as what is scored."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from pipeline.corpus.references import read_references
from pipeline.errors import UserError
from pipeline.ranks import ranks
from pipeline.scoring.names import RETRIEVED
from pipeline.scoring.placed import write_placed
from pipeline.scoring.request import Request
from pipeline.texts.typed import Number, read_typed


@with_config(ConfigDict(extra="allow"))
class _File(TypedDict):
    type: Literal["video_scores"]
    videos: Annotated[list[str], Field(min_length=1)]
    scores: Annotated[dict[str, list[Number]], Field(min_length=1)]


def score_retrieved(request: Request) -> None:
    """Recall and ranks of the video that each text is about, among all videos of the file; each must have scores."""
    known = {video for video, _ in read_references(request.references)}
    for path, out in zip(request.hypotheses, request.outs, strict=True):
        content = read_typed(path, TypeAdapter(_File), "scores of videos, as `avsd answer` writes them")
        columns = {video: place for place, video in enumerate(content["videos"])}
        if len(columns) < len(content["videos"]):
            twice = next(video for place, video in enumerate(content["videos"]) if columns[video] != place)
            raise UserError(f"{path}: video {twice} stands twice among those searched; answer again")
        # A video that nobody wrote about may stand among those searched; one with a text must have been searched for.
        if missing := [video for video in columns if video in known and video not in content["scores"]]:
            raise UserError(
                f"{path}: no scores for {len(missing)} texts of {request.references} whose videos are among those "
                f"searched ({missing[0]}); answer again"
            )
        placed = {}
        for video, scores in content["scores"].items():
            if video not in columns or video not in known or len(scores) != len(columns):
                raise UserError(
                    f"{path}: text about {video}: its video is not among those searched, or not in "
                    f"{request.references}, or there are {len(scores)} scores of {len(columns)} videos; answer again"
                )
            placed[video, 0] = int(ranks([scores], [columns[video]])[0])
        counts = [len(columns)] * len(placed)
        write_placed(path, out, RETRIEVED, placed, counts, request.bootstrap, "texts")
