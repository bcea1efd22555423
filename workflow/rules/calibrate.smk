# Is the judge of corrections right? Only for configs with folds of S_f, and only if asked for:
# snakemake results/tables/judge_summary.csv --configfile config/judge-digits.yaml
rule calibrate:
    input:
        judged_originals,
    output:
        expand(f"{TABLES}/judge_{{table}}.csv", table=["summary", "verdicts", "estimates"]),
        expand("results/figures/judge.{ending}", ending=["pdf", "png"]),
    log:
        "results/logs/calibrate.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        start=lambda wc, output: script("calibrate"),
        told=lambda wc: experiment.calibrate_job(TABLES, "results/figures"),
        sources=experiment.measure_sources("calibrate"),
    shell:
        JOB
