# For methods that choose among expansions: S_f less a part that candidates are compared on.
if experiment.trials:

    rule withhold:
        input:
            lambda wc: Identity(**wc, expansion=PLAIN)
            .having(discovery=wc.discovery.removesuffix(TRIAL))
            .path("deletion_set"),
        output:
            PLACES["deletion_set"].replace("{expansion}", PLAIN),
        log:
            f"{ORIGINAL_LOGS}/deletion_sets/{PLAIN}/{{discovery}}/{{share}}.log",
        wildcard_constraints:
            discovery=any_of(experiment.trials),
        localrule: True
        conda:
            "../../envs/training.yaml"
        params:
            **job(
                "withhold",
                experiment.withhold_job,
                lambda wc: experiment.sources_of("withhold"),
                preloaded="numpy",
                expansion=PLAIN,
            ),
        shell:
            JOB
