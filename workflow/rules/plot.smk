rule plot:
    input:
        rules.collect.output.candidates,
        rules.collect.output.selected,
        **tables_if_made("bounds", "rankings", "ranking_curves"),
    output:
        [
            update(
                report(
                    f"results/figures/{name}.png",
                    caption=figure_caption(figure),
                    category="Figures",
                    subcategory=figure[0] if len(figure) == 2 else "overviews",
                    labels={"figure": name},
                )
            )
            for name, figure in experiment.figures().items()
        ],
        update(figure_files("pdf")),
    log:
        "results/logs/plot.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        start=lambda wc, input: (
            f"{script('plot')} {options_of(input, 'bounds', 'rankings', 'ranking_curves')}"
        ),
        told=lambda wc: experiment.plot_job(TABLES, "results/figures"),
        sources=experiment.measure_sources("plot"),
    shell:
        JOB
