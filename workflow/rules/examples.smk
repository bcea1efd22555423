rule examples:
    input:
        PLACES["pictures"],
        PLACES["true_labels"],
        lambda wc: [
            experiment.example(wc.dataset, wc.manipulation).path(kind)
            for kind in ("training_set", "truth")
        ],
    output:
        update(
            report(
                "results/figures/examples/{dataset}/{manipulation}.png",
                caption="../report/examples.rst",
                category="Examples",
                labels={"dataset": "{dataset}", "manipulation": "{manipulation}"},
            )
        ),
        update("results/figures/examples/{dataset}/{manipulation}.pdf"),
    log:
        "results/logs/{dataset}/{manipulation}/examples.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        start=lambda wc, output: f"{script('examples')} --output {output}",
        told=lambda wc: experiment.examples_job(wc.dataset, wc.manipulation),
        sources=experiment.sources("examples"),
    shell:
        JOB
