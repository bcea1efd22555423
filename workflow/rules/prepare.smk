wildcard_constraints:
    dataset="|".join(experiment.datasets),


rule prepare:
    output:
        "results/data/{dataset}.safetensors",
    log:
        "results/logs/{dataset}/prepare.log",
    conda:
        "../../envs/training.yaml"
    resources:
        mem_mb=growing("prepare", "mem_mb"),
        runtime=growing("prepare", "runtime"),
    params:
        script=script("prepare"),
        source=lambda wc: experiment.source(wc.dataset),
        settings=lambda wc: experiment.source_settings(wc.dataset),
        images=lambda wc: experiment.source_fingerprint(wc.dataset),
        validation_size=lambda wc: experiment.validation_size(wc.dataset),
        sources=lambda wc: experiment.sources("prepare", datasets=experiment.source(wc.dataset)),
    shell:
        "python {params.script} --dataset {wildcards.dataset} --source {params.source}"
        " --settings {params.settings:q} --validation-size {params.validation_size}"
        " --output {output} > {log} 2>&1"
