rule summarise:
    input:
        candidates=rules.collect.output.candidates,
        selected=rules.collect.output.selected,
    output:
        report(f"{TABLES}/summary.csv", caption="../report/summary.rst", category="Tables"),
    log:
        "results/logs/summarise.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        script=script("summarise"),
        sources=experiment.sources("summarise"),
    shell:
        "python {params.script} --candidates {input.candidates} --selected {input.selected}"
        " --output {output} > {log} 2>&1"
