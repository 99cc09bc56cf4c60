# Answers: beam search with a trained model, on one test set.


rule answers:
    input:
        answer_files(PLAN.answered),


rule answer:
    input:
        dialogs=LAYOUT.dialogs("{test_set}"),
        vocabulary=system_words,
        features=system_features,
        model=trained_model,
        given=files_for_answering,
    output:
        answers=kept(LAYOUT.answers("{system}", "{test_set}")),
        finished=touch(LAYOUT.finished(LAYOUT.answers("{system}", "{test_set}"))),
    log:
        LOGS / "answer" / "{system}.{test_set}.log",
    benchmark:
        BENCHMARKS / "answer" / "{system}.{test_set}.tsv"
    wildcard_constraints:
        system=one_of(system for system, _ in of_runs("written")),
    conda:
        environment("envs/training.yaml")
    resources:
        mem_mb=growing(3000),
        runtime=growing(120),
        gpu=PLAN.gpu,
    params:
        settings=answer_settings,
        machine=system_machine,
        gpus=taken_gpus,
        version=STAGES["answers"],
    message:
        "Answering {wildcards.test_set} with {wildcards.system}"
    shell:
        "avsd --gpus {params.gpus} answer {wildcards.system} --test-set {wildcards.test_set}"
        " --config {params.settings:q} --config {params.machine:q} 2> {log:q}"


# Where a system looked while it answered: for the report.
if PLAN.explained is not None:

    rule explain:
        input:
            dialogs=LAYOUT.dialogs(PLAN.explained[1]),
            answers=answer_files([PLAN.explained]),
            vocabulary=LAYOUT.vocabulary,
            features=feature_files(PLAN.system_features(PLAN.explained[0])),
            model=model_files(PLAN.config.members(PLAN.explained[0])),
            given=PLAN.answer_files(PLAN.explained[0])
            + answer_files(PLAN.read_at_test(*PLAN.explained)),
        output:
            explained=LAYOUT.explained,
        log:
            LOGS / "explain.log",
        benchmark:
            BENCHMARKS / "explain.tsv"
        conda:
            environment("envs/training.yaml")
        resources:
            mem_mb=growing(3000),
            runtime=growing(30),
            gpu=PLAN.gpu,
        params:
            system=PLAN.explained[0],
            test_set=PLAN.explained[1],
            videos=PLAN.config.report.explain_videos,
            settings=PLAN.explain_settings(PLAN.explained[0]),
            machine=machine,
            gpus=taken_gpus,
            version=[STAGES["answers"], STAGES["report"]],
        message:
            "Looking at what {params.system} looks at"
        shell:
            "avsd --gpus {params.gpus} explain {params.system} --test-set {params.test_set}"
            " --videos {params.videos} --out {output:q} --config {params.settings:q} --config {params.machine:q} 2> {log:q}"
