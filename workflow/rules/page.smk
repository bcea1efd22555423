rule page:
    input:
        tables=table_files(),
        figures=figure_files("png"),
        examples=example_files("png"),
    output:
        report("results/report.html", caption="../report/page.rst", category="Page"),
    log:
        "results/logs/page.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        script=script("page"),
        tables=lambda wc, input: os.path.dirname(input.tables[0]),
        folder=lambda wc, input: os.path.dirname(input.figures[0]),
        figures=experiment.figure_plan,
        styles=experiment.styles,
        # Untracked: of the config only what matters to results makes them again, and the page with them.
        config=lambda wc, output: experiment.document,
        command=lambda wc, output: COMMAND,
        template=lambda wc, output: os.path.relpath(TEMPLATE),
        sources=[*experiment.sources("page"), sha256(TEMPLATE)],
    shell:
        "python {params.script} --tables {params.tables} --figure-folder {params.folder}"
        " --figures {params.figures:q} --examples {input.examples} --styles {params.styles:q}"
        " --config {params.config:q} --command {params.command:q} --template {params.template}"
        " --output {output} > {log} 2>&1"
