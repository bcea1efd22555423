# The verdict: whether the chosen candidate repaired the model, and how sure that is.
rule judge:
    input:
        lambda wc: case_files(wc.dataset),
        shortlisted,
        lambda wc: decisions(wc.dataset),
        PLACES["checks"],
        PLACES["notes"],
        lambda wc: (
            Identity(wc.dataset).path("suspected") if wc.dataset in experiment.suspicious else []
        ),
        lambda wc: (
            Identity(wc.dataset).path("rehearsal") if wc.dataset in experiment.rehearsing else []
        ),
    output:
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
