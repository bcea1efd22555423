rule evaluate:
    input:
        data=rules.prepare.output,
        draw=rules.manipulate.output,
        original=rules.train.output,
    output:
        f"{RUN}/original.json",
    log:
        f"{LOGS}/evaluate.log",
    conda:
        "../../envs/training.yaml"
    threads: experiment.threads
    resources:
        gpu=gpus,
        mem_mb=growing("evaluate", "mem_mb"),
        runtime=growing("evaluate", "runtime"),
    params:
        script=script("evaluate", preloaded=True),
        scenario=scenario_arguments,
        settings=settings,
        sources=lambda wc: experiment.scenario_sources("evaluate", wc.dataset, wc.manipulation),
    shell:
        "python {params.script} {params.scenario} --settings {params.settings:q}"
        " --data {input.data} --draw {input.draw} --original {input.original}"
        " --output {output} > {log} 2>&1"
