include: "rules/configuration.smk"


configfile: f"{workflow.basedir}/config.yaml"


include: "rules/common.smk"
include: "rules/following.smk"
include: "rules/provenance.smk"
include: "rules/corpus.smk"
include: "rules/media.smk"
include: "rules/features.smk"
include: "rules/vocabulary.smk"
include: "rules/training.smk"
include: "rules/pretraining.smk"
include: "rules/answers.smk"
include: "rules/scoring.smk"
include: "rules/report.smk"
include: "rules/distillation.smk"
include: "rules/matching.smk"


# Instead of Snakemake's lock, which outlives a run that was killed (`nolock` in the profiles).
onstart:
    hold_results()
    say_unknown()
    follow_run()


rule all:
    default_target: True
    input:
        everything(),
