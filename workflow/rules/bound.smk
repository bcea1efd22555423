# What A makes of data that only somebody who knows the truth can have. On the referee's side, but as costly as `train`.
if experiment.bounds:

    use rule train as bound with:
        input:
            PLACES["pictures"],
            PLACES["true_labels"],
            PLACES["truth"],
            PLACES["training_set"],
            PLACES["probes"],
        output:
            PLACES["bound"],
        log:
            f"{LOGS}/bounds/{{bound}}.log",
        wildcard_constraints:
            bound=any_of(experiment.bounds),
        params:
            **job(
                "bound",
                experiment.bound_job,
                lambda wc: experiment.sources("bound", wc.dataset, bounds=wc.bound),
                preloaded="torch",
            ),
