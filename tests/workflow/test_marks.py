"""Which jobs a change of a user's videos plans: those of its shard, and no others, whatever has run in between."""

import os

import pytest

from benchmarks.scale import corpora
from benchmarks.scale.workflow import checkout, snakemake

pytestmark = pytest.mark.slow


@pytest.fixture
def planned(tmp_path):
    """Jobs of one feature of eight videos in four shards that are planned, by rule; its jobs are empty."""
    corpora.make(tmp_path, 8)
    snakefile, config = checkout(tmp_path / "checkout"), tmp_path / "config.yaml"
    config.write_text("corpus: {source: files}\nrun: []\nextract: [vggish]\n")
    options = corpora.options(tmp_path, 4)

    def run(*more):
        return snakemake(snakefile, tmp_path / "run", config, "features", *more, *options)

    run("--quiet", "all")
    run.planned = lambda: {rule: n for rule, n in run("--dry-run").jobs.items() if rule in ("videos", "extract")}
    run.videos = tmp_path / "videos"
    return run


def older(path):
    os.utime(path, (10**9, 10**9))


def test_changes_of_videos(planned):
    assert planned.planned() == {}
    first = next(planned.videos.iterdir())
    os.utime(first)
    assert planned.planned() == {}, "a video of the same content that is newer"
    (planned.videos / "another.mp4").write_bytes(b"x")
    older(planned.videos / "another.mp4")
    assert planned.planned() == {"videos": 1, "extract": 1}, "one more video, however old"
    planned("--quiet", "all", "--until", "videos")
    assert planned.planned() == {"extract": 1}, "a run that ended behind the mark"
    planned("--quiet", "all")
    assert planned.planned() == {}
    (planned.videos / "another.mp4").write_bytes(b"y")
    assert planned.planned() == {"videos": 1, "extract": 1}, "other bytes, as many"
    planned("--quiet", "all", "--until", "decode")
    assert planned.planned() == {"extract": 1}, "a run that ended before the feature"
    planned("--quiet", "all")
    (planned.videos / "another.mp4").unlink()
    assert planned.planned() == {"videos": 1, "extract": 1}, "a video less"
