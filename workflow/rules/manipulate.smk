rule manipulate:
    input:
        PLACES["pictures"],
        PLACES["true_labels"],
    output:
        PLACES["training_set"],
        PLACES["probes"],
        PLACES["truth"],
    log:
        f"{LOGS}/manipulate.log",
    localrule: True
    conda:
        "../../envs/training.yaml"
    params:
        **job(
            "manipulate",
            experiment.manipulate_job,
            lambda wc: experiment.sources_of(
                "manipulate",
                f"manipulations/{experiment.manipulation_use(wc.dataset, wc.manipulation)}",
            ),
            preloaded="numpy",
        ),
    shell:
        JOB
