# Frames or sound of a shard's videos, decoded for one feature and kept only until the feature is there. CPU work, so it
# runs beside the GPU jobs.


# The videos of a shard are an input of this alone, and not of all jobs of all features: Snakemake looks at each input of
# each job, and hashes it when the job ends. The mark is never the same twice, so that a run which ends behind it has not
# hidden the change: Snakemake takes a newer file with the same content for the old one.
rule videos:
    input:
        shard_videos,
    output:
        mark=LAYOUT.videos_mark("{shard}"),
    log:
        LOGS / "videos" / "{shard}.log",
    localrule: True
    conda:
        environment("envs/media.yaml")
    message:
        "Looking at the videos of shard {wildcards.shard}"
    shell:
        "date +%s.%N > {output.mark:q} 2> {log:q}"


rule decode:
    input:
        videos=LAYOUT.videos_mark("{shard}"),
    output:
        decoded=temp(LAYOUT.decoded("{feature}", "{shard}")),
        unread=LAYOUT.unread_shard("{feature}", "{shard}"),
    log:
        LOGS / "decode" / "{feature}" / "{shard}.log",
    benchmark:
        BENCHMARKS / "decode" / "{feature}" / "{shard}.tsv"
    wildcard_constraints:
        feature=one_of(of_runs("computed")),
    conda:
        environment("envs/media.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(240),
    params:
        settings=decode_settings,
        machine=machine,
        version=decoding,
    message:
        "Decoding for {wildcards.feature}, shard {wildcards.shard}"
    shell:
        "avsd decode {wildcards.feature} --config {params.settings:q} --config {params.machine:q}"
        " --shard {wildcards.shard} --quarantine {output.unread:q} --out {output.decoded:q} 2> {log:q}"


rule quarantine:
    input:
        unread=PLAN.unread,
    output:
        quarantine=PLAN.quarantine,
    log:
        LOGS / "quarantine.log",
    conda:
        environment("envs/media.yaml")
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        folders=[BELOW / LAYOUT.unread(feature) for feature in PLAN.computed],
        folder=BELOW / LAYOUT.quarantine,
        version=STAGES["decode"],
    message:
        "Listing the videos that could not be read"
    shell:
        "avsd features quarantine --out {params.folder:q} -- {params.folders:q} 2> {log:q}"
