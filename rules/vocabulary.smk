# The words of the training dialogs and their ids.


rule vocabulary:
    input:
        training=LAYOUT.dialogs("training"),
    output:
        vocabulary=LAYOUT.vocabulary,
    log:
        LOGS / "vocabulary.log",
    conda:
        environment("envs/corpus.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=vocabulary_settings,
        version=STAGES["vocabulary"],
    message:
        "Building the vocabulary"
    shell:
        "avsd vocabulary --config {params.settings:q} --training {input.training:q}"
        " --out {output.vocabulary:q} 2> {log:q}"


# The words that detectors look for.
rule concepts:
    input:
        training=LAYOUT.dialogs("training"),
        vocabulary=LAYOUT.vocabulary,
    output:
        concepts=LAYOUT.concepts,
    log:
        LOGS / "concepts.log",
    conda:
        environment("envs/corpus.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=PLAN.concept_settings(),
        version=STAGES["vocabulary"],
    message:
        "Finding the concept words"
    shell:
        "avsd concepts --config {params.settings:q} --training {input.training:q}"
        " --vocabulary {input.vocabulary:q} --out {output.concepts:q} 2> {log:q}"
