# Whom to look at next: what a ranking has first of those that nobody has called bad.
for case in experiment.suspicious:

    rule:
        name:
            f"list_suspects_{case}"
        input:
            Identity(case).path("pictures"),
            Identity(case).path("repaired"),
            experiment.original(case).path("training_set"),
            experiment.original(case).path("original"),
            experiment.ranked(case).having(expansion=PLAIN).path("deletion_set"),
            experiment.ranked(case).path("deletion_set"),
            experiment.ranked(case).path("suspects"),
        output:
            Identity(case).path("suspected"),
        log:
            f"results/logs/{case}/list_suspects.log",
        conda:
            "../../envs/training.yaml"
        threads: experiment.threads
        resources:
            gpu=gpus,
            mem_mb=growing("expand", "mem_mb"),
            runtime=growing("expand", "runtime"),
        params:
            **job(
                "list_suspects",
                lambda who: experiment.list_suspects_job(who.dataset),
                lambda wc, case=case: experiment.sources("list_suspects", case),
                preloaded="torch",
                dataset=case,
            ),
        shell:
            JOB
