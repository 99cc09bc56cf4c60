"""`snakemake matching` is planned on request alone, and its scores need nothing of METEOR's."""


def test_it_is_planned_on_request_alone(tmp_path, workflow):
    made = workflow(tmp_path)
    planned = made.planned("matching")
    # Those that compare, a detector and its five folds, those that see its words, and four of the run beside them.
    assert planned["train"] == 2 + 2 + 6 + 3 + 4
    assert planned["score"] == 6 + 4 + 17
    # Beside what is scored the words of validation, and those of training videos, a part by each fold.
    assert planned["answer"] == planned["score"] + 1 + 5
    assert planned["candidates"] == planned["blanks"] == 2
    assert planned["matching"] == planned["vocabulary"] == planned["concepts"] == 1
    assert not planned.keys() & {"report", "tables", "pretrain"}
    assert not made.planned().keys() & {"matching", "candidates", "blanks", "concepts"}


def test_what_compares_needs_nothing_of_meteors(tmp_path, workflow):
    planned = workflow(tmp_path).planned("matching", config=["matching={run: [chooser, retriever]}"])
    assert planned["train"] == 2
    assert not planned.keys() & {"concepts", "paraphrases"}


def test_what_it_lacks_is_one_clear_line(tmp_path, workflow):
    done = workflow(tmp_path)("matching", "--dry-run", config=["run=[]"], check=False)
    assert done.returncode != 0 and "Traceback" not in done.text
    assert "error: matching.run: the run has no test set" in done.text
