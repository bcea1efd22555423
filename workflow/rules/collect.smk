rule collect:
    input:
        originals=run_files("original.json"),
        selections=selections(),
    output:
        **{
            table: report(
                f"{TABLES}/{table}.csv", caption=f"../report/{table}.rst", category="Tables"
            )
            for table in COLLECTED
        },
    log:
        "results/logs/collect.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        script=script("collect"),
        # Folders and names instead of files: thousands of paths do not fit on a command line.
        runs=run_files(""),
        methods=experiment.methods,
        fractions=experiment.fractions,
        sources=experiment.sources("collect"),
    shell:
        "python {params.script} --runs {params.runs} --methods {params.methods}"
        " --fractions {params.fractions} --candidates {output.candidates}"
        " --selected {output.selected} --times {output.times} --provenance {output.provenance}"
        " > {log} 2>&1"
