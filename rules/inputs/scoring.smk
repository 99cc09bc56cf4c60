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


# Of sentences alone; others are scores, ranks, words.
def paraphrases(wildcards):
    says = PLAN.says(wildcards.system)
    return paraphrases_of(wildcards) / "paraphrases.gz" if says else []


def paraphrased_tokens(wildcards):
    says = PLAN.says(wildcards.system)
    return paraphrases_of(wildcards) / "tokens.txt" if says else []


def paraphrases_option(wildcards):
    if not PLAN.says(wildcards.system):
        return ""
    return f"--paraphrases {shlex.quote(str(BELOW / paraphrases_of(wildcards)))}"


def score_options(wildcards):
    return PLAN.score_options(wildcards.system)


SPICE = [] if PLAN.config.scoring.spice is None else [PLAN.config.scoring.spice]


def spice_option(wildcards):
    return " ".join(f"--spice {shlex.quote(str(BELOW / path))}" for path in SPICE)


def truth_option(wildcards):
    return " ".join(f"--truth {shlex.quote(str(BELOW / path))}" for path in PLAN.truth)
