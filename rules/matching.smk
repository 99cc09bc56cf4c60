# Choosing among answers, finding videos and filling blanks, `snakemake matching`: the systems of `matching.run` are
# trained, write and are scored by the rules of all others, and only when this target is asked for.


# Candidates and blanks that others have given, of the test sets that have such files.
rule published:
    input:
        published=given_file,
    output:
        references=LAYOUT.references("{given}"),
    log:
        LOGS / "given" / "{given}.log",
    wildcard_constraints:
        given=one_of(map(re.escape, PLAN.given_references)),
    conda:
        environment("envs/corpus.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        folder=subpath(output.references, ancestor=2),
        test_set=given_test_set,
        settings=PLAN.published_settings(),
        version=STAGES["corpus"],
    message:
        "Reading what is given for {wildcards.given}"
    shell:
        "avsd corpus published --out {params.folder:q} --name {params.test_set}"
        " {params.settings} -- {input.published:q} 2> {log:q}"


# Candidate answers, once for all systems that choose.
rule candidates:
    input:
        dialogs=LAYOUT.dialogs("{test_set}"),
        references=drawn_beside,
    output:
        candidates=LAYOUT.references("{test_set}.candidates"),
    log:
        LOGS / "candidates" / "{test_set}.log",
    wildcard_constraints:
        test_set=one_of(PLAN.drawn("candidates")),
    conda:
        environment("envs/corpus.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        distractors=PLAN.config.matching.distractors,
        seed=PLAN.config.matching.seed,
        version=STAGES["corpus"],
    message:
        "Drawing candidate answers for {wildcards.test_set}"
    shell:
        "avsd corpus candidates --references {input.references:q}"
        " --distractors {params.distractors} --seed {params.seed} --out {output.candidates:q}"
        " -- {input.dialogs:q} 2> {log:q}"


# Blanks, once for all systems that fill them.
rule blanks:
    input:
        dialogs=LAYOUT.dialogs("{test_set}"),
        references=blanked_references,
        training=LAYOUT.dialogs("training"),
        vocabulary=LAYOUT.vocabulary,
    output:
        blanks=LAYOUT.references("{test_set}.blanks.{text}"),
    log:
        LOGS / "blanks" / "{test_set}.{text}.log",
    wildcard_constraints:
        text="answer|summary|captions",
        test_set=one_of(PLAN.drawn("blanks")),
    conda:
        environment("envs/corpus.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        references=blanked_references_option,
        seed=PLAN.config.matching.seed,
        version=STAGES["corpus"],
    message:
        "Drawing blanks in the {wildcards.text} of {wildcards.test_set}"
    shell:
        "avsd corpus blanks --training {input.training:q} --vocabulary {input.vocabulary:q}"
        " {params.references} --text {wildcards.text} --seed {params.seed} --out {output.blanks:q}"
        " -- {input.dialogs:q} 2> {log:q}"


if PLAN.matching is not None:

    rule matching:
        input:
            models=matching_models,
            features=matching_features,
            answers=matching_answers,
            scores=matching_scores,
        output:
            tables=report(
                expand(
                    LAYOUT.tables / "matching_{table}.{format}",
                    table=PLAN.matching.matching_tables,
                    format=["md", "csv", "tex"],
                ),
                caption="captions/tables.rst",
                category="Tables",
            ),
            page=report(
                LAYOUT.matching, caption="captions/report.rst", category="Report"
            ),
        log:
            LOGS / "matching.log",
        conda:
            environment("envs/scoring.yaml")
        resources:
            mem_mb=growing(2000),
            runtime=growing(20),
        params:
            settings=matching_settings,
            machine=machine,
            version=STAGES["report"],
        message:
            "Writing the tables of the systems that compare sentences with videos"
        shell:
            "avsd matching --config {params.settings:q} --config {params.machine:q} 2> {log:q}"
