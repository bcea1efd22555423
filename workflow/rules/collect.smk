rule collect:
    input:
        original_files("measures"),
    output:
        **{
            table: update(
                report(
                    f"{TABLES}/{table}.csv", caption=f"../report/{table}.rst", category="Tables"
                )
            )
            for table in collected()
        },
    log:
        "results/logs/collect.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        start=lambda wc, output: script("collect"),
        told=lambda wc: experiment.collect_job(TABLES),
        sources=experiment.sources("collect"),
    shell:
        JOB
