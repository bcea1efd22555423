"""What the stages share: the checked config, the paths of results, and how a job is started."""

import gc
import os
import re
import shlex
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

import yaml
from snakemake.utils import update_config

# A plan is hundreds of thousands of objects that all stay: looking again and again which of them could go
# is time lost. On again before jobs start (see `onstart`).
gc.disable()

ROOT = Path(workflow.current_basedir).parent.parent
SCRIPTS = ROOT / "workflow" / "scripts"
if {"{", "}"} & set(str(ROOT)):
    sys.exit(f"{ROOT}: Snakemake takes braces for wildcards: give the folder another name")
sys.path.insert(0, str(SCRIPTS))

from redress import plugins
from redress.formats.block import TRIAL
from redress.formats.correction import KNOWN, NOT_YET
from redress.formats.files import read_json
from redress.formats.errors import CONFIG_OPTION, BadInputError
from redress.formats.identity import CELL, ORIGINAL, PLACES, PLAIN, RUN, WHOLE, Identity
from redress.launch.environment import share_environment
from redress.launch.preloaded import start_server
from redress.plan import config_file
from redress.plan.checks import ConfigError
from redress.plan.corrections import Corrections
from redress.plan.experiment import Experiment

TABLES = "results/tables"
BESIDE_VERDICT = [
    PLACES["verdict"].replace("verdict.json", name)
    for name in ("report.html", "MODEL_CARD.md", "candidates.csv", "heldout.csv", "suspects.csv")
]
LOGS = RUN.replace("results/runs", "results/logs")
ORIGINAL_LOGS = ORIGINAL.replace("results/runs", "results/logs")
COMMAND = shlex.join(["snakemake", *sys.argv[1:]])

share_environment()
os.environ[CONFIG_OPTION] = "".join(
    f" --configfile {shlex.join(map(str, workflow.overwrite_configfiles))}"
    for _ in workflow.overwrite_configfiles[:1]
)


wildcard_constraints:
    n=r"\d+",
    seed=r"\d+",
    method=r"[^/]+",
    share=r"[0-9.e-]+",
    candidate=r"[^/]+",
    over=r"training_set|[^/]+/[^/]+/[0-9.e-]+",


def readable_yaml(path):
    """`path`, once it is known to hold a block of keys, none of them twice; one line and the end otherwise."""
    try:
        config_file.read(path)
    except BadInputError as error:
        sys.exit(str(error))
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
        return Corrections(config) if "corrections" in config else Experiment(config)
    except ConfigError as error:
        refuse(error)
    except BadInputError as error:  # in a plugin that cannot be read
        sys.exit(str(error))


PRELOADED = {"numpy": "--light", "torch": ""}


def script(name, preloaded=None):
    """The path of a script, after that of preloaded.py if it is to start with `numpy` or `torch` imported."""
    path = os.path.relpath(SCRIPTS / f"{name}.py")
    if preloaded is None:
        return path
    start = os.path.relpath(SCRIPTS / "redress" / "launch" / "preloaded.py")
    return " ".join(filter(None, [start, PRELOADED[preloaded], path]))


JOB = "python {params.start} {params.told} > {log} 2>&1"

MADE_BY = {}
"""What the record of a job's result says now of code and settings, by the script and the method."""


def job(name, tell, sources, preloaded=None, candidates=None, **names):
    """The parameters of a rule that runs the script `name`.

    `told` is what `tell`, a method of the experiment, says to the job of these wildcards and `names`, and
    `sources`, of the wildcards, are a fingerprint of its code: where either changes, the job runs again.
    What stands in `start` is no reason: where the script is (a project may be moved), what the record says
    of config and code, and which candidates of a method (`candidates`) are carried, for each one's file
    name holds its hyperparameters.
    """

    @cache
    def start(fingerprint, *carried):
        options = {"made_by": {**experiment.made_by, "sources": fingerprint}}
        if experiment.time_limit:
            options["time_limit"] = experiment.time_limit
        said = f"{script(name, preloaded)} {experiment.arguments(Identity(''), **options)}"
        return f"{said} {experiment.hyperparameters(candidates, carried)}" if carried else said

    MADE_BY[name, names.get("method")] = lambda identity: {
        "sources": sources(identity),
        "told": sha256(tell(identity).encode()).hexdigest()[:16],
    }

    def started(wildcards, output):
        files = output if candidates else []
        carried = (os.path.basename(path).removesuffix(".safetensors") for path in files)
        return start(sources(wildcards), *carried)

    return {
        "start": started,
        "told": lambda wildcards: tell(Identity(**{**wildcards, **names})),
        "sources": sources,
    }


def gpus(wildcards):
    """GPUs of a job: a function, for what executes jobs is not known yet while rules are read."""
    return experiment.gpus(workflow.local_exec)


def growing(stage, name):
    """A resource of a stage's jobs: what config says, and as much again for every further attempt."""
    return lambda wildcards, attempt: experiment.resource(stage, name) * attempt


def inputs_of_candidates(method, expansion, candidates=None):
    """What candidates of a method are made from on the deletion sets of an expansion."""
    original = {"method": method, "maker": experiment.maker_of(method)}
    deletion = {**original, "expansion": expansion}
    return [
        PLACES["pictures"],
        PLACES["training_set"],
        PLACES["probes"],
        filled(PLACES["original"], **original),
        filled(PLACES["deletion_set"], **deletion),
        *(
            filled(PLACES["importance"], importance=importance, over=over, **original)
            for importance, over in experiment.importances(method, expansion, candidates)
        ),
    ]


def any_of(allowed):
    """A regular expression for one of these names; without any, for nothing."""
    return "|".join(map(re.escape, sorted(allowed))) or "(?!)"


def filled(pattern, **names):
    """`pattern` with some of its wildcards replaced."""
    for name, value in names.items():
        pattern = pattern.replace(f"{{{name}}}", value)
    return pattern


def sources_of_method(name, method):
    """Fingerprint of the code of a method's jobs, for the script `name`."""
    return lambda wildcards: experiment.sources(name, wildcards.dataset, methods=method)


def candidate_files(wildcards):
    """Everything unlearned from an original model, and the deletion sets behind it."""
    return unlearned(Identity(**wildcards))


@cache
def unlearned(original):
    """The same of what names an original model."""
    places = [
        place
        for block in experiment.blocks(original.maker)
        for cell in block.cells(original)
        for place in places_of(block, cell)
    ]
    return [
        *dict.fromkeys(place.path("deletion_set") for place, _ in places),
        *(path for place, names in places for path in candidate_paths(place, names)),
    ]


def places_of(block, cell):
    """Where the candidates of a block run, for good and on trial."""
    return [*block.places(cell), *block.trials(cell)]


def candidate_paths(cell, names):
    """The results of candidates of one deletion set; quicker than asking each one for its path."""
    pattern = cell.having(candidate="{}").path("candidate")
    return [pattern.format(name) for name in names]


def case_files(case):
    """What the judge knows of a model that somebody brought, and what that model predicts."""
    return [Identity(case).path("case"), experiment.original(case).path("predictions")]


def candidates_of(case, wanted):
    """Everything unlearned from such a model that is `wanted` by method, candidate and discovery."""
    original = experiment.original(case)
    return [
        path
        for block in experiment.blocks_of(case)
        for cell in block.cells(original)
        for path in candidate_paths(
            cell, [name for name in block.candidates if wanted(block.method, name, block.discovery)]
        )
    ]


def runs_of(case):
    """Whether a candidate of a method, both by name, fits the budget; all do where there is none."""
    if experiment.minutes(case) is None:
        return lambda method, name: True
    path = checkpoints.afford.get(dataset=case).output[0]
    kept = read_json(path, Identity(case), "candidates")["candidates"]
    return lambda method, name: [method, name] in kept


def told_of_all(wildcards):
    """Its candidates, made with all of S_f."""
    runs = runs_of(wildcards.dataset)
    return candidates_of(
        wildcards.dataset, lambda method, name, part: part == KNOWN and runs(method, name)
    )


def shortlisted(wildcards):
    """These, and those that are made again without parts of S_f."""
    path = checkpoints.shortlist.get(dataset=wildcards.dataset).output[0]
    listed = read_json(path, Identity(wildcards.dataset), "parts")["parts"]
    without = {(method, name): parts for method, name, parts in listed}
    again = candidates_of(
        wildcards.dataset, lambda method, name, part: part in without.get((method, name), ())
    )
    return [*told_of_all(wildcards), *again]


def decisions(case):
    """What was decided of how long the search takes."""
    budget = [] if experiment.minutes(case) is None else ["afforded"]
    return [Identity(case).path(kind) for kind in [*budget, "shortlist"]]


def inputs_of_repair(case):
    """What any candidate that was run is made from, told of all of S_f."""
    runs = runs_of(case)
    return [
        path
        for block in experiment.blocks_of(case)
        if block.discovery == KNOWN
        and (names := [name for name in block.candidates if runs(block.method, name)])
        for path in expand(
            inputs_of_candidates(block.method, block.expansion, names),
            discovery=KNOWN,
            **{**experiment.original(case).names, "share": "1.0"},
        )
    ]


def checked():
    """What is looked at before any work."""
    return expand(PLACES["checked"], dataset=experiment.cases)


def corrected():
    """What comes out of corrections, and all that is made on the way but for candidates: see `intermediates`."""
    kinds = [PLACES["repaired"], PLACES["verdict"], PLACES["choice"], *BESIDE_VERDICT]
    return [
        *expand(kinds, dataset=experiment.cases),
        *expand(PLACES["suspected"], dataset=experiment.suspicious),
        *expand(PLACES["rehearsal"], dataset=experiment.rehearsing),
        *(path for case in experiment.cases for path in decisions(case)),
        *checked(),
        *(path for case in experiment.cases for path in files_of(case, "notes", "checks")),
        *(
            path
            for case in experiment.rehearsals
            for path in files_of(case, "planted", "shortlist")
        ),
    ]


def files_of(case, *kinds):
    """What was made of what somebody brings, or of what was planted in it, results of these kinds among it."""
    original = experiment.original(case)
    return [
        *(Identity(case).path(kind) for kind in ("pictures", "case", *kinds)),
        *(
            original.path(kind)
            for kind in ("training_set", "probes", "original", "training_log", "predictions")
        ),
        *(cell.path("deletion_set") for cell in experiment.deletion_sets(case)),
    ]


def judged_candidates(wildcards):
    """All candidates that verdicts rest on."""
    return [
        path
        for case in [*experiment.cases, *experiment.rehearsals]
        for path in shortlisted(Identity(case))
    ]


def nothing_to_correct(target):
    """End with one line where corrections are asked for and the config has none."""
    problem = (
        f"is missing, and `snakemake {target}` looks for it: name a config that has one "
        "(--configfile mine.yaml); docs/correcting.md says what to write"
    )
    refuse(ConfigError(["corrections"], problem))


def bound_files(wildcards):
    """What else was trained where an original model was."""
    return bounds_of(Identity(**wildcards).run)


def bounds_of(run):
    """The same of what names a run."""
    return [run.having(bound=bound).path("bound") for bound in experiment.bounds]


def grown_files(wildcards):
    """The deletion sets that were grown on an original model."""
    return [cell.path("deletion_set") for cell in experiment.grown(Identity(**wildcards))]


def original_files(*kinds):
    """Every original model's results of these kinds."""
    return [original.path(kind) for original in experiment.originals() for kind in kinds]


def intermediates():
    """All that is made between the images and the tables.

    Targets of their own: a job that fails deletes its outputs, and a file that is only somebody's input
    is not missed while what was made from it, by then outdated, is still there.
    """
    return [
        *(
            run.path(kind)
            for run in experiment.runs()
            for kind in ("training_set", "probes", "truth")
        ),
        *original_files("original", "predictions", "selection", "measures"),
        *(path for run in experiment.runs() for path in bounds_of(run)),
        *(path for original in experiment.originals() for path in jobs_results(original)),
    ]


def jobs_results(original):
    """One result of every unlearning job, whose results come and go together, and all deletion sets."""
    first = {
        method: [
            name
            for group in experiment.groups()
            if group.method == method
            for name in (group.candidates if group.one_per_job else group.candidates[:1])
        ]
        for method in experiment.methods
    }
    for cell in experiment.grown(original):
        yield cell.path("deletion_set")
    for block in experiment.blocks(original.maker):
        for cell in block.cells(original):
            for place, names in places_of(block, cell):
                yield place.path("deletion_set")
                own = [name for name in names if name in first[block.method]]
                yield from candidate_paths(place, own)


def saved_models():
    """Weights of the selected models, if they are to be kept."""
    if not experiment.save_models:
        return []
    return [
        cell.path("model")
        for original in experiment.originals()
        for block in experiment.blocks(original.maker)
        for cell in block.cells(original)
    ]


def judged_originals(wildcards):
    """Every original model's measures, and with them all predictions; refused where no fold was left out."""
    try:
        experiment.calibrate_job(TABLES, "results/figures")
    except ConfigError as error:
        refuse(error)
    return original_files("measures")


def figure_files(*endings):
    """The figures in the given formats."""
    return expand("results/figures/{figure}.{ending}", figure=experiment.figures(), ending=endings)


def figure_caption(figure):
    """The file that says how to read a figure: an overview of its kind, or curves of a measure.

    These have one for this manipulation or, where there is none, for any.
    """
    if len(figure) > 2:
        return f"../report/{figure[0]}.rst"
    manipulation, measure = figure
    own = f"{manipulation}_{measure}.rst"
    known = (ROOT / "workflow" / "report" / own).is_file()
    return f"../report/{own if known else f'{measure}.rst'}"


def page_parts(*names):
    """Fingerprint of a page's templates, style sheet and script."""
    folder = ROOT / "workflow" / "report"
    parts = sorted(path for name in names for path in folder.glob(name))
    return sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:16]


def sheets(kind, *endings):
    """A picture sheet of this kind for each dataset and manipulation, in the given formats."""
    return [
        f"results/figures/{kind}/{shown.dataset}/{shown.manipulation}.{ending}"
        for shown in experiment.examples()
        for ending in endings
    ]


def example_files(*endings):
    """The sheets of manipulated images."""
    return sheets("examples", *endings)


def suspect_files(*endings):
    """The sheets of what rankings have first; none without expansions."""
    return sheets("suspects", *endings) if experiment.expansions else []


def collected():
    """The tables that collect writes; summarise adds one."""
    bounds = ["bounds"] if experiment.bounds else []
    rankings = ["rankings", "ranking_curves"] if experiment.expansions else []
    return ["candidates", "selected", "rules", *bounds, *rankings, "times", "provenance"]


def table_files():
    """Every table."""
    return [f"{TABLES}/{name}.csv" for name in [*collected(), "summary"]]


def tables_if_made(*names):
    """By name those of these tables that the config asks for."""
    made = {Path(path).stem: path for path in table_files()}
    return {name: made[name] for name in names if name in made}


def options_of(input, *names):
    """Those of these inputs that a job has, as options."""
    return " ".join(
        f"--{name} {shlex.quote(input[name])}" for name in names if name in input.keys()
    )


onstart:
    gc.enable()
    for warning in experiment.warnings() if workflow.is_main_process else []:
        print(f"warning: {warning}", file=sys.stderr)
    tell_of_failures()  # in the log file as well, which is opened only now
    if workflow.is_main_process:
        mark_corrections() if experiment.cases else mark_as_outdated()
        # A candidate that fails says nothing of the others, and there is a page of them.
        workflow.scheduler.keepgoing |= bool(experiment.cases)
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
