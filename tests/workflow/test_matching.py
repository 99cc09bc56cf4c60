"""`snakemake matching` is planned on request alone."""


def test_it_is_planned_on_request_alone(tmp_path, workflow):
    made = workflow(tmp_path)
    planned = made.planned("matching")
    # Two matchers, and the system whose answers one of them rescores.
    assert planned["train"] == 3
    assert planned["score"] == 9
    assert planned["answer"] == 10  # that one more is of validation, for the weight
    assert planned["candidates"] == planned["paraphrases"] == 2
    assert planned["matching"] == planned["vocabulary"] == 1
    assert not planned.keys() & {"report", "tables", "pretrain"}
    assert not made.planned().keys() & {"matching", "candidates"}


def test_what_it_lacks_is_one_clear_line(tmp_path, workflow):
    done = workflow(tmp_path)("matching", "--dry-run", config=["run=[]"], check=False)
    assert done.returncode != 0 and "Traceback" not in done.text
    assert "error: matching.run: the run has no test set" in done.text


def test_published_choices_are_read_instead_of_drawn(tmp_path, workflow):
    lines = [f"clip{n}\t" + "0.0\t" * 4 for n in range(12)]
    (tmp_path / "videos").mkdir()
    for n in range(12):
        (tmp_path / f"videos/clip{n}.mp4").write_bytes(b"")
    (tmp_path / "said.csv").write_text("".join(f"{line}it runs\n" for line in lines[:8]))
    (tmp_path / "choices.csv").write_text("".join(f"{line}a\tb\tc\td\te\t2\n" for line in lines[8:]))
    own = (
        "captions={training: said.csv, choices: choices.csv}",
        "videos=videos",
        "systems={chooser: {label: c, task: choose, network: jsfusion, features: [frames, cnn10], init_from: null}}",
        "matching={run: [chooser]}",
    )
    made = workflow(tmp_path, "--configfile", workflow.root / "configs/captions.yaml")
    planned = made.planned("matching", config=own)
    assert planned["published"] == planned["matching"] == planned["train"] == 1
    assert "candidates" not in planned
    made("results-captions/corpus/references/test.candidates.json", config=own)
    assert '"clip11"' in (tmp_path / "results-captions/corpus/references/test.candidates.json").read_text()
