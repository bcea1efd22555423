rule examples:
    input:
        data=rules.prepare.output,
        draw=lambda wc: expand(
            rules.manipulate.output, **vars(experiment.example(wc.dataset, wc.manipulation))
        ),
    output:
        report(
            "results/figures/examples/{dataset}/{manipulation}.png",
            caption="../report/examples.rst",
            category="Examples",
            labels={"dataset": "{dataset}", "manipulation": "{manipulation}"},
        ),
        "results/figures/examples/{dataset}/{manipulation}.pdf",
    log:
        "results/logs/{dataset}/{manipulation}/examples.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        script=script("examples"),
        label=lambda wc: experiment.label(wc.dataset),
        settings=lambda wc: experiment.manipulation_settings(wc.dataset, wc.manipulation),
        sources=lambda wc: experiment.sources("examples", manipulations=wc.manipulation),
    shell:
        "python {params.script} --label {params.label:q} --manipulation {wildcards.manipulation}"
        " --settings {params.settings:q} --data {input.data} --draw {input.draw}"
        " --output {output} > {log} 2>&1"
