# Scores: all systems of a test set in one job, because starting METEOR costs more than scoring one system.


rule scores:
    input:
        [LAYOUT.scores(system, test_set) for system, test_set in PLAN.answered],


for test_set in PLAN.test_sets:

    rule:
        name:
            f"score_{test_set}"
        input:
            answers=[
                LAYOUT.answers(system, test_set) for system in PLAN.scored(test_set)
            ],
            references=LAYOUT.references(test_set),
            truth=PLAN.truth,
        output:
            scores=[LAYOUT.scores(system, test_set) for system in PLAN.scored(test_set)],
        log:
            LOGS / f"score.{test_set}.log",
        benchmark:
            BENCHMARKS / f"score.{test_set}.tsv"
        conda:
            "../envs/scoring.yaml"
        threads: 2  # METEOR's process, and the other metrics meanwhile
        resources:
            mem_mb=3000,
            runtime=60,
        params:
            name=test_set,
            filter=PLAN.config.scoring.filter,
            bootstrap=PLAN.config.scoring.bootstrap,
            against=against_options(test_set),
            truth=truth_option,
            json=score_options,
            version=STAGES["scoring"],
        message:
            "Scoring {params.name}"
        shell:
            "avsd score {input.answers:q} --references {input.references:q} --filter {params.filter}"
            " --bootstrap {params.bootstrap} {params.against} {params.truth} {params.json} > {log:q} 2>&1"
