# Features: computed from decoded shards, one job a feature and shard, or gathered from the user's npy files.


rule features:
    input:
        features=feature_files(PLAN.features),
        quarantine=PLAN.quarantine,


# Fetched where Snakemake runs: the nodes of a cluster often reach no network.
rule kinetics_weights:
    output:
        weights=kinetics_path(PLAN.config.resources),
    log:
        LOGS / "kinetics_weights.log",
    localrule: True
    conda:
        environment("envs/features.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    message:
        "Fetching the Kinetics weights of I3D (47 MB, once)"
    shell:
        "avsd weights kinetics --out {output.weights:q} > {log:q} 2>&1"


rule imagenet_weights:
    output:
        weights=imagenet_path(PLAN.config.resources),
    log:
        LOGS / "imagenet_weights.log",
    localrule: True
    conda:
        environment("envs/features.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    message:
        "Fetching the ImageNet weights of EfficientNet-Lite2 (23 MB, once)"
    shell:
        "avsd weights imagenet --out {output.weights:q} > {log:q} 2>&1"


# Extraction goes before more decoding, since decoded shards are large and go as soon as their features are there.
# The videos' mark, and the settings and the version of decoding, are among its own inputs and parameters: they count even
# where an earlier run ended after decoding and left no decoded shard (`--until decode`, or the target `quarantine`).
rule extract:
    input:
        videos=LAYOUT.videos_mark("{shard}"),
        decoded=LAYOUT.decoded("{feature}", "{shard}"),
        weights=feature_weights,
    output:
        shard=kept(LAYOUT.feature_shard("{feature}", "{shard}")),
        finished=touch(LAYOUT.finished(LAYOUT.feature_shard("{feature}", "{shard}"))),
        seconds=LAYOUT.extraction_seconds("{feature}", "{shard}"),
    log:
        LOGS / "extract" / "{feature}" / "{shard}.log",
    benchmark:
        BENCHMARKS / "extract" / "{feature}" / "{shard}.tsv"
    wildcard_constraints:
        feature=one_of(of_runs("computed")),
    priority: 1
    conda:
        environment("envs/features.yaml")
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
        gpu=PLAN.gpu,
    params:
        settings=extract_settings,
        machine=feature_machine,
        gpus=taken_gpus,
        version=decoding_and_extraction,
    message:
        "Extracting {wildcards.feature}, shard {wildcards.shard}"
    shell:
        "avsd --gpus {params.gpus} extract {wildcards.feature}"
        " --config {params.settings:q} --config {params.machine:q}"
        " --decoded {input.decoded:q} --out {output.shard:q} --seconds {output.seconds:q} 2> {log:q}"


rule gather:
    input:
        npy=npy_files,
    output:
        shard=kept(LAYOUT.feature_shard("{feature}", "{shard}")),
        finished=touch(LAYOUT.finished(LAYOUT.feature_shard("{feature}", "{shard}"))),
    log:
        LOGS / "gather" / "{feature}" / "{shard}.log",
    wildcard_constraints:
        feature=one_of(of_runs("gathered")),
    conda:
        environment("envs/features.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    params:
        settings=npy_settings,
        version=gathering,
    message:
        "Gathering {wildcards.feature}, shard {wildcards.shard}"
    shell:
        "avsd features import {params.settings} --shard {wildcards.shard} --out {output.shard:q} 2> {log:q}"
