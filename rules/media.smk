# Frames and sound of a shard's videos, kept only until its features are there. CPU work, so it runs
# beside the GPU jobs.


rule decode:
    input:
        videos=shard_videos,
    output:
        decoded=temp(LAYOUT.decoded("{shard}")),
        quarantine=LAYOUT.quarantine("{shard}"),
    log:
        LOGS / "decode" / "{shard}.log",
    benchmark:
        BENCHMARKS / "decode" / "{shard}.tsv"
    conda:
        "../envs/media.yaml"
    resources:
        mem_mb=1000,
        runtime=240,
    params:
        settings=decode_settings,
        machine=machine,
        streams=PLAN.decode_streams(),
        version=STAGES["decode"],
    message:
        "Decoding shard {wildcards.shard}"
    shell:
        "avsd decode --config {params.settings:q} --config {params.machine:q} --shard {wildcards.shard}"
        " {params.streams} --quarantine {output.quarantine:q} --out {output.decoded:q} 2> {log:q}"
