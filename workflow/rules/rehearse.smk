# A model is trained on what was planted, and verdicts on its repairs are held against the truth.
for case in experiment.rehearsals:

    rule:
        name:
            f"train_{case}"
        input:
            Identity(case).path("pictures"),
            experiment.original(case).path("training_set"),
            experiment.original(case).path("probes"),
        output:
            experiment.original(case).path("original"),
            experiment.original(case).path("training_log"),
            experiment.original(case).path("predictions"),
        log:
            f"results/logs/{case}/train.log",
        conda:
            "../../envs/training.yaml"
        threads: experiment.threads
        resources:
            gpu=gpus,
            mem_mb=growing("train", "mem_mb"),
            runtime=growing("train", "runtime"),
        params:
            **job(
                "train",
                lambda who: experiment.rehearse_train_job(who.dataset),
                lambda wc, case=case: experiment.rehearse_train_sources(case),
                preloaded="torch",
                dataset=case,
            ),
        shell:
            JOB


rule rehearse:
    input:
        lambda wc: [
            path
            for case in experiment.rehearsals_of(wc.dataset)
            for path in (
                *case_files(case),
                *(Identity(case).path(kind) for kind in ("planted", "shortlist")),
                *shortlisted(Identity(case)),
            )
        ],
    output:
        PLACES["rehearsal"],
        PLACES["rehearsal"].replace(".json", ".csv"),
    log:
        "results/logs/{dataset}/rehearse.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        **job(
            "rehearse",
            lambda who: experiment.rehearse_job(who.dataset),
            lambda wc: experiment.sources_of("rehearse"),
            preloaded="numpy",
        ),
    shell:
        JOB
