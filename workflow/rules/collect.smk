rule collect:
    input:
        originals=run_files("original.json"),
        selections=selections(),
    output:
        candidates=report("results/tables/candidates.csv", category="Tables"),
        selected=report("results/tables/selected.csv", category="Tables"),
        times=report("results/tables/times.csv", caption="../report/times.rst", category="Tables"),
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
        " --selected {output.selected} --times {output.times} > {log} 2>&1"
