# Of all candidates, made with all of S_f, those that are worth making again without each part of it.
checkpoint shortlist:
    input:
        lambda wc: case_files(wc.dataset),
        told_of_all,
    output:
        PLACES["shortlist"],
    log:
        "results/logs/{dataset}/shortlist.log",
    localrule: True
    conda:
        "../../envs/training.yaml"
    params:
        **job(
            "shortlist",
            lambda who: experiment.shortlist_job(who.dataset),
            lambda wc: experiment.sources_of("shortlist"),
            preloaded="numpy",
        ),
    shell:
        JOB
