# Which candidate is taken, by the samples that folds held out.
rule choose:
    input:
        lambda wc: case_files(wc.dataset),
        shortlisted,
        lambda wc: decisions(wc.dataset),
    output:
        PLACES["choice"],
    log:
        "results/logs/{dataset}/choose.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        **job(
            "choose",
            lambda who: experiment.choose_job(who.dataset),
            lambda wc: experiment.sources_of("choose"),
            preloaded="numpy",
        ),
    shell:
        JOB
