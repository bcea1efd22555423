# Where candidates share a job there is one rule for each such group, its outputs one file per candidate.
# That is what lets a new candidate run the job that carries it and no other, and a removed one run none.
UNLEARNED = f"{RUN}/unlearn/{{method}}/{{fraction}}/{{candidate}}.json"

for group in experiment.groups():

    rule:
        name:
            group.rule
        input:
            data=rules.prepare.output,
            draw=rules.manipulate.output,
            original=rules.train.output,
            statistics=statistic_files(group.method, group.candidates),
        output:
            group.files(UNLEARNED),
        log:
            group.log(f"{LOGS}/unlearn/{{method}}/{{fraction}}/{{candidate}}.log"),
        conda:
            "../../envs/training.yaml"
        threads: experiment.threads
        resources:
            gpu=gpus,
            mem_mb=growing("unlearn", "mem_mb"),
            runtime=growing("unlearn", "runtime"),
        params:
            script=script("unlearn", preloaded=True),
            scenario=scenario_arguments,
            settings=settings,
            method=group.method,
            candidates=hyperparameters(group.method),
            folder=lambda wc, output: os.path.dirname(output[0]),
            sources=unlearning_sources(group.method),
        shell:
            "python {params.script} {params.scenario} --settings {params.settings:q}"
            " --data {input.data} --draw {input.draw} --original {input.original}"
            " --statistics {input.statistics} --method {params.method}"
            " --deletion-fraction {wildcards.fraction} --candidates {params.candidates:q}"
            " --output-folder {params.folder} > {log} 2>&1"
