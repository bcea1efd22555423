"""The real snakemake, from images to figures, on a small configuration."""

import copy
import re
import shutil

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from project import COLUMNS, FINAL, MEASURED_AGAIN, TINY, Project

from redress.formats import files
from redress.formats.identity import Identity

TIMINGS = ["unlearn_seconds", "preparation_seconds", "peak_memory_mb"]
FIGURES = [
    "figure2_poison_removal",
    "figure3_poison_utility",
    "figure4_interclass_removal",
    "figure5_interclass_manipulated",
    "figure6_poison_manipulated",
    "figure7_interclass_utility",
]
RULES = ["constraint", "equal_weight", "healed_known", "validation_accuracy", "oracle"]
METHODS = list(TINY["methods"])
CANDIDATES = {"eu": 1, "cf": 1, "ssd": 4, "badt": 1, "scrub": 2}
UNLEARNING = {f"unlearn_{method}": 4 for method in METHODS}
CELL = Identity("digits", "poison", 20, 0, "standard", "uniform", "0.5", "none", "ssd")


def table(project, name):
    return pd.read_csv(project.folder / f"results/tables/{name}.csv")


# What comes out


def test_candidates_table_has_a_row_per_candidate_and_original(finished):
    rows = table(finished, "candidates")
    assert list(rows.columns) == COLUMNS
    counts = rows.groupby(["manipulation", "method"]).size()
    for manipulation in ("poison", "interclass"):
        assert counts[manipulation, "original"] == 1
        for method, candidates in CANDIDATES.items():
            assert counts[manipulation, method] == 2 * candidates


def test_undefined_values_are_empty_and_defined_ones_are_fractions(finished):
    rows = table(finished, "candidates")
    fractions = rows.loc[:, "validation_accuracy":"attack_success_rate"]
    assert ((fractions >= 0) & (fractions <= 1) | fractions.isna()).all(axis=None)
    unlearned = rows[rows["method"] != "original"]
    assert unlearned.loc[unlearned["manipulation"] == "interclass", "attack_success_rate"].isna().all()
    assert unlearned.loc[unlearned["manipulation"] == "poison", "attack_success_rate"].notna().all()
    everything = unlearned["deletion_fraction"] == 1
    assert unlearned.loc[everything, "removal_train_undiscovered"].isna().all()
    assert unlearned.loc[~everything, "removal_train_undiscovered"].notna().all()
    assert (unlearned["deletion_size"] == unlearned["deletion_fraction"] * 20).all()


def test_shared_importances_are_counted_in_full_and_shown_apart(finished):
    rows = table(finished, "candidates").query("method != 'original'")
    ssd = rows["method"] == "ssd"
    assert (rows.loc[ssd, "preparation_seconds"] > 0).all()
    assert (rows.loc[~ssd, "preparation_seconds"] == 0).all()
    assert (rows["unlearn_seconds"] > rows["preparation_seconds"]).all()


def test_selected_rows_are_the_best_candidates_by_an_independent_count(finished):
    candidates = table(finished, "candidates").query("method != 'original'")
    cell = ["manipulation", "method", "deletion_fraction"]
    score = (candidates["validation_accuracy"] + candidates["deletion_change"]) / 2
    best = score.groupby([candidates[key] for key in cell]).max()
    selected = table(finished, "selected").set_index(cell)
    assert len(selected) == 2 * 2 * len(METHODS)
    np.testing.assert_allclose(selected["score"].sort_index(), best.sort_index())
    oracle = candidates.groupby(cell)["removal_test"].max()
    np.testing.assert_allclose(selected["oracle_removal_test"].sort_index(), oracle.sort_index())


def test_the_rule_that_selects_is_among_all_rules(finished):
    rules, selected = table(finished, "rules"), table(finished, "selected")
    own = rules.query("rule == 'equal_weight'").reset_index(drop=True)
    shared = [column for column in own.columns if column in selected.columns]
    assert {"hyperparameters", "validation_accuracy", "utility_test", "attack"} < set(shared)
    pd.testing.assert_frame_equal(own[shared], selected[shared])
    assert rules["rule"].value_counts().to_dict() == dict.fromkeys(RULES, len(selected))
    assert (rules["regret"].dropna() >= 0).all()


def test_the_other_tables_have_every_method(finished):
    assert list(table(finished, "times")["method"]) == METHODS
    assert set(table(finished, "summary")["method"]) == {"original", *METHODS}
    assert table(finished, "provenance")["models"].max() == 2 * (1 + 2 * sum(CANDIDATES.values()))


def test_figures_exist_and_show_every_method(finished):
    folder = finished.folder / "results/figures"
    for name in FIGURES:
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
        pixels = np.asarray(Image.open(folder / f"{name}.png").convert("RGB"), dtype=int)
        assert pixels.shape[0] > 400
        for block in TINY["methods"].values():
            colour = np.array(matplotlib.colors.to_rgb(block["style"]["color"])) * 255
            assert (np.abs(pixels - colour).max(axis=2) < 6).sum() > 50, (
                f"{block} is not to be seen in {name}"
            )


def test_results_say_what_made_them(finished):
    candidate = CELL.having(candidate="alpha=10,gamma_over_alpha=1")
    _, about = files.load_arrays(finished.folder / candidate.path("candidate"), candidate)
    made_by = about["provenance"]
    assert about["identity"]["seed"] == 0
    assert made_by["versions"]["torch"].startswith("2.")
    assert len(made_by["config"]) == 64
    assert made_by["settings"]["recipe"]["steps"] == 12
    assert len(made_by["sources"]) == 16


def test_every_job_leaves_a_log_and_training_logs_its_progress(finished):
    logs = finished.folder / "results/logs/digits/poison/n20/seed0/standard"
    assert "step 12/12, loss" in (logs / "train.log").read_text()
    assert "samples/s" in (logs / "unlearn/eu/uniform/0.5/default.log").read_text()
    for name in ("selection", "measure"):
        assert len((logs / f"{name}.log").read_text().splitlines()) == 1
    assert len((finished.folder / "results/logs/plot.log").read_text().splitlines()) == len(FIGURES)


def test_the_snakefile_of_the_catalog_plans_what_the_roots_does(tmp_path):
    project = Project.copy(tmp_path)
    project.configure(TINY)
    planned = project.planned()
    assert planned["train"] == 2
    assert project.planned("--snakefile", "workflow/Snakefile") == planned


# What runs again


def append(project, file, text):
    path = project.folder / "workflow/scripts/redress" / file
    path.write_text(path.read_text() + text)


def edit(file):
    """A change of what the code in a file means."""
    return lambda project, config: append(project, file, "\n_changed = 1\n")


def comment(project, config):
    """Another comment and other docstrings in code of every kind."""
    for file in project.folder.glob("workflow/scripts/**/*.py"):
        file.write_text(file.read_text().replace('"""', '"""Now: ', 1) + "\n# A remark.\n")


def put(value, *path):
    """A change of a value in config."""

    def change(project, config):
        *above, last = path
        block = config
        for key in above:
            block = block[key]
        block[last] = value

    return change


def grid(method, **values):
    return lambda project, config: config["methods"][method]["grid"].update(values)


def touch(project, config):
    for path in project.folder.glob("workflow/**/*.*"):
        path.touch()


def one_candidate_a_job(project, config):
    for block in config["methods"].values():
        block["candidates_per_job"] = 1


RECIPE = ("datasets", "digits", "recipe")
TRAINED = {"train": 2, "importance": 6, **UNLEARNING, **MEASURED_AGAIN}
OF_A_SHARE = {"discover": 2, "importance": 2, **dict.fromkeys(UNLEARNING, 2), **MEASURED_AGAIN}
OF_A_SEED = {"manipulate": 2, "discover": 4, "train": 2, "importance": 6, **UNLEARNING, **MEASURED_AGAIN}

# What is changed, and the jobs that it runs.
CHANGES = {
    "nothing": (lambda project, config: None, {}),
    "a method": (edit("plugins/methods/ssd.py"), {"unlearn_ssd": 4, **MEASURED_AGAIN}),
    "an importance": (
        edit("plugins/importances/fisher_batch.py"),
        {"importance": 6, "unlearn_ssd": 4, **MEASURED_AGAIN},
    ),
    "the figures": (edit("report/figures.py"), {"plot": 1, "page": 1}),
    "a measure": (edit("plugins/measures/referee.py"), {"measure": 2, **FINAL}),
    "a discovery": (
        edit("plugins/discoveries/uniform.py"),
        {"discover": 4, "importance": 4, **UNLEARNING, **MEASURED_AGAIN},
    ),
    "the training": (edit("developer/training.py"), TRAINED),
    "a value of recipe": (put(0.02, *RECIPE, "learning_rate"), TRAINED),
    "threads": (put(2, "threads"), TRAINED),
    "the device": (put("cpu", "device"), TRAINED),
    # Two candidates a job: 1 joins 0.1 and their job runs, 10 moves to another job and stays as it is.
    "a new value in a grid": (grid("scrub", alpha=[0.1, 1, 10]), {"unlearn_scrub_1": 4, **MEASURED_AGAIN}),
    "a value less": (grid("ssd", alpha=[10]), MEASURED_AGAIN),
    "the order of values": (grid("ssd", alpha=[10, 0.1]), MEASURED_AGAIN),  # which decides ties
    "candidates_per_job": (one_candidate_a_job, {}),
    "a new deletion fraction": (put([0.5, 0.8, 1.0], "deletion_fractions"), OF_A_SHARE),
    "a new seed": (put([0, 1], "seeds"), OF_A_SEED),
    "comments and docstrings": (comment, {}),
    "time stamps": (touch, {}),
    "weights of selection": (put({"validation_accuracy": 1}, "selection"), MEASURED_AGAIN),
}
RUN_FOR_REAL = ["a method", "an importance", "the figures", "a measure", "the order of values"]
RUN_FOR_REAL += ["a new value in a grid", "a value less", "a new deletion fraction", "a new seed"]


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_plans_what_depends_on_it(changed, what):
    project, config = changed
    change, expected = CHANGES[what]
    change(project, config)
    project.configure(config)
    assert project.planned() == expected


def results(project):
    """Time stamps of all that jobs have written, but logs."""
    folder = project.folder / "results"
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    kept = (path for path in paths if path.parts[0] != "logs" and ".seals" not in path.parts)
    return {path: (folder / path).stat().st_mtime_ns for path in kept}


def rule_of(path):
    """The rule that writes a file of results."""
    first, *inner = path.parts
    if first == "runs":
        stage = inner[5] if inner[4] == "standard" else inner[4]
        written = {
            "original": "train",
            "predictions": "train",
            "training_log": "train",
            "measures": "measure",
        }
        written |= {"training_set": "manipulate", "probes": "manipulate", "deletion_sets": "discover"}
        stage = stage.split(".")[0]
        return f"unlearn_{inner[6]}" if stage == "unlearn" else written.get(stage, stage)
    own = {"summary.csv": "summarise", "examples": "examples"}
    finals = {"tables": "collect", "figures": "plot", "report.html": "page", "truth": "manipulate"}
    return own.get(inner[0] if inner else "", finals[first])


@pytest.mark.slow
@pytest.mark.parametrize("what", RUN_FOR_REAL)
def test_the_run_does_what_is_planned_and_nothing_is_left_to_do(changed, what):
    project, config = changed
    change, expected = CHANGES[what]
    change(project, config)
    project.configure(config)
    before = results(project)
    project.snakemake()
    written = {rule_of(path) for path, time in results(project).items() if time != before.get(path)}
    assert written == {re.sub(r"_\d+$", "", rule) for rule in expected}
    assert project.planned() == {}


def test_two_hyperparameters_that_swap_values_are_another_candidate(changed):
    project, config = changed
    config["methods"]["scrub"]["grid"] = {"alpha": 10, "steps": 2, "ascent_steps": 4}
    project.configure(config)
    assert project.planned() == {"unlearn_scrub": 4, **MEASURED_AGAIN}
    config["methods"]["scrub"]["grid"] = {"alpha": 10, "steps": 4, "ascent_steps": 2}
    project.configure(config)
    assert project.planned() == MEASURED_AGAIN  # the first config had this one


def test_a_copy_with_its_records_has_nothing_to_do(finished, tmp_path):
    clone = Project.copy(tmp_path / "clone")
    clone.configure(TINY)
    for part in ("results", ".snakemake"):
        shutil.copytree(finished.folder / part, clone.folder / part, dirs_exist_ok=True)
    assert clone.planned() == {}


def test_one_candidate_a_job_plans_a_job_per_hyperparameter(changed):
    project, config = changed
    one_candidate_a_job(project, config)
    config["seeds"] = [7]
    project.configure(config)
    planned = project.planned()
    assert {method: planned[f"unlearn_{method}"] for method in METHODS} == {
        method: 2 * 2 * candidates for method, candidates in CANDIDATES.items()
    }


@pytest.mark.slow
def test_numbers_do_not_depend_on_grouping_or_cores(finished, tmp_path):
    config = copy.deepcopy(TINY)
    one_candidate_a_job(None, config)
    project = Project.copy(tmp_path / "project")
    project.configure(config)
    project.snakemake(cores=1)
    for name in ("candidates", "selected"):
        here, there = (table(p, name).drop(columns=TIMINGS) for p in (project, finished))
        pd.testing.assert_frame_equal(here, there, check_exact=True)


@pytest.mark.slow
def test_selected_models_can_be_kept_and_predict_what_was_recorded(changed):
    project, config = changed
    config["save_models"] = "selected"
    project.configure(config)
    assert project.planned() == {f"save_model_{method}": 4 for method in METHODS}
    project.snakemake(CELL.path("model"))
    weights, about = files.load_arrays(project.folder / CELL.path("model"), CELL)
    selection = files.read_json(project.folder / CELL.path("selection"), CELL.original)["selections"]
    (selected,) = (one["selected"] for one in selection if one["cell"] == CELL.names)
    candidate = CELL.having(candidate=selected)
    _, recorded = files.load_arrays(project.folder / candidate.path("candidate"), candidate)
    assert about["hyperparameters"] == recorded["hyperparameters"]
    assert about["made_from"] == recorded["seal"]
    assert sum(array.size for array in weights.values()) > 9000


# After failures


MISSING = ["dataset", "manipulation", "n", "seed", "maker", "method", "discovery", "share"]


@pytest.mark.slow
def test_what_is_done_is_shown_beside_what_is_missing(changed):
    project, _ = changed
    cf = project.folder / "workflow/scripts/redress/plugins/methods/cf.py"
    working = cf.read_text()
    cf.write_text(f"{working}\n\ndef unlearn(task, *, steps: int):\n    raise ValueError('not today')\n")
    done = project.run("snakemake", "--cores", "2", "--keep-going")
    assert done.returncode != 0
    logs = "results/logs/digits/{}/n20/seed0/standard/unlearn/cf/uniform/{}/steps=4.log"
    for log in (logs.format(name, share) for name in ("poison", "interclass") for share in (0.5, 1.0)):
        shown = done.stderr.split(f"Logfile {log}:")[1]
        assert 'methods/cf.py", line' in shown
        assert "ValueError: not today\n=====" in shown
    assert "4 results are missing: results/incomplete/missing.csv" in done.stderr
    incomplete = project.folder / "results/incomplete"
    missing = pd.read_csv(incomplete / "missing.csv")
    assert list(missing.columns) == MISSING
    assert (missing["method"] == "cf").all()
    assert sorted(zip(missing["manipulation"], missing["share"], strict=True)) == [
        ("interclass", 0.5),
        ("interclass", 1.0),
        ("poison", 0.5),
        ("poison", 1.0),
    ]
    assert set(pd.read_csv(incomplete / "selected.csv")["method"]) == set(METHODS) - {"cf"}
    assert all((incomplete / f"{name}.png").exists() for name in FIGURES)
    assert "4 results are missing" in (incomplete / "report.html").read_text()
    # Those of the run before stay, and say so.
    assert "of an earlier run" in (project.folder / "results/OUTDATED.txt").read_text()
    assert "of an earlier run" in (project.folder / "results/report.html").read_text()
    assert set(table(project, "selected")["method"]) == set(METHODS)
    # What the failed jobs had deleted is made again, and nothing else.
    cf.write_text(f"{working}\n_mended = 1\n")
    assert project.planned() == {"unlearn_cf": 4, **MEASURED_AGAIN}
    project.snakemake()
    assert not incomplete.exists()
    assert not (project.folder / "results/OUTDATED.txt").exists()
    assert "of an earlier run" not in (project.folder / "results/report.html").read_text()


@pytest.mark.slow
def test_a_damaged_record_takes_no_other_results_off_the_page(changed):
    project, config = changed
    damaged = project.folder / CELL.having(candidate="alpha=10,gamma_over_alpha=1").path("candidate")
    content = damaged.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])
    grid("scrub", alpha=[10])(project, config)
    project.configure(config)
    done = project.run("snakemake", "--cores", "2", "--keep-going")
    assert done.returncode != 0
    assert "1 result is missing: results/incomplete/missing.csv" in done.stderr
    incomplete = project.folder / "results/incomplete"
    assert pd.read_csv(incomplete / "missing.csv").to_dict("records") == [
        {
            "dataset": "digits",
            "manipulation": "poison",
            "n": 20,
            "seed": 0,
            "maker": "standard",
            "method": "original",
            "discovery": pytest.approx(np.nan, nan_ok=True),
            "share": pytest.approx(np.nan, nan_ok=True),
        }
    ]
    assert set(pd.read_csv(incomplete / "selected.csv")["manipulation"]) == {"interclass"}
    assert "1 result is missing" in (incomplete / "report.html").read_text()
