"""Single stages, ended from outside at any moment: the same command then makes what an undisturbed one makes."""

import random
import signal

import pytest

from tests.faults.stages import STAGES, artefacts, different

KILLED = ("decode", "extract", "train", "answer", "score")
MOMENTS = 12
"""A stage in `make test-faults`."""


def moments(stages, few):
    """Parameters (stage, seed) for `MOMENTS` kills of each; the first ``few`` of them always run."""
    return [
        pytest.param(stage, seed, id=f"{stage}-{seed}", marks=() if seed < few else pytest.mark.more)
        for stage in stages
        for seed in range(MOMENTS)
    ]


def moment(stages, stage, seed):
    """When, in seconds after its start: anywhere in the time that the stage took undisturbed."""
    return random.Random(f"{stage} {seed}").random() * stages.walls[stage]


def as_undisturbed(stages, stage, folder):
    """Check that the stage, run again, makes everything as the undisturbed run has it, and leaves nothing else."""
    stages.run(folder, stage).went_well()
    assert different(artefacts(folder / "results"), stages.found) == []


@pytest.mark.fault("Kills", "`kill -9` of a stage with all it started", "run again, it makes the same, byte for byte")
@pytest.mark.parametrize(("stage", "seed"), moments(KILLED, 1))
def test_a_killed_stage_goes_on(stages, tmp_path, stage, seed):
    folder = stages.before(stage, tmp_path)
    ended = stages.run(folder, stage, seconds=moment(stages, stage, seed))
    assert ended.status in (None, 0), ended
    as_undisturbed(stages, stage, folder)


@pytest.mark.fault("Kills", "`kill -9` of a stage alone", "what it had started ends by itself")
@pytest.mark.parametrize(
    ("stage", "part"),
    [
        ("scenes", 0.6),
        *(pytest.param(stage, 0.5, marks=pytest.mark.more) for stage in ("decode", "score")),
        *(pytest.param("scenes", part, marks=pytest.mark.more) for part in (0.2, 0.4, 0.8)),
    ],
)
def test_nothing_outlives_a_killed_stage(stages, tmp_path, stage, part):
    folder = stages.before(stage, tmp_path)
    ended = stages.run(folder, stage, seconds=part * stages.walls[stage], alone=True)
    assert ended.status in (None, 0) and ended.left == [], ended
    as_undisturbed(stages, stage, folder)


@pytest.mark.fault("Kills", "SIGTERM, Ctrl-C, SIGHUP to a stage", "one line; what was begun is removed; it goes on")
@pytest.mark.parametrize(
    ("stage", "number"),
    [
        pytest.param(stage, number, id=f"{stage}-{number.name}", marks=() if few else pytest.mark.more)
        for stage in STAGES
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        if (few := (stage, number) in (("decode", signal.SIGINT), ("train", signal.SIGTERM))) or stage in KILLED
    ],
)
def test_a_stopped_stage_leaves_nothing(stages, tmp_path, stage, number):
    folder = stages.before(stage, tmp_path)
    before = artefacts(folder / "results")
    ended = stages.run(folder, stage, seconds=0.5 * stages.walls[stage], ended_by=number)
    assert ended.left == []
    if ended.status != 0:  # 0: it was done before
        assert ended.status == 128 + number and ended.err.splitlines()[-1] == f"stopped by {number.name}", ended
        more = set(artefacts(folder / "results")) - set(before)
        # What is finished stands: a state to go on from, the list of a decoding.
        assert not [name for name in more if "/." in name or name.startswith(".")], more
    as_undisturbed(stages, stage, folder)
