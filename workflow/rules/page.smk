rule page:
    input:
        table_files(),
        figure_files("png"),
        **tables_if_made("bounds", "rules", "rankings", "ranking_curves"),
        examples=example_files("png"),
        suspects=suspect_files("png"),
    output:
        update(report("results/report.html", caption="../report/page.rst", category="Page")),
    log:
        "results/logs/page.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        # Of the config only what matters to results makes them again, and the page with them.
        start=lambda wc, input: (
            f"{script('page')} {experiment.page_also(COMMAND, input.examples, input.suspects)}"
            f" {options_of(input, 'bounds', 'rules', 'rankings', 'ranking_curves')}"
        ),
        told=lambda wc: experiment.page_job(TABLES, "results/figures", "results/report.html"),
        sources=[experiment.measure_sources("page"), page_parts("page.*")],
    shell:
        JOB
