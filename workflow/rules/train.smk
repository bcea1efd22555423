rule train:
    input:
        data=rules.prepare.output,
        draw=rules.manipulate.output,
    output:
        f"{RUN}/original.safetensors",
    log:
        f"{LOGS}/train.log",
    conda:
        "../../envs/training.yaml"
    threads: experiment.threads
    resources:
        gpu=gpus,
        mem_mb=growing("train", "mem_mb"),
        runtime=growing("train", "runtime"),
    params:
        script=script("train", preloaded=True),
        scenario=scenario_arguments,
        settings=settings,
        sources=lambda wc: experiment.scenario_sources("train", wc.dataset, wc.manipulation),
    shell:
        "python {params.script} {params.scenario} --settings {params.settings:q}"
        " --data {input.data} --draw {input.draw} --output {output} > {log} 2>&1"
