# Dialogs: the generated corpus where the configuration asks for it, and canonical files of every split.


rule scenes:
    output:
        **PLAN.generated_dialogs(),
        truth=LAYOUT.scenes / "truth.json",
        videos=directory(LAYOUT.scenes / "videos"),
    log:
        LOGS / "scenes.log",
    benchmark:
        BENCHMARKS / "scenes.tsv"
    conda:
        environment("envs/corpus.yaml")
    threads: 8
    resources:
        mem_mb=growing(1000),
        runtime=growing(30),
    params:
        settings=scene_settings,
        folder=subpath(output.truth, parent=True),
        version=STAGES["scenes"],
    message:
        "Making the scenes: clips with sound, dialogs, ground truth"
    shell:
        "avsd corpus scenes --config {params.settings:q} --workers {threads} --out {params.folder:q} 2> {log:q}"


rule scene_captions:
    output:
        captions=LAYOUT.scene_captions,
    log:
        LOGS / "scene_captions.log",
    conda:
        environment("envs/corpus.yaml")
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        settings=PLAN.scene_captions_settings(),
        version=STAGES["scenes"],
    message:
        "Making captions of further scenes"
    shell:
        "avsd corpus scene-captions --config {params.settings:q} --out {output.captions:q} 2> {log:q}"


rule corpus:
    input:
        **PLAN.corpus_files(),
    output:
        statistics=LAYOUT.corpus / "statistics.json",
        dialogs=[LAYOUT.dialogs(split) for split in PLAN.splits],
        references=PLAN.reference_files,
    log:
        LOGS / "corpus.log",
    benchmark:
        BENCHMARKS / "corpus.tsv"
    conda:
        environment("envs/corpus.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=corpus_settings,
        machine=machine,
        folder=subpath(output.statistics, parent=True),
        version=STAGES["corpus"],
    message:
        "Checking the dialogs"
    shell:
        "avsd corpus import --config {params.settings:q} --config {params.machine:q}"
        " --out {params.folder:q} 2> {log:q}"
