if experiment.expansions:

    use rule train as expand with:
        input:
            PLACES["pictures"],
            PLACES["training_set"],
            PLACES["original"],
            PLACES["training_log"],
            PLACES["deletion_set"].replace("{expansion}", PLAIN),
        output:
            PLACES["deletion_set"],
            PLACES["suspects"],
        log:
            f"{ORIGINAL_LOGS}/deletion_sets/{{expansion}}/{{discovery}}/{{share}}.log",
        wildcard_constraints:
            expansion="|".join(experiment.expansions),
        resources:
            gpu=gpus,
            mem_mb=growing("expand", "mem_mb"),
            runtime=growing("expand", "runtime"),
        params:
            **job(
                "expand",
                experiment.expand_job,
                lambda wc: experiment.sources("expand", wc.dataset, expansions=wc.expansion),
                preloaded="torch",
            ),
