# Of the report, and of the experiments beside it, whose tables and pages are made on request alone.


def report_settings(wildcards):
    return PLAN.report_settings()


# The distilled captioner's experiment: what its tables and its page are made of. Whatever is missing for it is said
# when it is asked for, not before.
def distillation():
    try:
        return PLAN.checked_distillation()
    except UserError as error:
        sys.exit(f"error: {shown(error)}")


def distillation_scores(wildcards):
    return score_files(distillation().answered)


def distillation_answers(wildcards):
    return answer_files(distillation().answered)


def distillation_models(wildcards):
    return model_files(distillation().trained)


def distillation_features(wildcards):
    return feature_files(distillation().features)


def distillation_seconds(wildcards):
    return distillation().seconds


def distillation_settings(wildcards):
    return PLAN.distillation.report_settings()


# The systems that compare sentences with videos, likewise.
def matching():
    try:
        return PLAN.checked_matching()
    except UserError as error:
        sys.exit(f"error: {shown(error)}")


def matching_scores(wildcards):
    return score_files(matching().answered)


def matching_answers(wildcards):
    return answer_files(matching().answered)


def matching_models(wildcards):
    return model_files(matching().trained)


def matching_features(wildcards):
    return feature_files(matching().features)


def matching_settings(wildcards):
    return PLAN.matching.report_settings()
