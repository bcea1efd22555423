if experiment.expansions:

    rule suspects:
        input:
            PLACES["pictures"],
            PLACES["true_labels"],
            lambda wc: [
                experiment.example(wc.dataset, wc.manipulation).path(kind)
                for kind in ("training_set", "truth")
            ],
            lambda wc: [
                cell.path("deletion_set")
                for cell in experiment.shown_rankings(wc.dataset, wc.manipulation)
            ],
        output:
            update(
                report(
                    "results/figures/suspects/{dataset}/{manipulation}.png",
                    caption="../report/suspects.rst",
                    category="Suspects",
                    labels={"dataset": "{dataset}", "manipulation": "{manipulation}"},
                )
            ),
            update("results/figures/suspects/{dataset}/{manipulation}.pdf"),
        log:
            "results/logs/{dataset}/{manipulation}/suspects.log",
        localrule: True
        conda:
            "../../envs/results.yaml"
        params:
            start=lambda wc, output: f"{script('suspects')} --output {output}",
            told=lambda wc: experiment.suspects_job(wc.dataset, wc.manipulation),
            sources=experiment.sources("suspects"),
        shell:
            JOB
