rule prepare:
    output:
        PLACES["pictures"],
        PLACES["true_labels"],
    log:
        "results/logs/{dataset}/prepare.log",
    conda:
        "../../envs/training.yaml"
    resources:
        mem_mb=growing("prepare", "mem_mb"),
        runtime=growing("prepare", "runtime"),
    params:
        **job(
            "prepare",
            lambda who: experiment.prepare_job(who.dataset),
            lambda wc: experiment.sources_of(
                "prepare", f"datasets/{experiment.source(wc.dataset)}"
            ),
        ),
        images=lambda wc: experiment.source_fingerprint(wc.dataset),
    shell:
        JOB
