# Where candidates share a job there is one rule for each such group, its outputs one file per candidate.
# That is what lets a new candidate run the job that carries it and no other, and a removed one run none.
for group in experiment.groups():

    rule:
        name:
            group.rule
        input:
            inputs_of_candidates(group.method, group.expansion, group.candidates),
        output:
            group.files(PLACES["candidate"]),
        log:
            group.log(f"{ORIGINAL_LOGS}/unlearn/{CELL}/{{candidate}}.log"),
        wildcard_constraints:
            discovery=any_of(group.discoveries),
            candidate=group.candidate,
        conda:
            "../../envs/training.yaml"
        threads: experiment.threads
        resources:
            gpu=gpus,
            mem_mb=growing("unlearn", "mem_mb"),
            runtime=growing("unlearn", "runtime"),
        params:
            **job(
                "unlearn",
                experiment.unlearn_job,
                sources_of_method("unlearn", group.method),
                preloaded="torch",
                candidates=group.method,
                method=group.method,
                maker=group.maker,
                expansion=group.expansion,
            ),
        shell:
            JOB
