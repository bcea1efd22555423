# Who finds what of S_m. No job after this one knows how a deletion set came about.
rule discover:
    input:
        PLACES["true_labels"],
        PLACES["training_set"],
        PLACES["truth"],
        log=lambda wc: (
            expand(PLACES["training_log"], **wc) if experiment.needs_margins(wc.discovery) else []
        ),
    output:
        PLACES["deletion_set"].replace("{expansion}", PLAIN),
    log:
        f"{ORIGINAL_LOGS}/deletion_sets/{PLAIN}/{{discovery}}/{{share}}.log",
    wildcard_constraints:
        discovery=any_of(experiment.discoveries),
    localrule: True
    conda:
        "../../envs/training.yaml"
    # On a cluster it is part of the job that trains: what it takes by default would be asked for on top.
    resources:
        mem_mb=500,
        runtime=1,
    params:
        **job(
            "discover",
            experiment.discover_job,
            lambda wc: experiment.sources("discover", discoveries=wc.discovery),
            preloaded="numpy",
            expansion=PLAIN,
        ),
    shell:
        JOB
