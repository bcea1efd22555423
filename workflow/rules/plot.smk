rule plot:
    input:
        candidates=rules.collect.output.candidates,
        selected=rules.collect.output.selected,
    output:
        [
            report(file, caption="../report/figure.rst", category="Figures")
            for file in figure_files("png")
        ],
        figure_files("pdf"),
    log:
        "results/logs/plot.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        script=script("plot"),
        figures=experiment.figure_plan,
        styles=experiment.styles,
        folder=lambda wc, output: os.path.dirname(output[0]),
        sources=experiment.sources("plot"),
    shell:
        "python {params.script} --candidates {input.candidates} --selected {input.selected}"
        " --figures {params.figures:q} --styles {params.styles:q} --output-folder {params.folder}"
        " > {log} 2>&1"
