rule selection:
    input:
        candidates=lambda wc: expand(UNLEARNED, **wc, candidate=experiment.candidates(wc.method)),
    output:
        f"{RUN}/selection/{{method}}/{{fraction}}.json",
    log:
        f"{LOGS}/selection/{{method}}/{{fraction}}.log",
    localrule: True
    conda:
        "../../envs/training.yaml"
    params:
        script=script("selection"),
        weights=experiment.selection_weights,
        sources=experiment.sources("selection"),
    shell:
        "python {params.script} --candidates {input.candidates} --weights {params.weights:q}"
        " --output {output} > {log} 2>&1"


# Only with `save_models: selected`: the selected candidate is made again, checked against its record
# and kept. Keeping the weights of all candidates would take half a terabyte for the paper's grid.
rule save_model:
    input:
        data=rules.prepare.output,
        draw=rules.manipulate.output,
        original=rules.train.output,
        statistics=lambda wc: expand(statistic_files(wc.method), **wc),
        selection=rules.selection.output,
    output:
        f"{RUN}/models/{{method}}/{{fraction}}.safetensors",
    log:
        f"{LOGS}/models/{{method}}/{{fraction}}.log",
    conda:
        "../../envs/training.yaml"
    threads: experiment.threads
    resources:
        gpu=gpus,
        mem_mb=growing("save_model", "mem_mb"),
        runtime=growing("save_model", "runtime"),
    params:
        script=script("save_model", preloaded=True),
        scenario=scenario_arguments,
        settings=settings,
        sources=lambda wc: experiment.scenario_sources(
            "save_model", wc.dataset, wc.manipulation, methods=wc.method
        ),
    shell:
        "python {params.script} {params.scenario} --settings {params.settings:q}"
        " --data {input.data} --draw {input.draw} --original {input.original}"
        " --statistics {input.statistics} --method {wildcards.method}"
        " --deletion-fraction {wildcards.fraction} --selection {input.selection}"
        " --output {output} > {log} 2>&1"
