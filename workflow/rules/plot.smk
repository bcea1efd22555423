rule plot:
    input:
        candidates=rules.collect.output.candidates,
        selected=rules.collect.output.selected,
    output:
        [
            report(
                f"results/figures/{name}.png",
                caption=figure_caption(manipulation, column),
                category="Figures",
                subcategory=manipulation,
                labels={"figure": name},
            )
            for name, (manipulation, column) in experiment.figures().items()
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
