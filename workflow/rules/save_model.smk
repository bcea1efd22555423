# Only with `save_models: selected`: the selected candidate is made again, checked against its record
# and kept. Keeping the weights of all candidates would take half a terabyte for the paper's grid.
# `update` leaves a file where it is: one that holds the selected weights already is not made again.
for method in experiment.methods if experiment.save_models else []:

    rule:
        name:
            f"save_model_{method}"
        input:
            [
                inputs_of_candidates(method, expansion)
                for expansion in experiment.expansions_of(method)
            ],
            filled(PLACES["selection"], maker=experiment.maker_of(method)),
        output:
            update(filled(PLACES["model"], method=method, maker=experiment.maker_of(method))),
        log:
            filled(
                f"{ORIGINAL_LOGS}/models/{CELL}.log",
                method=method,
                maker=experiment.maker_of(method),
            ),
        wildcard_constraints:
            discovery="|".join(experiment.discoveries_of(method)),
        conda:
            "../../envs/training.yaml"
        threads: experiment.threads
        resources:
            gpu=gpus,
            mem_mb=growing("save_model", "mem_mb"),
            runtime=growing("save_model", "runtime"),
        params:
            **job(
                "save_model",
                experiment.unlearn_job,
                sources_of_method("save_model", method),
                preloaded="torch",
                method=method,
                maker=experiment.maker_of(method),
                expansion="+".join(experiment.expansions_of(method)),
            ),
        shell:
            JOB
