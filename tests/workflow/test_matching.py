"""`snakemake matching` is planned on request alone."""

import json


def test_it_is_planned_on_request_alone(tmp_path, workflow):
    made = workflow(tmp_path)
    planned = made.planned("matching")
    # Those that compare or fill, a detector and its five folds, those that see its words, four of the run beside them.
    # What chooses by probability trains nothing.
    assert planned["train"] == 4 + 6 + 3 + 4
    assert planned["score"] == 10 + 1 + 17 + 5
    # Beside what is scored the words of validation, those of training videos, a part by each fold, and the answers of
    # validation by which the weight of the chooser is found.
    assert planned["answer"] == planned["score"] + 1 + 5 + 1
    assert planned["candidates"] == planned["blanks"] == planned["paraphrases"] == 2
    assert planned["matching"] == planned["vocabulary"] == planned["concepts"] == 1
    assert not planned.keys() & {"report", "tables", "pretrain"}
    assert not made.planned().keys() & {"matching", "candidates", "blanks", "concepts"}


def test_what_it_starts_from_is_pretrained(tmp_path, workflow):
    (tmp_path / "npy").mkdir()
    (tmp_path / "npy/caption0001.npy").touch()
    start = "init_from: {system: null, captions: scenes, npy: {i3d_rgb: npy}}"
    own = [
        "matching={run: [filler, filler_blind, retriever, st]}",
        f"systems={{filler: {{{start}}}, retriever: {{{start}}}, filler_blind: {{init_from: {{captions: scenes}}}}, "
        "ours_man_man: {init_from: {captions: scenes}}}",
    ]
    # Each from captions of its own, the teacher of `st` too; two see a feature of theirs.
    planned = workflow(tmp_path).planned("matching", config=own)
    assert planned["pretrain"] == planned["pretraining_corpus"] == planned["pretraining_vocabulary"] == 4
    assert planned["pretraining_features"] == 2


def test_what_compares_needs_nothing_of_meteors(tmp_path, workflow):
    planned = workflow(tmp_path).planned("matching", config=["matching={run: [chooser, retriever]}"])
    assert planned["train"] == 2
    assert not planned.keys() & {"concepts", "paraphrases"}


def test_scores_are_told_what_they_go_by(tmp_path, workflow):
    """No job is refused for an option that its task does not read, and no answer is scored without one that it does."""
    (tmp_path / "spice-1.0.jar").touch()
    own = ["run=[chooser, filler, retriever, detector, ours_none_none, describer, jst]", "matching={run: []}"]
    own += ["scoring={filter: dstc8, against: ours_none_none, spice: spice-1.0.jar, bootstrap: 50}"]
    text = workflow(tmp_path)("scores", "--dry-run", "--printshellcmds", config=own).text
    told = {}
    for line in text.splitlines():
        if "avsd score " in line:
            *options, end, path = line.split(">")[0].split("avsd score ")[1].split()
            assert end == "--"
            told[path] = dict(zip(options[::2], options[1::2], strict=True))
    assert len(told) == 7 * 2
    for path, options in told.items():
        name = path.split("/")[2]
        everywhere = {"--references", "--filter", "--bootstrap", "--json"}
        task = {"jst": set(), "ours_none_none": set()}.get(name, {"--task"})
        sentences = name in ("jst", "ours_none_none", "describer")
        further = {"--truth", "--spice", "--paraphrases"} if sentences else set()
        compared = {"--against", "--randomisations"} if name == "jst" else set()
        assert set(options) == everywhere | task | further | compared, name
        # The default of the command is what nobody has asked for.
        assert options["--filter"] == ("dstc8" if sentences else "dstc7")
        assert options["--bootstrap"] == "50"


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


def test_given_blanks_are_read_instead_of_drawn(tmp_path, workflow):
    blank = {"image_id": "v{1}", "turn": 0, "sentence": "it is <blank>", "word": "red", "word_class": "adjective"}
    content = {"type": "sentence_blanks", "text": "answer", "tagger": "somebody's", "blanks": [blank]}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    own = ["matching={run: [filler], blanks: {trial: mine.json}}"]
    made = workflow(tmp_path)
    planned = made.planned("matching", config=own)
    assert planned["published"] == planned["blanks"] == 1
    made("results/corpus/references/trial.blanks.answer.json", config=own)
    written = tmp_path / "results/corpus/references/trial.blanks.answer.json"
    assert json.loads(written.read_text()) == content
    done = made("matching", "--dry-run", config=["matching={run: [filler], blanks: {trial: no.json}}"], check=False)
    assert done.returncode != 0 and "Traceback" not in done.text
    assert "error: no.json: no such file (matching.blanks.trial in the configuration)" in done.text
