# Answers: beam search with a trained model, on one test set.


rule answers:
    input:
        [LAYOUT.answers(system, test_set) for system, test_set in PLAN.answered],


rule answer:
    input:
        dialogs=LAYOUT.dialogs("{test_set}"),
        vocabulary=LAYOUT.vocabulary,
        features=system_features,
        model=trained_model,
        given=answer_files,
    output:
        answers=LAYOUT.answers("{system}", "{test_set}"),
    log:
        LOGS / "answer" / "{system}.{test_set}.log",
    benchmark:
        BENCHMARKS / "answer" / "{system}.{test_set}.tsv"
    wildcard_constraints:
        system=one_of(PLAN.config.run),
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=3000,
        runtime=120,
        gpu=PLAN.gpu,
    params:
        settings=answer_settings,
        machine=machine,
        version=STAGES["answers"],
    message:
        "Answering {wildcards.test_set} with {wildcards.system}"
    shell:
        "avsd answer {wildcards.system} --test-set {wildcards.test_set}"
        " --config {params.settings:q} --config {params.machine:q} 2> {log:q}"
