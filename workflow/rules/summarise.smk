rule summarise:
    input:
        rules.collect.output.candidates,
        rules.collect.output.selected,
    output:
        report(f"{TABLES}/summary.csv", caption="../report/summary.rst", category="Tables"),
    log:
        "results/logs/summarise.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        script=script("summarise"),
        told=experiment.summarise_job(TABLES),
        also="",
        sources=experiment.measure_sources("summarise"),
    shell:
        JOB
