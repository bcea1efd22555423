# The only reader of the truth beside discover.
rule measure:
    input:
        PLACES["true_labels"],
        PLACES["truth"],
        PLACES["predictions"],
        PLACES["selection"],
        PLACES["pictures"],
        PLACES["training_set"],
        candidate_files,
    output:
        PLACES["measures"],
    log:
        f"{ORIGINAL_LOGS}/measure.log",
    localrule: True
    conda:
        "../../envs/training.yaml"
    params:
        **job(
            "measure", experiment.measure_job, lambda wc: experiment.measure_sources("measure")
        ),
    shell:
        JOB
