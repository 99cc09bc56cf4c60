# What a system is pretrained on before its own training (`init_from: {captions: ...}`): a run of its own below the
# results, by the same rules on other files.

PRETRAINING = LAYOUT.pretraining("{system}")


rule pretraining_corpus:
    input:
        captions=pretraining_captions,
    output:
        statistics=PRETRAINING.corpus / "statistics.json",
        dialogs=[PRETRAINING.dialogs(split) for split in ("training", "validation")],
    log:
        LOGS / "pretraining_corpus" / "{system}.log",
    wildcard_constraints:
        system=one_of(PLAN.pretrainings),
    conda:
        environment("envs/corpus.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=pretraining_corpus_settings,
        machine=pretraining_machine,
        folder=subpath(output.statistics, parent=True),
        version=STAGES["corpus"],
    message:
        "Checking the captions that {wildcards.system} is pretrained on"
    shell:
        "avsd corpus import --config {params.settings:q} --config {params.machine:q}"
        " --out {params.folder:q} 2> {log:q}"


use rule vocabulary as pretraining_vocabulary with:
    input:
        training=PRETRAINING.dialogs("training"),
    output:
        vocabulary=PRETRAINING.vocabulary,
    log:
        LOGS / "pretraining_vocabulary" / "{system}.log",
    wildcard_constraints:
        system=one_of(PLAN.pretrainings),
    params:
        settings=pretraining_vocabulary_settings,
        version=STAGES["vocabulary"],
    message:
        "Building the vocabulary of the captions that {wildcards.system} is pretrained on"


use rule gather as pretraining_features with:
    input:
        npy=pretraining_npy_files,
    output:
        shard=kept(PRETRAINING.feature_shard("{feature}", "{shard}")),
        finished=touch(
            LAYOUT.finished(PRETRAINING.feature_shard("{feature}", "{shard}"))
        ),
    log:
        LOGS / "pretraining_features" / "{system}" / "{feature}" / "{shard}.log",
    wildcard_constraints:
        system=one_of(PLAN.pretrainings),
    params:
        settings=pretraining_npy_settings,
        version=pretraining_gathering,
    message:
        "Gathering {wildcards.feature} of the captions of {wildcards.system}, shard {wildcards.shard}"


use rule train as pretrain with:
    input:
        training=PRETRAINING.dialogs("training"),
        validation=PRETRAINING.dialogs("validation"),
        vocabulary=PRETRAINING.vocabulary,
        features=pretraining_features,
    output:
        model=kept(PRETRAINING.model("{system}") / "model.safetensors"),
        description=kept(PRETRAINING.model("{system}") / "system.json"),
        words=kept(PRETRAINING.model("{system}") / "vocabulary.json"),
        card=kept(PRETRAINING.model("{system}") / "README.md"),
        curves=kept(PRETRAINING.model("{system}") / "curves.csv"),
        finished=touch(
            LAYOUT.finished(PRETRAINING.model("{system}") / "model.safetensors")
        ),
    log:
        LOGS / "pretrain" / "{system}.log",
    benchmark:
        BENCHMARKS / "pretrain" / "{system}.tsv"
    wildcard_constraints:
        system=one_of(PLAN.pretrainings),
    params:
        settings=pretraining_settings,
        machine=pretraining_system_machine,
        gpus=taken_gpus,
        version=STAGES["training"],
    message:
        "Pretraining {wildcards.system} on captions (progress in {log})"
