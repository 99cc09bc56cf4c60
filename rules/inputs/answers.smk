# Of answers.


def files_for_answering(wildcards):
    read = answer_files(PLAN.read_at_test(wildcards.system, wildcards.test_set))
    given = PLAN.references_read(wildcards.system, wildcards.test_set)
    return PLAN.answer_files(wildcards.system) + read + given


def answer_settings(wildcards):
    return PLAN.answer_settings(wildcards.system)
