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
            # As `start` in `job` no reason to run again: weights that do not fit are told before pictures are decoded.
            first=lambda wc, output, case=case: (
                f"{script('probe', preloaded='torch')} {experiment.fit_job(case)}"
            ),
            images=experiment.pictures_fingerprint(case),
        shell:
            "python {params.first} > {log} 2>&1 && python {params.start} {params.told} >> {log} 2>&1"
