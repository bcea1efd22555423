# Wrong labels are planted in what somebody brings, and all is run on that, too: there the truth is known.
for case in experiment.rehearsals:

    rule:
        name:
            f"plant_{case}"
        input:
            Identity(experiment.rehearsed(case)).path("pictures"),
        output:
            Identity(case).path("pictures"),
            experiment.original(case).path("training_set"),
            experiment.original(case).path("probes"),
            Identity(case).path("case"),
            Identity(case).path("planted"),
            [cell.path("deletion_set") for cell in experiment.deletion_sets(case)],
        log:
            f"results/logs/{case}/plant.log",
        conda:
            "../../envs/training.yaml"
        resources:
            mem_mb=growing("prepare", "mem_mb"),
            runtime=growing("prepare", "runtime"),
        params:
            **job(
                "plant",
                lambda who: experiment.plant_job(who.dataset),
                lambda wc, case=case: experiment.plant_sources(case),
                preloaded="numpy",
                dataset=case,
            ),
            bad=experiment.list_fingerprint(case),
        shell:
            JOB
