# Of scores.


def other_answers(wildcards):
    return PLAN.compared_with(wildcards.system, wildcards.test_set)


def other_finished(wildcards):
    return finished(other_answers(wildcards))


def against_options(wildcards):
    trials = f"--randomisations {PLAN.config.scoring.randomisations}"
    return [
        f"--against {shlex.quote(str(BELOW / path))} {trials}"
        for path in other_answers(wildcards)
    ]


def references(wildcards):
    return LAYOUT.references(PLAN.references(wildcards.system, wildcards.test_set))


def paraphrases_of(wildcards):
    return LAYOUT.paraphrases(PLAN.references(wildcards.system, wildcards.test_set))


# What scores do not go by their job neither waits for nor is told: of sentences there is more to say than of ranks and
# words.
def paraphrases(wildcards):
    read = PLAN.scored_with(wildcards.system, "paraphrases")
    return paraphrases_of(wildcards) / "paraphrases.gz" if read else []


def paraphrased_tokens(wildcards):
    read = PLAN.scored_with(wildcards.system, "paraphrases")
    return paraphrases_of(wildcards) / "tokens.txt" if read else []


def paraphrases_option(wildcards):
    if not PLAN.scored_with(wildcards.system, "paraphrases"):
        return ""
    return f"--paraphrases {shlex.quote(str(BELOW / paraphrases_of(wildcards)))}"


def filter_option(wildcards):
    return PLAN.score_filter(wildcards.system)


def score_options(wildcards):
    return PLAN.score_options(wildcards.system)


SPICE = [] if PLAN.config.scoring.spice is None else [PLAN.config.scoring.spice]


def spice(wildcards):
    return SPICE if PLAN.scored_with(wildcards.system, "spice") else []


def spice_option(wildcards):
    return " ".join(
        f"--spice {shlex.quote(str(BELOW / path))}" for path in spice(wildcards)
    )


def truth(wildcards):
    return PLAN.truth if PLAN.scored_with(wildcards.system, "truth") else []


def truth_option(wildcards):
    return " ".join(
        f"--truth {shlex.quote(str(BELOW / path))}" for path in truth(wildcards)
    )
