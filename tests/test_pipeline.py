"""The real snakemake, from images to figures, on a small configuration."""

import copy
import json
import re
import shutil

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from project import COLUMNS, FINAL, TINY, Project

pytestmark = pytest.mark.pipeline

TIMINGS = ["unlearn_seconds", "preparation_seconds", "peak_memory_mb"]
FIGURES = [
    "figure2_poison_removal",
    "figure3_poison_utility",
    "figure4_interclass_removal",
    "figure5_interclass_manipulated",
    "figure6_poison_manipulated",
    "figure7_interclass_utility",
]
METHODS = list(TINY["methods"])
CANDIDATES = {"eu": 1, "cf": 1, "ssd": 4, "badt": 1, "scrub": 2}


def table(project, name):
    return pd.read_csv(project.folder / f"results/tables/{name}.csv")


def edit(project, file):
    path = project.folder / "workflow/scripts" / file
    path.write_text(path.read_text() + "\n# changed\n")


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
    fractions = rows[COLUMNS[9:17]]
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


def test_times_table_has_every_method(finished):
    assert list(table(finished, "times")["method"]) == METHODS


@pytest.mark.parametrize("name", FIGURES)
def test_figures_exist_and_show_every_method(finished, name):
    folder = finished.folder / "results/figures"
    assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
    pixels = np.asarray(Image.open(folder / f"{name}.png").convert("RGB"), dtype=int)
    assert pixels.shape[0] > 400
    for block in TINY["methods"].values():
        colour = np.array(matplotlib.colors.to_rgb(block["style"]["color"])) * 255
        assert (np.abs(pixels - colour).max(axis=2) < 6).sum() > 50, f"{block} is not to be seen"


def test_results_say_what_made_them(finished):
    path = "results/runs/digits/poison/n20/seed0/unlearn/ssd/0.5/alpha=10,gamma_over_alpha=1.json"
    made_by = json.loads((finished.folder / path).read_text())["provenance"]
    assert made_by["seed"] == 0
    assert made_by["versions"]["torch"].startswith("2.")
    assert len(made_by["config_digest"]) == 64
    assert made_by["settings"]["recipe"]["steps"] == 12
    assert any(source.startswith("methods/ssd.py@") for source in made_by["sources"])
    assert any(source.startswith("manipulations/poison.py@") for source in made_by["sources"])


def test_every_job_leaves_a_log_and_training_logs_its_progress(finished):
    logs = finished.folder / "results/logs/digits/poison/n20/seed0"
    assert "step 12/12, loss" in (logs / "train.log").read_text()
    assert "samples/s" in (logs / "unlearn/eu/0.5/default.log").read_text()
    assert (logs / "selection/ssd/0.5.log").read_text()


def test_a_second_run_has_nothing_to_do(finished):
    assert finished.planned() == {}


def test_touched_files_are_no_reason_to_run(changed):
    project, _ = changed
    for path in [*project.folder.glob("workflow/**/*.*"), project.folder / "config.yaml"]:
        path.touch()
    assert project.planned() == {}


def results(project):
    """Time stamps of all that jobs have written, but logs."""
    folder = project.folder / "results"
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path: (folder / path).stat().st_mtime_ns for path in paths if path.parts[0] != "logs"}


def rule_of(path):
    """The rule that writes a file of results."""
    finals = {"tables": "collect", "figures": "plot", "report.html": "page"}
    if path.parts[0] in finals:
        own = {"summary.csv": "summarise", "examples": "examples"}
        return own.get(path.parts[1] if len(path.parts) > 1 else "", finals[path.parts[0]])
    of_original = {"original.safetensors": "train", "original.json": "evaluate"}
    stage = path.parts[5]
    return f"unlearn_{path.parts[6]}" if stage == "unlearn" else of_original.get(stage, stage)


def assert_runs(project, expected):
    """The dry run plans `expected`, the run does just that, and then there is nothing left to do."""
    assert project.planned() == expected
    before = results(project)
    project.snakemake()
    written = {rule_of(path) for path, time in results(project).items() if time != before.get(path)}
    assert written == {re.sub(r"_\d+$", "", rule) for rule in expected}
    assert project.planned() == {}


UNLEARNING = {"unlearn_eu": 4, "unlearn_cf": 4, "unlearn_ssd": 4, "unlearn_badt": 4, "unlearn_scrub": 4}


def test_editing_a_method_runs_its_jobs_and_what_follows(changed):
    project, _ = changed
    edit(project, "methods/ssd.py")
    assert_runs(project, {"unlearn_ssd": 4, "selection": 4, **FINAL})


def test_editing_a_shared_statistic_runs_it_and_its_method(changed):
    project, _ = changed
    edit(project, "importances/fisher_batch.py")
    assert_runs(project, {"importance": 6, "unlearn_ssd": 4, "selection": 4, **FINAL})


def test_editing_the_training_loop_runs_what_trains_or_computes_as_it_does(changed):
    project, _ = changed
    edit(project, "redress/training.py")
    everything = {"train": 2, "evaluate": 2, "importance": 6, **UNLEARNING, "selection": 20, **FINAL}
    assert_runs(project, everything)


def test_editing_the_figures_draws_them_again(changed):
    project, _ = changed
    edit(project, "redress/figures.py")
    assert_runs(project, {"plot": 1, "page": 1})


def test_a_new_value_runs_the_job_that_carries_it(changed):
    project, config = changed
    config["methods"]["scrub"]["grid"]["alpha"] = [0.1, 1, 10]
    project.configure(config)
    # Two candidates a job: 1 joins 0.1 and their job runs, 10 moves to another job and stays as it is.
    assert_runs(project, {"unlearn_scrub_1": 4, "selection": 4, **FINAL})


def test_two_hyperparameters_that_swap_values_are_another_candidate(changed):
    project, config = changed
    config["methods"]["scrub"]["grid"] = {"alpha": 4, "steps": 10, "ascent_steps": 2}
    project.configure(config)
    project.snakemake()
    config["methods"]["scrub"]["grid"] = {"alpha": 10, "steps": 4, "ascent_steps": 2}
    project.configure(config)
    assert project.planned() == {"selection": 4, **FINAL}  # the first config had this one
    config["methods"]["scrub"]["grid"] = {"alpha": 2, "steps": 4, "ascent_steps": 10}
    project.configure(config)
    assert project.planned() == {"unlearn_scrub": 4, "selection": 4, **FINAL}


def test_a_removed_value_computes_nothing(changed):
    project, config = changed
    config["methods"]["ssd"]["grid"]["alpha"] = [10]
    project.configure(config)
    assert_runs(project, {"selection": 4, **FINAL})


def test_another_number_of_candidates_per_job_computes_nothing(changed):
    project, config = changed
    config["methods"]["ssd"]["candidates_per_job"] = 1
    config["methods"]["scrub"]["candidates_per_job"] = 50
    project.configure(config)
    assert project.planned() == {}


def test_a_new_deletion_fraction_runs_only_its_jobs(changed):
    project, config = changed
    config["deletion_fractions"] = [0.5, 0.8, 1.0]
    project.configure(config)
    new = dict.fromkeys(UNLEARNING, 2)
    assert_runs(project, {"importance": 2, **new, "selection": 10, **FINAL})


def test_a_new_seed_runs_only_its_jobs(changed):
    project, config = changed
    config["seeds"] = [0, 1]
    project.configure(config)
    new = {"manipulate": 2, "train": 2, "evaluate": 2, "importance": 6, **UNLEARNING, "selection": 20}
    assert project.planned() == {**new, **FINAL}


def test_a_new_recipe_runs_all_that_depends_on_it(changed):
    project, config = changed
    config["datasets"]["digits"]["recipe"]["learning_rate"] = 0.02
    project.configure(config)
    dependent = {"train": 2, "evaluate": 2, "importance": 6, **UNLEARNING, "selection": 20}
    assert project.planned() == {**dependent, **FINAL}


def test_a_copy_with_its_records_has_nothing_to_do(finished, tmp_path):
    clone = Project.copy(tmp_path / "clone")
    clone.configure(TINY)
    for part in ("results", ".snakemake"):
        shutil.copytree(finished.folder / part, clone.folder / part, dirs_exist_ok=True)
    assert clone.planned() == {}


def test_one_candidate_a_job_plans_a_job_per_hyperparameter(changed, tmp_path):
    project, config = changed
    for block in config["methods"].values():
        block["candidates_per_job"] = 1
    config["seeds"] = [7]
    project.configure(config)
    planned = project.planned()
    assert {method: planned[f"unlearn_{method}"] for method in METHODS} == {
        method: 2 * 2 * candidates for method, candidates in CANDIDATES.items()
    }


def test_numbers_do_not_depend_on_grouping_or_cores(finished, tmp_path):
    config = copy.deepcopy(TINY)
    for block in config["methods"].values():
        block["candidates_per_job"] = 1
    project = Project.copy(tmp_path / "project")
    project.configure(config)
    project.snakemake(cores=1)
    for name in ("candidates", "selected"):
        here, there = (table(p, name).drop(columns=TIMINGS) for p in (project, finished))
        pd.testing.assert_frame_equal(here, there, check_exact=True)


def test_selected_models_can_be_kept_and_measure_what_was_recorded(changed):
    from redress import files

    project, config = changed
    config["save_models"] = "selected"
    project.configure(config)
    assert project.planned() == {"save_model": 20}
    model = "results/runs/digits/poison/n20/seed0/models/ssd/0.5.safetensors"
    project.snakemake(model)
    weights, about = files.load_arrays(project.folder / model)
    selection = project.folder / "results/runs/digits/poison/n20/seed0/selection/ssd/0.5.json"
    selected = files.read_json(selection)["selected"]
    assert about["hyperparameters"] == selected["hyperparameters"]
    assert about["removal_test"] == selected["removal_test"]
    assert about["made_from"] == files.sha256(selection)
    assert sum(array.size for array in weights.values()) > 9000


def test_what_a_failed_job_deleted_is_made_again(changed):
    project, _ = changed
    method = project.folder / "workflow/scripts/methods/eu.py"
    good = method.read_text()
    method.write_text(good + "\n\ndef unlearn(task):\n    raise RuntimeError('no way')\n")
    assert project.run("snakemake", "--cores", "1").returncode != 0
    method.write_text(good + "\n# mended\n")
    planned = project.planned()
    assert planned == {"unlearn_eu": 4, "selection": 4, **FINAL}


def test_a_failing_job_names_itself_and_its_log_holds_the_cause(changed):
    project, _ = changed
    method = project.folder / "workflow/scripts/methods/eu.py"
    method.write_text(
        method.read_text().replace("    return train(", "    raise ValueError('no way')\n\n    train(")
    )
    done = project.run("snakemake", "--cores", "1")
    assert done.returncode != 0
    assert "unlearn_eu" in done.stderr + done.stdout
    log = "results/logs/digits/poison/n20/seed0/unlearn/eu/0.5/default.log"
    logs = list((project.folder / "results/logs").glob("digits/*/n20/seed0/unlearn/eu/*/default.log"))
    assert log in {str(path.relative_to(project.folder)) for path in logs}
    assert any(path.read_text().strip().endswith("ValueError: no way") for path in logs)


def test_what_is_done_is_shown_beside_what_is_missing(changed):
    project, _ = changed
    cf = project.folder / "workflow/scripts/methods/cf.py"
    working = cf.read_text()
    cf.write_text(
        working.replace("    return train(", '    raise RuntimeError("not today")\n    return train(')
    )
    done = project.run("snakemake", "--cores", "2", "--keep-going")
    assert done.returncode != 0
    assert "4 results are missing: results/incomplete/missing.csv" in done.stderr
    incomplete = project.folder / "results/incomplete"
    missing = pd.read_csv(incomplete / "missing.csv")
    assert set(missing["method"]) == {"cf"}
    assert sorted(missing["deletion_fraction"]) == [0.5, 0.5, 1.0, 1.0]
    assert set(pd.read_csv(incomplete / "selected.csv")["method"]) == set(METHODS) - {"cf"}
    assert all((incomplete / f"{name}.png").exists() for name in FIGURES)
    assert "4 results are missing" in (incomplete / "report.html").read_text()
    assert not (project.folder / "results/report.html").exists()
    # Nobody shall take the outdated ones for results.
    assert not any((project.folder / "results/tables").iterdir())
    assert [path.name for path in (project.folder / "results/figures").iterdir()] == ["examples"]
    cf.write_text(working)
    project.snakemake()
    assert not incomplete.exists()
    assert set(table(project, "selected")["method"]) == set(METHODS)
