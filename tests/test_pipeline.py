"""The real snakemake, from images to figures, on a small configuration."""

import copy
import json

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from project import COLUMNS, TINY, Project

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


def test_editing_a_method_runs_its_jobs_and_what_follows(changed):
    project, _ = changed
    edit(project, "methods/ssd.py")
    assert project.planned() == {"unlearn_ssd": 4, "selection": 4, "collect": 1, "plot": 1}


def test_editing_a_shared_statistic_runs_it_and_its_method(changed):
    project, _ = changed
    edit(project, "importances/fisher_batch.py")
    expected = {"importance": 6, "unlearn_ssd": 4, "selection": 4, "collect": 1, "plot": 1}
    assert project.planned() == expected


def test_editing_the_figures_draws_them_again(changed):
    project, _ = changed
    edit(project, "redress/figures.py")
    assert project.planned() == {"plot": 1}


def test_a_new_value_runs_the_job_that_carries_it(changed):
    project, config = changed
    config["methods"]["scrub"]["grid"]["alpha"] = [0.1, 1, 10]
    project.configure(config)
    # Two candidates a job: 1 joins 0.1 and their job runs, 10 moves to another job and stays as it is.
    assert project.planned() == {"unlearn_scrub_1": 4, "selection": 4, "collect": 1, "plot": 1}


def test_a_removed_value_computes_nothing(changed):
    project, config = changed
    config["methods"]["ssd"]["grid"]["alpha"] = [10]
    project.configure(config)
    assert project.planned() == {"selection": 4, "collect": 1, "plot": 1}


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
    unlearning = {f"unlearn_{method}": 2 for method in METHODS}
    expected = {"importance": 2, **unlearning, "selection": 10, "collect": 1, "plot": 1}
    assert project.planned() == expected


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
    assert planned == {"unlearn_eu": 4, "selection": 4, "collect": 1, "plot": 1}


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
