# Training: a system's model; a student's teacher comes first. An interrupted training goes on where it stopped, from
# a state that stands apart from the model.


rule models:
    input:
        model_files(PLAN.trained),


rule train:
    input:
        training=LAYOUT.dialogs("training"),
        validation=LAYOUT.dialogs("validation"),
        vocabulary=system_words,
        features=system_features,
        teacher=teacher_model,
        start=started_model,
        given=files_for_training,
    output:
        model=kept(model_file("{system}")),
        description=kept(LAYOUT.model("{system}") / "system.json"),
        words=kept(LAYOUT.model("{system}") / "vocabulary.json"),
        card=kept(LAYOUT.model("{system}") / "README.md"),
        curves=kept(
            report(
                LAYOUT.model("{system}") / "curves.csv",
                caption="captions/curves.rst",
                category="Training",
                labels={"system": "{system}"},
            )
        ),
        finished=touch(LAYOUT.finished(model_file("{system}"))),
    log:
        LOGS / "train" / "{system}.log",
    benchmark:
        BENCHMARKS / "train" / "{system}.tsv"
    wildcard_constraints:
        system=one_of(of_runs("trained")),
    priority: 1  # what is left at the end is then short: answers and scores
    conda:
        environment("envs/training.yaml")
    threads: PLAN.config.processes
    resources:
        **machines(),
        mem_mb=growing(3000 * PLAN.config.processes),
        runtime=growing(720),
        gpu=PLAN.training_gpus,
    params:
        settings=training_settings,
        machine=system_machine,
        gpus=taken_gpus,
        version=STAGES["training"],
    message:
        "Training {wildcards.system} (progress in {log})"
    shell:
        "avsd --gpus {params.gpus} train {wildcards.system}"
        " --config {params.settings:q} --config {params.machine:q} 2> {log:q}"
