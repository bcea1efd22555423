rule plot:
    input:
        rules.collect.output.candidates,
        rules.collect.output.selected,
    output:
        [
            update(
                report(
                    f"results/figures/{name}.png",
                    caption=figure_caption(manipulation, measure),
                    category="Figures",
                    subcategory=manipulation,
                    labels={"figure": name},
                )
            )
            for name, (manipulation, measure) in experiment.figures().items()
        ],
        update(figure_files("pdf")),
    log:
        "results/logs/plot.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        start=lambda wc, output: script("plot"),
        told=lambda wc: experiment.plot_job(TABLES, "results/figures"),
        sources=experiment.measure_sources("plot"),
    shell:
        JOB
