# The model that is brought, held against what is said of it; it becomes M_o.
for case in experiment.cases:

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
            experiment.original(case).path("training_log"),
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
                lambda wc, case=case: experiment.sources("probe", getattr(wc, "dataset", case)),
                preloaded="torch",
                dataset=case,
            ),
        shell:
            JOB
