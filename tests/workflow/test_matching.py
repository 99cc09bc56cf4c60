"""`snakemake matching` is planned on request alone, and its scores need nothing of METEOR's."""


def test_it_is_planned_on_request_alone(tmp_path, workflow):
    made = workflow(tmp_path)
    planned = made.planned("matching")
    assert planned["train"] == 4
    assert planned["answer"] == planned["score"] == 10
    assert planned["candidates"] == planned["blanks"] == 2
    assert planned["matching"] == planned["vocabulary"] == 1
    assert not planned.keys() & {"report", "tables", "pretrain", "paraphrases"}
    assert not made.planned().keys() & {"matching", "candidates", "blanks"}


def test_what_it_lacks_is_one_clear_line(tmp_path, workflow):
    done = workflow(tmp_path)("matching", "--dry-run", config=["run=[]"], check=False)
    assert done.returncode != 0 and "Traceback" not in done.text
    assert "error: matching.run: the run has no test set" in done.text
