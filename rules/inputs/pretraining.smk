# Of a pretraining on captions: a plan of its own.


def pretraining_plan(wildcards):
    return PLAN.pretrainings[wildcards.system]


def pretraining_captions(wildcards):
    return pretraining_plan(wildcards).corpus_files()["training"]


def pretraining_corpus_settings(wildcards):
    return pretraining_plan(wildcards).corpus_settings()


def pretraining_vocabulary_settings(wildcards):
    return pretraining_plan(wildcards).vocabulary_settings()


def pretraining_npy_files(wildcards):
    return pretraining_plan(wildcards).npy_files(wildcards.feature, wildcards.shard)


def pretraining_gathering(wildcards):
    return pretraining_plan(wildcards).gathering(wildcards.feature, wildcards.shard)


def pretraining_npy_settings(wildcards):
    return pretraining_plan(wildcards).npy_settings(wildcards.feature, BELOW)


def pretraining_features(wildcards):
    plan = pretraining_plan(wildcards)
    shards = plan.feature_shards(plan.features)
    return shards + finished(shards)


def pretraining_settings(wildcards):
    return pretraining_plan(wildcards).training_settings(wildcards.system)


def pretraining_machine(wildcards, threads):
    return pretraining_plan(wildcards).machine(below=BELOW)


def pretraining_system_machine(wildcards, threads):
    return pretraining_plan(wildcards).machine(wildcards.system, below=BELOW)
