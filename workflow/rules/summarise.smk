rule summarise:
    input:
        rules.collect.output.candidates,
        rules.collect.output.selected,
        [rules.collect.output.bounds] if experiment.bounds else [],
    output:
        update(report(f"{TABLES}/summary.csv", caption="../report/summary.rst", category="Tables")),
    log:
        "results/logs/summarise.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        start=lambda wc, output: script("summarise"),
        told=lambda wc: experiment.summarise_job(TABLES),
        sources=experiment.measure_sources("summarise"),
    shell:
        JOB
