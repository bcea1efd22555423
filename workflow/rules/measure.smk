# The only reader of the truth beside discover. What selection has read it reads too: naming thousands of
# candidates a second time would only take time to plan.
rule measure:
    input:
        PLACES["true_labels"],
        PLACES["truth"],
        PLACES["predictions"],
        PLACES["selection"],
        bound_files,
        grown_files,
    output:
        PLACES["measures"],
    log:
        f"{ORIGINAL_LOGS}/measure.log",
    localrule: True
    conda:
        "../../envs/training.yaml"
    params:
        **job(
            "measure",
            experiment.measure_job,
            lambda wc: experiment.measure_sources("measure"),
            preloaded="numpy",
        ),
    shell:
        JOB
