# Of the canonical dialogs, the vocabulary and what is drawn from them.


def scene_settings(wildcards):
    return PLAN.scene_settings()


def corpus_settings(wildcards):
    return PLAN.corpus_settings()


def vocabulary_settings(wildcards):
    return PLAN.vocabulary_settings()


# What candidates are drawn for.
def drawn_beside(wildcards):
    return PLAN.drawn_beside(wildcards.test_set)


# Of answers, some are withheld in the dialogs, and some turns have none.
def blanked_references(wildcards):
    return LAYOUT.references(wildcards.test_set) if wildcards.text == "answer" else []


def blanked_references_option(wildcards):
    path = blanked_references(wildcards)
    return f"--references {shlex.quote(str(BELOW / path))}" if path else ""


# Somebody else's candidates or blanks.
def given_file(wildcards):
    return PLAN.given_references[wildcards.given]


def given_test_set(wildcards):
    return wildcards.given.partition(".")[0]
