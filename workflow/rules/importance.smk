# Statistics of the original model that unlearning jobs share, such as SSD's importances: one job over
# the whole training set, one over each deletion set.
use rule train as importance with:
    input:
        PLACES["pictures"],
        PLACES["training_set"],
        PLACES["original"],
        deletion=lambda wc: (
            []
            if wc.over == WHOLE
            else expand(f"{ORIGINAL}/deletion_sets/{{over}}.safetensors", **wc)
        ),
    output:
        PLACES["importance"],
    log:
        f"{ORIGINAL_LOGS}/importance/{{importance}}/{{over}}.log",
    wildcard_constraints:
        maker=any_of(experiment.makers),
    resources:
        gpu=gpus,
        mem_mb=growing("importance", "mem_mb"),
        runtime=growing("importance", "runtime"),
    params:
        **job(
            "importance",
            experiment.importance_job,
            lambda wc: experiment.sources("importance", wc.dataset, importances=wc.importance),
            preloaded="torch",
        ),
