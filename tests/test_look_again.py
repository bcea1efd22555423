"""What Snakemake cannot see: changed products, lost records, work that a failed job had done."""

import shutil

import pytest

pytestmark = pytest.mark.slow

SSD = "results/{}/digits/poison/n20/seed0/standard/unlearn/ssd/uniform/0.5"


def printed(done):
    return done.stdout + done.stderr


def test_an_edited_table_stops_the_run_and_its_command_mends_it(changed):
    project, _ = changed
    table = project.folder / "results/tables/selected.csv"
    whole = table.read_text()
    table.write_text(whole.replace("eu,", "cf,", 1))
    done = project.run("snakemake", "--cores", "2")
    assert done.returncode == 1
    command = "snakemake --cores 1 results/tables/selected.csv"
    problem = "results/tables/selected.csv: was changed after it was made"
    assert f"{problem}; delete it and rebuild it with: {command}\n" in printed(done)
    assert "Traceback" not in printed(done)
    table.unlink()
    project.snakemake("results/tables/selected.csv", cores=1)
    assert table.read_text() == whole
    project.snakemake()


def test_a_damaged_page_or_figure_is_made_again(changed):
    project, _ = changed
    results = project.folder / "results"
    figure, page = results / "figures/figure2_poison_removal.png", results / "report.html"
    whole = figure.read_bytes()
    figure.write_bytes(whole[:-1])
    page.write_text("")
    assert project.planned() == {"plot": 1, "page": 1}
    done = project.snakemake()
    assert "figure2_poison_removal.png (and 1 more): was changed after it was made; it is made again" in (
        done.stderr
    )
    assert figure.read_bytes() == whole
    assert page.read_text().startswith("<!doctype html>")
    assert project.planned() == {}


def test_a_dropped_manipulation_takes_its_figures_along(changed):
    project, config = changed
    figures = project.folder / "results/figures"
    (figures / "mine.png").write_text("not made here")
    del config["datasets"]["digits"]["manipulations"]["interclass"]
    project.configure(config)
    done = project.snakemake()
    assert "figure4_interclass_removal.pdf: removed, for it is not of this config" in done.stderr
    left = {path.stem for path in figures.rglob("*.*") if ".seals" not in path.parts and path.is_file()}
    assert left == {
        "figure2_poison_removal",
        "figure3_poison_utility",
        "figure6_poison_manipulated",
        "poison",
        "mine",
    }


def test_without_records_nothing_is_made_again_but_what_was_made_otherwise(changed):
    project, config = changed
    shutil.rmtree(project.folder / ".snakemake")
    assert project.planned() == {}
    config["methods"]["cf"]["grid"]["steps"] = 5
    config["datasets"]["digits"]["recipe"]["steps"] = 13
    project.configure(config)
    planned = project.planned()
    assert {"train": 2, "unlearn_eu": 4, "unlearn_cf": 4, "unlearn_ssd": 4}.items() <= planned.items()
    assert "manipulate" not in planned


def test_candidates_of_a_failed_job_are_not_computed_again(changed):
    project, config = changed
    ssd = project.folder / "workflow/scripts/redress/plugins/methods/ssd.py"
    working = ssd.read_text()
    gamma = "    gamma = gamma_over_alpha * alpha\n"
    assert gamma in working
    traps = "alpha == 10 and __import__('os').path.exists('trap')"
    fails = f"    if {traps}:\n        raise ValueError('not today')\n"
    ssd.write_text(working.replace(gamma, fails + gamma))
    trap = project.folder / "trap"
    trap.touch()
    target = f"{SSD.format('runs')}/alpha=0.1,gamma_over_alpha=0.1.safetensors"
    done = project.run("snakemake", "--cores", "2", target)
    assert done.returncode == 1
    assert "ssd alpha=10,gamma_over_alpha=1 failed: not today" in printed(done)
    trap.unlink()
    project.snakemake(target)
    log = (project.folder / f"{SSD.format('logs')}/unlearn_ssd.log").read_text()
    assert log.count("was finished before") == 2
    assert log.count(" took ") == 2
    assert not (project.folder / SSD.format("runs") / ".finished").exists()
    project.configure(config)
