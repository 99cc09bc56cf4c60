# The distilled captioner's experiment, `snakemake distillation`: its systems are trained, describe and are scored by the
# rules of all others, and only when this target is asked for.

if PLAN.distillation is not None:

    rule distillation:
        input:
            statistics=LAYOUT.corpus / "statistics.json",
            models=distillation_models,
            features=distillation_features,
            seconds=distillation_seconds,
            answers=distillation_answers,
            scores=distillation_scores,
        output:
            tables=report(
                expand(
                    LAYOUT.tables / "distillation_{table}.{format}",
                    table=["scores", "times", "gains"],
                    format=["md", "csv", "tex"],
                ),
                caption="captions/tables.rst",
                category="Tables",
            ),
            page=report(
                LAYOUT.distillation, caption="captions/report.rst", category="Report"
            ),
        log:
            LOGS / "distillation.log",
        conda:
            environment("envs/scoring.yaml")
        resources:
            mem_mb=growing(2000),
            runtime=growing(20),
        params:
            settings=distillation_settings,
            machine=machine,
            version=STAGES["report"],
        message:
            "Writing the tables of the distilled captioner"
        shell:
            "avsd distillation --config {params.settings:q} --config {params.machine:q} 2> {log:q}"
