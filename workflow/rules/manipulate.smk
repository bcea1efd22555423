rule manipulate:
    input:
        data=rules.prepare.output,
    output:
        f"{RUN}/manipulation.safetensors",
    log:
        f"{LOGS}/manipulate.log",
    localrule: True
    conda:
        "../../envs/training.yaml"
    params:
        script=script("manipulate"),
        settings=lambda wc: experiment.manipulation_settings(wc.dataset, wc.manipulation),
        sources=lambda wc: experiment.sources("manipulate", manipulations=wc.manipulation),
    shell:
        "python {params.script} --dataset {wildcards.dataset} --manipulation {wildcards.manipulation}"
        " --n {wildcards.n} --seed {wildcards.seed} --settings {params.settings:q}"
        " --data {input.data} --output {output} > {log} 2>&1"
