# Of the networks.


def system_features(wildcards):
    return feature_files(PLAN.system_features(wildcards.system))


# The words that a system's network is made for: a detector knows concept words alone.
def system_words(wildcards):
    return PLAN.words(wildcards.system)


def teacher_model(wildcards):
    teacher = PLAN.config.systems[wildcards.system].teacher
    return [] if teacher is None else model_files([teacher])


# Another system of the run, or what a pretraining on captions left.
def started_model(wildcards):
    start = PLAN.start_model(wildcards.system)
    return [] if start is None else [start, *beside([start]), *finished([start])]


# With what other systems have written that this one reads.
def files_for_training(wildcards):
    read = answer_files(PLAN.read_in_training(wildcards.system))
    return PLAN.training_files(wildcards.system) + read


def training_settings(wildcards):
    return PLAN.training_settings(wildcards.system)


def trained_model(wildcards):
    return model_files(PLAN.config.answers_with(wildcards.system))
