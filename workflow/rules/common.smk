"""What the stages share: the checked config and the paths of results."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from snakemake.utils import update_config

SCRIPTS = Path(workflow.basedir, "workflow", "scripts")
sys.path.insert(0, str(SCRIPTS))

from redress.checks import ConfigError, StrictLoader
from redress.errors import BadInputError
from redress.experiment import Experiment
from redress.files import sha256
from redress.preloaded import start_server

# Everything that belongs to one original model.
RUN = "results/runs/{dataset}/{manipulation}/n{n}/seed{seed}"
LOGS = "results/logs/{dataset}/{manipulation}/n{n}/seed{seed}"
TABLES = "results/tables"
COLLECTED = ["candidates", "selected", "times", "provenance"]  # collect's; summarise adds one
TEMPLATE = Path(workflow.basedir, "workflow", "report", "page.html.jinja")
COMMAND = shlex.join(["snakemake", *sys.argv[1:]])

# Tables, figures and the page of a run that failed.
INCOMPLETE = "results/incomplete"


wildcard_constraints:
    manipulation=r"[^/]+",
    n=r"\d+",
    seed=r"\d+",
    method=r"[^/]+",
    fraction=r"[0-9.e-]+",
    candidate=r"[^/]+",
    statistic=r"[^/]+",
    over=r"training_set|deletion_set_[0-9.e-]+",


def readable_yaml(path):
    """`path`, once it is known to hold a block of keys, none of them twice; one line and the end otherwise."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=StrictLoader)
    except OSError as error:
        sys.exit(f"{path}: {error.strerror}")
    except UnicodeDecodeError as error:
        sys.exit(f"{path}: not valid YAML: byte {error.start} is not UTF-8")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        sys.exit(f"{path}{where}: not valid YAML: {getattr(error, 'problem', None) or error}")
    if not isinstance(content, dict):
        sys.exit(f"{path}: is not a block of keys")
    return path


def typed(value):
    """A value of --config, in which Snakemake leaves the numbers inside lists and blocks as text."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    try:
        return yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        return value


def refuse(error):
    """End with one line that says where in which config the error is."""
    files = [str(path) for path in workflow.overwrite_configfiles] or ["config.yaml"]
    here = "--config" if error.key in workflow.config_settings.config else " + ".join(files)
    sys.exit(f"{here}: {error}")


def checked_experiment(config):
    """The experiment that `config` describes; one line and the end if it cannot be run."""
    given = typed(workflow.config_settings.config)
    update_config(config, given)
    try:
        return Experiment(config)
    except ConfigError as error:
        refuse(error)
    except BadInputError as error:  # in a plugin that cannot be read
        sys.exit(str(error))


def script(name, preloaded=False):
    """The path of a script as a rule's parameter, after that of preloaded.py if it is to start that way.

    Takes `output` so that Snakemake does not track it: moving the project is no reason to run it again.
    """
    names = ["redress/preloaded", name] if preloaded else [name]
    return lambda wildcards, output: " ".join(
        os.path.relpath(SCRIPTS / f"{name}.py") for name in names
    )


def gpus(wildcards):
    """GPUs of a job: a function, for what executes jobs is not known yet while rules are read."""
    return experiment.gpus(workflow.local_exec)


def growing(stage, name):
    """A resource of a stage's jobs: what config says, and as much again for every further attempt."""
    return lambda wildcards, attempt: experiment.resource(stage, name) * attempt


def scenario_arguments(wildcards, output):
    """The arguments that name a scenario and say how to run; untracked, for the path holds the names."""
    names = f"--dataset {wildcards.dataset} --manipulation {wildcards.manipulation}"
    return f"{names} --n {wildcards.n} --seed {wildcards.seed} {experiment.runtime}"


def settings(wildcards):
    """Model, recipe and manipulation of a scenario, as JSON."""
    return experiment.settings(wildcards.dataset, wildcards.manipulation)


def run_files(pattern, **values):
    """`pattern` under RUN, for every original model and all combinations of `values`."""
    return [
        path
        for original in experiment.originals()
        for path in expand(f"{RUN}/{pattern}", **vars(original), **values)
    ]


def statistic_files(method, candidates=None):
    """Patterns of the shared statistics that candidates (default: all) of a method need."""
    names = {"training_set": "training_set", "deletion_set": "deletion_set_{fraction}"}
    return [
        f"{RUN}/importance/{statistic}/{names[over]}.safetensors"
        for statistic, over in experiment.statistics(method, candidates)
    ]


def hyperparameters(method):
    """The candidates of a job as JSON; untracked, for each one's file name already holds its own."""
    return lambda wildcards, output: experiment.hyperparameters(
        method, [os.path.basename(path).removesuffix(".json") for path in output]
    )


def unlearning_sources(method):
    """Fingerprint of the code behind a method's jobs."""
    return lambda wildcards: experiment.scenario_sources(
        "unlearn", wildcards.dataset, wildcards.manipulation, methods=method
    )


def intermediates():
    """All that is made between the images and the tables.

    Targets of their own: a job that fails deletes its outputs, and a file that is only somebody's input
    is not missed while what was made from it, by then outdated, is still there.
    """
    candidates = [
        path
        for method in experiment.methods
        for path in run_files(
            f"unlearn/{method}/{{fraction}}/{{candidate}}.json",
            fraction=experiment.fractions,
            candidate=experiment.candidates(method),
        )
    ]
    return [
        *run_files("manipulation.safetensors"),
        *run_files("original.safetensors"),
        *run_files("original.json"),
        *candidates,
        *selections(),
    ]


def selections():
    """Every selection."""
    return run_files(
        "selection/{method}/{fraction}.json",
        method=experiment.methods,
        fraction=experiment.fractions,
    )


def saved_models():
    """Weights of the selected models, if they are to be kept."""
    if not experiment.save_models:
        return []
    return run_files(
        "models/{method}/{fraction}.safetensors",
        method=experiment.methods,
        fraction=experiment.fractions,
    )


def figure_files(*endings):
    """The figures in the given formats."""
    return expand("results/figures/{figure}.{ending}", figure=experiment.figures(), ending=endings)


def figure_caption(manipulation, column):
    """The file that says how to read a figure: of this manipulation or, where there is none, of any."""
    own = f"{manipulation}_{column}.rst"
    known = Path(workflow.basedir, "workflow", "report", own).is_file()
    return f"../report/{own if known else f'{column}.rst'}"


def example_files(*endings):
    """The sheets of manipulated images in the given formats."""
    return [
        f"results/figures/examples/{shown.dataset}/{shown.manipulation}.{ending}"
        for shown in experiment.examples()
        for ending in endings
    ]


def table_files():
    """Every table."""
    return [f"{TABLES}/{name}.csv" for name in [*COLLECTED, "summary"]]


def collect_what_there_is():
    """After jobs failed: tables, figures and the page of what is done, with a table of what is not.

    They stand apart from the complete ones, which are removed: by now they are outdated, and nobody should
    take them for results.
    """
    unfinished = [job for job in workflow.dag.needrun_jobs() if not job.is_group()]
    missing = [
        path
        for job in unfinished
        for path in job.output
        if job.rule.name in ("evaluate", "selection")
    ]
    if "collect" not in [job.rule.name for job in unfinished]:
        return
    for path in [*table_files(), *figure_files("pdf", "png"), "results/report.html"]:
        Path(path).unlink(missing_ok=True)
    shutil.rmtree(INCOMPLETE, ignore_errors=True)
    if not missing:  # it is the last stages that failed
        return
    tables = {name: f"{INCOMPLETE}/{name}.csv" for name in [*COLLECTED, "missing"]}
    left_out = Path(INCOMPLETE, "missing.txt")
    made = ["--candidates", tables["candidates"], "--selected", tables["selected"]]
    drawn = ["--figures", experiment.figure_plan, "--styles", experiment.styles]
    steps = {
        "collect": [
            *("--runs", *run_files(""), "--methods", *experiment.methods),
            *("--fractions", *experiment.fractions, "--leave-out", left_out),
            *[part for name, path in tables.items() for part in (f"--{name}", path)],
        ],
        "summarise": [*made, "--output", f"{INCOMPLETE}/summary.csv"],
        "plot": [*made, *drawn, "--output-folder", INCOMPLETE],
        "page": [
            *("--tables", INCOMPLETE, "--figure-folder", INCOMPLETE, *drawn),
            *("--examples", *[path for path in example_files("png") if Path(path).exists()]),
            *("--config", experiment.document, "--command", COMMAND, "--template", TEMPLATE),
            *("--missing", tables["missing"], "--output", f"{INCOMPLETE}/report.html"),
        ],
    }
    try:
        left_out.parent.mkdir(parents=True)
        left_out.write_text("\n".join(missing) + "\n")
        for name, arguments in steps.items():
            command = [sys.executable, SCRIPTS / f"{name}.py", *arguments]
            subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        print(
            f"{len(missing)} results are missing; no tables of the others could be made",
            file=sys.stderr,
        )
    else:
        where = f"{tables['missing']} lists them, and {INCOMPLETE}/report.html shows the others"
        print(f"{len(missing)} results are missing: {where}", file=sys.stderr)


onstart:
    # The default limit of 100 job starts a second leaves a timer behind for every finished job, each of
    # which then wakes the scheduler once a second: after 100 jobs it takes half a core. A local run needs
    # no such limit, because --cores is one.
    if workflow.local_exec and workflow.is_main_process:
        try:
            experiment.check_machine()
        except ConfigError as error:
            refuse(error)
        workflow.scheduler.job_rate_limiter = None
        if (
            not workflow.deployment_settings.deployment_method
        ):  # else jobs have Pythons of their own
            start_server()


onsuccess:
    shutil.rmtree(INCOMPLETE, ignore_errors=True)


onerror:
    if workflow.is_main_process:
        collect_what_there_is()
