rule selection:
    input:
        PLACES["pictures"],
        PLACES["training_set"],
        PLACES["original"],
        [PLACES["predictions"]] if experiment.selects_by_original else [],
        candidate_files,
    output:
        PLACES["selection"],
    log:
        f"{ORIGINAL_LOGS}/selection.log",
    localrule: True
    conda:
        "../../envs/training.yaml"
    params:
        **job(
            "selection",
            experiment.selection_job,
            lambda wc: experiment.measure_sources("selection"),
            preloaded="numpy",
        ),
    shell:
        JOB
