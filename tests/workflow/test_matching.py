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
