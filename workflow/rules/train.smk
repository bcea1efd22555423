# The shape of all jobs of the developer's: later stages use this rule with other inputs and outputs.
rule train:
    input:
        PLACES["pictures"],
        PLACES["training_set"],
        PLACES["probes"],
        given=lambda wc: experiment.inputs("originals", wc.maker),
    output:
        PLACES["original"],
        PLACES["training_log"],
        PLACES["predictions"],
    log:
        f"{ORIGINAL_LOGS}/train.log",
    # A model that somebody brings is nobody's to train.
    wildcard_constraints:
        maker=any_of([] if experiment.cases else experiment.makers),
    conda:
        "../../envs/training.yaml"
    threads: experiment.threads
    resources:
        gpu=gpus,
        mem_mb=growing("train", "mem_mb"),
        runtime=growing("train", "runtime"),
    params:
        **job(
            "train",
            experiment.train_job,
            lambda wc: experiment.sources("train", wc.dataset, originals=wc.maker),
            preloaded="torch",
        ),
    shell:
        JOB
