rule plot:
    input:
        rules.collect.output.candidates,
        rules.collect.output.selected,
    output:
        [
            report(
                f"results/figures/{name}.png",
                caption=figure_caption(manipulation, measure),
                category="Figures",
                subcategory=manipulation,
                labels={"figure": name},
            )
            for name, (manipulation, measure) in experiment.figures().items()
        ],
        figure_files("pdf"),
    log:
        "results/logs/plot.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        script=script("plot"),
        told=experiment.plot_job(TABLES, "results/figures"),
        also="",
        sources=experiment.measure_sources("plot"),
    shell:
        JOB
