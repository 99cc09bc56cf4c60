"""Dry runs: what a configuration plans, and what a missing file says."""

import re

import pytest

DIALOGS = (
    "train_set4DSTC7-AVSD",
    "valid_set4DSTC7-AVSD",
    "test_set",
    "test_set4DSTC7-AVSD",
    "test_set4DSTC7-AVSD_multiref",
)


@pytest.fixture
def charades(tmp_path, workflow):
    (tmp_path / "data/avsd").mkdir(parents=True)
    (tmp_path / "data/Charades_v1_480").mkdir()
    for name in DIALOGS:
        (tmp_path / f"data/avsd/{name}.json").touch()
    for index in range(60):
        (tmp_path / f"data/Charades_v1_480/V{index:04d}.mp4").touch()
    return workflow(tmp_path, "--configfile", workflow.root / "configs/charades.yaml", "--config", "corpus={shards: 8}")


def test_default_plans_the_whole_experiment(tmp_path, workflow):
    planned = workflow(tmp_path).planned()
    assert planned["scenes"] == 1 and planned["train"] == 9 and planned["pretrain"] == 1 and planned["report"] == 1
    assert planned["extract"] == planned["decode"] == 3 * 2 and planned["quarantine"] == 1


def test_charades_is_planned_from_empty_files_of_the_right_names(charades):
    planned = charades.planned()
    assert planned["decode"] == planned["extract"] == 24 and planned["videos"] == 8
    assert planned["train"] == 7 and planned["answer"] == 18
    assert "scenes" not in planned


def test_precomputed_features_plan_no_decoding(charades, workflow):
    for feature in ("i3d_rgb", "i3d_flow", "vggish"):
        folder = charades.folder / "npy" / feature
        folder.mkdir(parents=True)
        for index in range(20):
            (folder / f"V{index:04d}.npy").touch()
    npy = [f"features={{{', '.join(f'{f}: {{npy: npy/{f}}}' for f in ('i3d_rgb', 'i3d_flow', 'vggish'))}}}"]
    planned = workflow(charades.folder, *charades.options, *npy).planned()
    assert not planned.keys() & {"decode", "extract", "quarantine", "kinetics_weights"}
    assert planned["gather"] >= 3


@pytest.mark.parametrize("missing", ["data/avsd/test_set.json", "data/avsd/train_set4DSTC7-AVSD.json"])
def test_a_missing_file_is_one_clear_line(charades, missing):
    (charades.folder / missing).unlink()
    done = charades("--dry-run", check=False)
    assert done.returncode != 0
    errors = [line for line in done.text.splitlines() if "error" in line.lower()]
    assert len(errors) == 1 and missing in errors[0] and "Traceback" not in done.text


@pytest.mark.parametrize("target", ["features", "vocabulary", "models", "answers", "scores", "tables", "report"])
def test_named_targets(tmp_path, workflow, target):
    assert workflow(tmp_path).planned(target)


def test_unknown_configuration_key_is_one_clear_line(tmp_path, workflow):
    done = workflow(tmp_path)("--dry-run", config=["training={epocs: 3}"], check=False)
    assert done.returncode != 0
    assert "error: configuration: training.epocs: no such key; did you mean epochs?" in done.text


@pytest.mark.parametrize("place", ["../afile", "../afile/results"])
@pytest.mark.parametrize("key", ["results", "resources"])
def test_a_file_where_a_folder_is_to_be_is_one_clear_line(tmp_path, workflow, key, place):
    (tmp_path / "afile").touch()
    (tmp_path / "run").mkdir()
    done = workflow(tmp_path / "run")("--dry-run", config=[f"{key}={place}"], check=False)
    assert done.returncode != 0 and "Traceback" not in done.text
    said = f"error: ../afile: no folder ({key} in the configuration); give another place"
    assert [line for line in done.text.splitlines() if "rror" in line] == [said]


def test_the_explanation_waits_for_a_file_of_descriptions(tmp_path, workflow):
    """The job reads it, and where files lie in a storage it has those alone that it names."""
    (tmp_path / "told.json").write_text("{}")
    own = [
        "run=[ours_man_auto]",
        "systems={ours_man_auto: {description: {test: told.json}}}",
        "report={explain: ours_man_auto}",
    ]
    graph = workflow(tmp_path)("results/explained.json", "--filegraph", config=own).stdout
    files = dict(re.findall(r'point-size="18">(\w+)<(.*?)(?=point-size="18"|\Z)', graph, re.DOTALL))
    assert ">told.json<" in files["explain"]
