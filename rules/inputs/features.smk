# Of decoded videos and features.


def shard_videos(wildcards):
    return PLAN.videos(wildcards.shard)


def decoding(wildcards):
    return PLAN.decoding(wildcards.shard)


def decoding_and_extraction(wildcards):
    return [decoding(wildcards), STAGES["extract"]]


def decode_settings(wildcards):
    return PLAN.decode_settings(wildcards.feature)


def feature_weights(wildcards):
    return PLAN.weights(wildcards.feature)


def extract_settings(wildcards):
    return PLAN.extract_settings(wildcards.feature)


# The run that gathers a feature.
def gathering_run(wildcards):
    return next(run for run in PLAN.runs if wildcards.feature in run.gathered)


def npy_files(wildcards):
    return gathering_run(wildcards).npy_files(wildcards.feature, wildcards.shard)


def gathering(wildcards):
    return gathering_run(wildcards).gathering(wildcards.feature, wildcards.shard)


def npy_settings(wildcards):
    return PLAN.npy_settings(wildcards.feature, BELOW)
