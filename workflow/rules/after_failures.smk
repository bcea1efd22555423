"""When all is over: what came of it, and after jobs failed tables, figures and the page of what is done."""

import atexit
import csv
import json
import logging
import shutil
import subprocess
import textwrap
from dataclasses import replace
from datetime import UTC, datetime

from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake.logging import DefaultFilter, logger
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from redress.formats import products

INCOMPLETE = "results/incomplete"
OUTDATED = "results/OUTDATED.txt"
MARK = '<p class="outdated" role="status">'
SHOWN = 10
PLOTTED = ("bounds", "rankings", "ranking_curves")
WIDEST = 400
"""Characters of a check on the terminal."""
INTERRUPTED = (
    "Terminating processes on user request",
    "Will exit after finishing currently running jobs",
)
"""How Snakemake's messages after an interrupt and after SIGTERM begin."""
LACKING = ["dataset", "manipulation", "n", "seed", "maker", "method", "discovery", "share"]


def tell_of_failures():
    """Let a failed job and its log be shown, and commands that --printshellcmds asks for.

    `quiet: rules`, as in profiles/default, would hide them with what is said of every job.
    """
    for handler in logger.handlers:
        for usual in [one for one in handler.filters if isinstance(one, DefaultFilter)]:
            if Quietness.ALL in usual.quiet:
                continue
            told = {LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR}
            told |= {LogEvent.SHELLCMD} if usual.printshellcmds else set()
            handler.removeFilter(usual)
            handler.addFilter(
                lambda record, usual=usual, told=told: (
                    getattr(record, "event", None) in told or usual.filter(record)
                )
            )


def collect_what_there_is():
    """Make them in a folder of their own.

    Those of the run before stay, marked as such since this one began.
    """
    unfinished = [job for job in workflow.dag.needrun_jobs() if not job.is_group()]
    if "collect" not in [job.rule.name for job in unfinished]:
        return
    shutil.rmtree(INCOMPLETE, ignore_errors=True)
    outdated = {str(path) for job in unfinished for path in job.output}

    def there(identity, *kinds):
        paths = [identity.path(kind) for kind in kinds]
        return all(path not in outdated and Path(path).exists() for path in paths)

    missing = []
    for original in experiment.originals():
        blocks, lacking = finished_blocks(original, there)
        bounds = [original.run.having(bound=bound) for bound in experiment.bounds]
        done = [one for one in bounds if there(one, "bound")]
        lacking += [one for one in bounds if one not in done]
        grown = [one for one in experiment.grown(original) if there(one, "deletion_set")]
        lacking += [one for one in experiment.grown(original) if one not in grown]
        if not there(original, "training_set", "probes", "truth", "predictions") or not measured(
            original, blocks, done, grown
        ):
            lacking = [original]
        missing += lacking
    missing = [*dict.fromkeys(missing)]  # makers share bounds
    if not missing:  # it is the last stages that failed
        return
    try:
        write_missing(missing)
        make_tables_and_page()
    except (OSError, subprocess.CalledProcessError):
        told = "no tables could be made of what is finished"
    else:
        told = f"{INCOMPLETE}/missing.csv lists them, and {INCOMPLETE}/report.html shows the rest"
    number = f"{len(missing)} result{' is' if len(missing) == 1 else 's are'} missing"
    if Path(OUTDATED).exists():
        told += f"; tables, figures and page in results/ are of an earlier run ({OUTDATED})"
    print(f"{number}: {told}", file=sys.stderr)


def show_corrections():
    """Of each correction that is not finished, a page of what there is, in a folder of its own."""
    unfinished = [job for job in workflow.dag.needrun_jobs() if not job.is_group()]
    outdated = {str(path) for job in unfinished for path in job.output}
    failed = {
        str(path): last_line(job)
        for job in workflow.scheduler.failed
        for path in job.output
        if not job.is_group()
    }
    for case in experiment.cases:
        place, original = Identity(case), experiment.original(case)
        needed = [place.path(kind) for kind in ("case", "notes", "checks")]
        needed.append(original.path("predictions"))
        if place.path("verdict") not in outdated or not all(
            path not in outdated and os.path.exists(path) for path in needed
        ):
            continue
        missing = missing_of(case, outdated, failed)
        if not missing:  # it is the last stages that failed
            continue
        told = ["--unfinished", json.dumps(missing)]
        told += ["--undecided"] if place.path("shortlist") in outdated else []
        folder = f"{INCOMPLETE}/{case}"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            run_script(
                "judge", experiment.judge_job(case), "--folder", folder, "--command", COMMAND, *told
            )
        except (OSError, subprocess.CalledProcessError):
            print(f"{case}: no page could be made of what is finished", file=sys.stderr)
        else:
            print(
                f"{case}: {folder}/report.html shows what is finished, and what failed",
                file=sys.stderr,
            )


def remove_stale_checks():
    """What was looked at before an earlier run, where it was to be looked at again and was not."""
    for job in workflow.dag.needrun_jobs():
        for path in job.output if not job.is_group() and job.rule.name == "write_checks" else []:
            if os.path.exists(path):
                os.unlink(path)
                print(f"{path}: removed, for it is of an earlier run", file=sys.stderr)


def missing_of(case, outdated, failed):
    """Of a correction's candidates what is not there: method, candidate, discovery, and why."""
    decided = Identity(case).path("shortlist") not in outdated
    known = lambda method, name, part: part == KNOWN or decided
    wanted = dict.fromkeys(candidates_of(case, known))
    return [
        [cell.method, name, cell.discovery, failed.get(path, NOT_YET)]
        for block in experiment.blocks_of(case)
        for cell in block.cells(experiment.original(case))
        for name in block.candidates
        if (path := cell.having(candidate=name).path("candidate")) in wanted
        and (path in outdated or not os.path.exists(path))
    ]


def last_line(job):
    """How the log of a failed job ends."""
    ends = list(ends_of_logs(job))
    return "failed: {} ({})".format(*ends[0]) if ends else "failed, and left no log"


def ends_of_logs(job):
    """The last line of each log that a job has left, and the log."""
    for path in job.log:
        lines = Path(path).read_text(errors="replace").split("\n") if os.path.exists(path) else []
        lines = [line for line in lines if line.strip()]
        if lines:
            yield lines[-1].removeprefix("error: ").strip(), path


def tell_why_at_the_end():
    """Say last of all, after Snakemake's own report, what failed jobs said: each line once, with its logs."""
    logs = {}
    for job in workflow.scheduler.failed:
        for one in job.jobs if job.is_group() else [job]:
            for line, path in ends_of_logs(one):
                logs.setdefault(line, []).append(str(path))
    lines = [
        f"error: {line}\n  log: {', '.join(sorted(paths)[:SHOWN])}"
        + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")
        for line, paths in sorted(logs.items(), key=lambda one: min(one[1]))
    ]
    if lines[SHOWN:]:
        lines[SHOWN:] = [f"and {len(lines) - SHOWN} other errors"]
    if lines:
        atexit.register(print, "\n".join(lines), file=sys.stderr, flush=True)


def finished_blocks(original, there):
    """What has been run on an original model to its end, and the deletion sets where something lacks."""
    blocks, lacking = [], []
    for block in experiment.blocks(original.maker):
        done = []
        for cell in block.cells(original):
            if all(
                there(place, "deletion_set")
                and all(there(place.having(candidate=name), "candidate") for name in names)
                for place, names in places_of(block, cell)
            ):
                done.append(cell.share)
            else:
                lacking.append(cell)
        if done:
            blocks.append(replace(block, shares=tuple(done)))
    return blocks, lacking


def measured(original, blocks, bounds, grown):
    """Select and measure what is finished of an original model; whether that went well."""
    selection, measures = (
        original.path(kind).replace("results/", f"{INCOMPLETE}/", 1)
        for kind in ("selection", "measures")
    )
    try:
        run_script("selection", experiment.selection_job(original, blocks), "--output", selection)
        told = experiment.measure_job(original, blocks, [one.bound for one in bounds], grown)
        run_script("measure", told, "--selection", selection, "--output", measures)
    except subprocess.CalledProcessError:
        return False
    return True


def write_missing(missing):
    """List what lacks."""
    with (
        products.sealed(f"{INCOMPLETE}/missing.csv") as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        rows = csv.DictWriter(file, LACKING, extrasaction="ignore")
        rows.writeheader()
        rows.writerows(
            {"method": identity.bound or identity.expansion or "original", **identity.names}
            for identity in missing
        )


def make_tables_and_page():
    """The last stages, told of the other folder."""
    shown = [path for path in example_files("png") if Path(path).exists()]
    ranked = [path for path in suspect_files("png") if Path(path).exists()]
    page = f"{INCOMPLETE}/report.html"
    run_script("collect", experiment.collect_job(INCOMPLETE), "--root", INCOMPLETE, "--partial")
    run_script("summarise", experiment.summarise_job(INCOMPLETE))
    run_script("plot", experiment.plot_job(INCOMPLETE, INCOMPLETE), *options_if_there(*PLOTTED))
    told = f"{experiment.page_job(INCOMPLETE, INCOMPLETE, page)} {experiment.page_also(COMMAND, shown, ranked)}"
    more = options_if_there("bounds", "rules", "rankings", "ranking_curves")
    run_script("page", told, "--missing", f"{INCOMPLETE}/missing.csv", *more)


def options_if_there(*names):
    """Those of these tables that were made of what is finished, as options."""
    made = {name: f"{INCOMPLETE}/{name}.csv" for name in names}
    return [
        word for name, path in made.items() if os.path.exists(path) for word in (f"--{name}", path)
    ]


def run_script(name, told, *more):
    """Run the script `name` with the command line `told`; raises CalledProcessError where it fails."""
    command = [sys.executable, SCRIPTS / f"{name}.py", *shlex.split(told), *more]
    subprocess.run(command, check=True, capture_output=True)


tell_of_failures()


def mark_corrections():
    """The same of pages of corrections."""
    planned = {
        str(path)
        for job in workflow.dag.needrun_jobs()
        if not job.is_group()
        for path in job.output
    }
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    for page in expand(BESIDE_VERDICT[:1], dataset=experiment.cases):
        if page in planned:
            mark(page, f"This page is of an earlier run; it is to be made again since {now}.")


def mark(page, text):
    """Put a line on top of a page, if it is what was made and has none."""
    if not products.is_intact(page):
        return
    content = Path(page).read_text(encoding="utf-8")
    if MARK not in content:
        with products.sealed(page) as temporary:
            marked = content.replace("<body>", f"<body>\n{MARK}{text}</p>", 1)
            temporary.write_text(marked, encoding="utf-8")


def mark_as_outdated():
    """Where tables and page are about to be made again: say that those which are there are of before.

    They stay until the new ones are there, whatever happens to this run.
    """
    if "page" not in {job.rule.name for job in workflow.dag.needrun_jobs() if not job.is_group()}:
        return
    if not any(map(os.path.exists, ["results/report.html", *table_files()])):
        return
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    text = (
        f"Tables, figures and page are of an earlier run. They are to be made again since {now}; when that "
        "has been done, this file is gone."
    )
    Path(OUTDATED).write_text(f"{text}\n")
    mark("results/report.html", f"{text.partition('; ')[0]}.")


def remove_what_is_of_before():
    """After everything was made: figures and tables of what is no longer in the config, and the mark."""
    Path(OUTDATED).unlink(missing_ok=True)
    drawn = {
        *figure_files("pdf", "png"),
        *example_files("pdf", "png"),
        *suspect_files("pdf", "png"),
    }
    others = products.remove_others("results/figures", drawn)
    others += products.remove_others(TABLES, {*table_files()})
    for path in others:
        print(f"{path}: removed, for it is not of this config", file=sys.stderr)


def tell_of_diverged():
    """Which original models diverged: nothing that follows from one says anything of a method."""
    path = Path(f"{TABLES}/candidates.csv")
    if not path.exists():
        return
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row.get("method") == "original" and not row.get("validation_accuracy"):
                who = f"{row['dataset']}, {row['manipulation']}, n {row['n_manipulated']}, seed {row['seed']}"
                print(
                    f"The original model of {who} ({row['maker']}) diverged: try a lower learning_rate",
                    file=sys.stderr,
                )


def tell_what_came_of_it():
    """Of the corrections that were asked for: what there is to look at before any work, or the verdicts."""
    asked = {job.rule.name for job in workflow.dag.targetjobs}
    for case in experiment.cases:
        if "check" in asked:
            tell_of_checks(case)
        if "correct" in asked:
            tell_of_verdict(case)


def tell_of_checks(case):
    """A line for each, and where they are in full."""
    path = Identity(case).path("checked")
    print(f"{case}:")
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        print(textwrap.shorten(line, WIDEST, placeholder=" ..."))
    print(path, flush=True)


def tell_of_verdict(case):
    """The sentence, and where the page is."""
    place = Identity(case)
    verdict = read_json(place.path("verdict"), place, "sentence")
    page, *_ = expand(BESIDE_VERDICT, dataset=case)
    print(f"{case}: {verdict['sentence']}\n{page}", flush=True)


class Interruption(logging.Handler):
    """Remembers that somebody ended the run, which Snakemake reports like a job that failed."""

    seen = False

    def emit(self, record):
        self.seen |= str(record.msg).startswith(INTERRUPTED)


interruption = Interruption()
if workflow.is_main_process:
    logger.addHandler(interruption)


def tell_of_interruption_at_the_end():
    """To be called before what else is told at the end: what is registered first is told last."""
    if interruption.seen:
        told = "interrupted: the same command goes on"
        atexit.register(print, told, file=sys.stderr, flush=True)


class NothingToBeDone(logging.Handler):
    """Where all is there, Snakemake says so and calls no `onsuccess`."""

    def emit(self, record):
        if record.msg == NOTHING_TO_BE_DONE_MSG and not workflow.dryrun:
            tell_what_came_of_it()


if workflow.is_main_process and experiment.cases:
    logger.addHandler(NothingToBeDone())


onsuccess:
    shutil.rmtree(INCOMPLETE, ignore_errors=True)
    if workflow.is_main_process and experiment.cases:
        tell_what_came_of_it()
    elif workflow.is_main_process:
        tell_of_diverged()
        if all(map(os.path.exists, [*table_files(), "results/report.html"])):
            remove_what_is_of_before()


onerror:
    if workflow.is_main_process:
        tell_of_interruption_at_the_end()
        tell_why_at_the_end()
    if workflow.is_main_process and experiment.cases:
        remove_stale_checks()
        show_corrections()
    elif workflow.is_main_process:
        collect_what_there_is()
