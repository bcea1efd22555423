# What somebody brings, turned into what a scenario of an experiment starts from. A rule for each model, for its outputs
# have no names in common; where they are another rule's too, such as M_o, who names none comes first.
for case in experiment.cases:

    rule:
        name:
            f"ingest_{case}"
        output:
            Identity(case).path("pictures"),
        log:
            f"results/logs/{case}/ingest.log",
        conda:
            "../../envs/training.yaml"
        resources:
            mem_mb=growing("prepare", "mem_mb"),
            runtime=growing("prepare", "runtime"),
        params:
            **job(
                "ingest",
                lambda who: experiment.ingest_job(who.dataset),
                lambda wc: experiment.sources_of("ingest"),
                preloaded="numpy",
                dataset=case,
            ),
            images=experiment.pictures_fingerprint(case),
        shell:
            JOB

    rule:
        name:
            f"folds_{case}"
        input:
            Identity(case).path("pictures"),
        output:
            experiment.original(case).path("training_set"),
            experiment.original(case).path("probes"),
            Identity(case).path("case"),
            Identity(case).path("notes"),
            [cell.path("deletion_set") for cell in experiment.deletion_sets(case)],
        log:
            f"results/logs/{case}/folds.log",
        conda:
            "../../envs/training.yaml"
        params:
            **job(
                "folds",
                lambda who: experiment.folds_job(who.dataset),
                lambda wc: experiment.sources_of("folds"),
                preloaded="numpy",
                dataset=case,
            ),
            bad=experiment.list_fingerprint(case),
        shell:
            JOB

    rule:
        name:
            f"probe_{case}"
        input:
            experiment.weights(case),
            Identity(case).path("pictures"),
            experiment.original(case).path("training_set"),
            experiment.original(case).path("probes"),
        output:
            experiment.original(case).path("original"),
            experiment.original(case).path("predictions"),
            Identity(case).path("checks"),
        log:
            f"results/logs/{case}/probe.log",
        conda:
            "../../envs/training.yaml"
        threads: experiment.threads
        resources:
            gpu=gpus,
            mem_mb=growing("train", "mem_mb"),
            runtime=growing("train", "runtime"),
        params:
            **job(
                "probe",
                lambda who: experiment.probe_job(who.dataset),
                lambda wc, case=case: experiment.sources("probe", case),
                preloaded="torch",
                dataset=case,
            ),
        shell:
            JOB


# Everything that is looked at before any work.
rule check:
    input:
        [Identity(case).path("checks") for case in experiment.cases],
