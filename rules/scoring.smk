# Scores of a system on a test set. A job of its own for each, so that a system that comes or goes leaves the others'
# scores alone. METEOR starts in a second with a table cut down to the words of the test set and the vocabulary.


rule scores:
    input:
        score_files(PLAN.answered),


rule paraphrases:
    input:
        references=LAYOUT.references("{references}"),
        vocabulary=LAYOUT.vocabulary,
    output:
        table=LAYOUT.paraphrases("{references}") / "paraphrases.gz",
        tokens=LAYOUT.paraphrases("{references}") / "tokens.txt",
    log:
        LOGS / "paraphrases" / "{references}.log",
    conda:
        environment("envs/scoring.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        folder=subpath(output.table, parent=True),
        # Raised when the files are written otherwise, and no score becomes another: earlier ones are refused.
        form=2,
        version=STAGES["scoring"],
    message:
        "Looking up the paraphrases that sentences like those of {wildcards.references} can have"
    shell:
        "avsd paraphrases --references {input.references:q} --vocabulary {input.vocabulary:q}"
        " --out {params.folder:q} 2> {log:q}"


rule score:
    input:
        answers=LAYOUT.answers("{system}", "{test_set}"),
        finished=LAYOUT.finished(LAYOUT.answers("{system}", "{test_set}")),
        against=other_answers,
        against_finished=other_finished,
        references=references,
        truth=truth,
        paraphrases=paraphrases,
        tokens=paraphrased_tokens,
        spice=spice,
    output:
        scores=kept(LAYOUT.scores("{system}", "{test_set}")),
        finished=touch(LAYOUT.finished(LAYOUT.scores("{system}", "{test_set}"))),
    log:
        LOGS / "score" / "{system}.{test_set}.log",
    benchmark:
        BENCHMARKS / "score" / "{system}.{test_set}.tsv"
    wildcard_constraints:
        system=one_of(system for system, _ in of_runs("answered")),
    conda:
        environment("envs/scoring.yaml")
    resources:
        mem_mb=growing(11000 if SPICE else 3000),
        runtime=growing(180 if SPICE else 60),
    params:
        filter=filter_option,
        bootstrap=PLAN.config.scoring.bootstrap,
        against=against_options,
        truth=truth_option,
        task=score_options,
        spice=spice_option,
        paraphrases=paraphrases_option,
        version=STAGES["scoring"],
    message:
        "Scoring {wildcards.test_set} of {wildcards.system}"
    shell:
        "avsd score --references {input.references:q} --filter {params.filter}"
        " --bootstrap {params.bootstrap} {params.against} {params.truth} {params.task} {params.spice}"
        " {params.paraphrases}"
        " --json {output.scores:q} -- {input.answers:q} > {log:q} 2>&1"
