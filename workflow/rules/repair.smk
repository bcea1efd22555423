# The chosen candidate once more, checked against its record, and kept.
for case in experiment.cases:

    rule:
        name:
            f"repair_{case}"
        input:
            experiment.weights(case),
            Identity(case).path("choice"),
            lambda wc, case=case: inputs_of_repair(case),
        output:
            Identity(case).path("repaired"),
        log:
            f"results/logs/{case}/repair.log",
        conda:
            "../../envs/training.yaml"
        threads: experiment.threads
        resources:
            gpu=gpus,
            mem_mb=growing("save_model", "mem_mb"),
            runtime=growing("save_model", "runtime"),
        params:
            **job(
                "repair",
                lambda who: experiment.repair_job(who.dataset),
                lambda wc, case=case: experiment.repair_sources(case),
                preloaded="torch",
                dataset=case,
            ),
        shell:
            JOB
