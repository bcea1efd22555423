# What is not in the config cannot be asked for.
wildcard_constraints:
    dataset=any_of(experiment.datasets),
    manipulation=any_of({run.manipulation for run in experiment.runs()}),
    maker=any_of(experiment.makers),
    discovery=any_of(experiment.discoveries),
    expansion=any_of([PLAIN, *experiment.expansions]),
    importance=any_of(plugins.names("importances")),


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
