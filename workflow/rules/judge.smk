# Of all candidates, made with all of S_f, those that are worth making again without each part of it.
checkpoint shortlist:
    input:
        lambda wc: case_files(wc.dataset),
        lambda wc: candidates_of(wc.dataset, lambda method, name, part: part == "known"),
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


rule judge:
    input:
        lambda wc: case_files(wc.dataset),
        shortlisted,
        PLACES["shortlist"],
        PLACES["checks"],
        PLACES["notes"],
    output:
        PLACES["choice"],
        PLACES["verdict"],
        BESIDE_VERDICT,
    log:
        "results/logs/{dataset}/judge.log",
    localrule: True
    conda:
        "../../envs/results.yaml"
    params:
        # The command is no reason to judge again: what is told with the output's help is not compared.
        start=lambda wc, output: f"{script('judge')} --command {shlex.quote(COMMAND)}",
        told=lambda wc: experiment.judge_job(wc.dataset),
        sources=[
            experiment.sources_of("judge"),
            page_parts("correction.*", "model_card.*", "page.*"),
        ],
    shell:
        JOB
