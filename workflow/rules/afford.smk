# Where there is a budget: which candidates are run at all, by what the model and the machine are measured to take.
checkpoint afford:
    input:
        PLACES["checks"],
    output:
        PLACES["afforded"],
    log:
        "results/logs/{dataset}/afford.log",
    localrule: True
    conda:
        "../../envs/training.yaml"
    params:
        **job(
            "afford",
            lambda who: experiment.afford_job(who.dataset),
            lambda wc: experiment.sources_of("afford"),
            preloaded="numpy",
        ),
    shell:
        JOB
