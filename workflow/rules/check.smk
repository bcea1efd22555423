# What was looked at before any work, for people: a line for each check.
rule write_checks:
    input:
        PLACES["checks"],
        PLACES["notes"],
    output:
        PLACES["checked"],
    log:
        "results/logs/{dataset}/check.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        **job(
            "check",
            lambda who: experiment.check_job(who.dataset),
            lambda wc: experiment.sources_of("check"),
            preloaded="numpy",
        ),
    shell:
        JOB


rule check:
    input:
        checked(),
