# The list of bad samples, cut into parts; what it says of true labels is the judge's alone.
for case in experiment.cases:

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
