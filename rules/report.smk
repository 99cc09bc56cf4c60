# Tables 2 and 3, and the report.


rule tables:
    input:
        statistics=LAYOUT.corpus / "statistics.json",
        scores=score_files(PLAN.answered),
    output:
        tables=report(
            expand(
                LAYOUT.tables / "{table}.{format}",
                table=PLAN.tables,
                format=["md", "csv", "tex"],
            ),
            caption="captions/tables.rst",
            category="Tables",
        ),
    log:
        LOGS / "tables.log",
    conda:
        environment("envs/scoring.yaml")
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=report_settings,
        machine=machine,
        version=STAGES["report"],
    message:
        "Writing the tables"
    shell:
        "avsd tables --config {params.settings:q} --config {params.machine:q} 2> {log:q}"


rule report:
    input:
        statistics=LAYOUT.corpus / "statistics.json",
        tables=rules.tables.output.tables,
        scores=score_files(PLAN.answered),
        answers=answer_files(PLAN.answered),
        models=model_files(PLAN.trained),
        features=feature_files(PLAN.features),
        quarantine=PLAN.quarantine,
        explained=LAYOUT.explained if PLAN.explained else [],
    output:
        page=report(LAYOUT.report, caption="captions/report.rst", category="Report"),
    log:
        LOGS / "report.log",
    conda:
        environment("envs/scoring.yaml")
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        settings=report_settings,
        machine=machine,
        version=STAGES["report"],
    message:
        "Writing the report"
    shell:
        "avsd report --config {params.settings:q} --config {params.machine:q} 2> {log:q}"
