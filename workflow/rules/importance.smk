# Statistics of the original model that unlearning jobs share, such as SSD's importances: one job over
# the whole training set, one over each deletion set.
rule importance:
    input:
        data=rules.prepare.output,
        draw=rules.manipulate.output,
        original=rules.train.output,
    output:
        f"{RUN}/importance/{{statistic}}/{{over}}.safetensors",
    log:
        f"{LOGS}/importance/{{statistic}}/{{over}}.log",
    conda:
        "../../envs/training.yaml"
    threads: experiment.threads
    resources:
        gpu=gpus,
        mem_mb=growing("importance", "mem_mb"),
        runtime=growing("importance", "runtime"),
    params:
        script=script("importance", preloaded=True),
        scenario=scenario_arguments,
        settings=settings,
        over=lambda wc: wc.over.replace("deletion_set_", "deletion_set --deletion-fraction "),
        sources=lambda wc: experiment.scenario_sources(
            "importance", wc.dataset, wc.manipulation, importances=wc.statistic
        ),
    shell:
        "python {params.script} {params.scenario} --settings {params.settings:q}"
        " --data {input.data} --draw {input.draw} --original {input.original}"
        " --statistic {wildcards.statistic} --over {params.over}"
        " --output {output} > {log} 2>&1"
