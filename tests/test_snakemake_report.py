"""Snakemake's own report: one HTML file with every figure, sheet and table, each with its caption."""

import html
import json
import re

import pytest
from project import ROOT, TINY, Project
from test_pipeline import FIGURES

from redress.plan.experiment import FIGURES as SHOWN

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("snakemake_report")]


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory):
    """The HTML, made where the network cannot be reached."""
    project = finished.duplicate(tmp_path_factory.mktemp("report") / "project")
    nowhere = {f"{kind}_proxy": "http://127.0.0.1:9" for kind in ("http", "https")}
    project.run("env", *(f"{k}={v}" for k, v in nowhere.items()), "snakemake", "--report", "report.html")
    return (project.folder / "report.html").read_text()


def embedded(report, name):
    """A JSON value that the report's program assigns to `name`."""
    start = re.search(rf'<script id="{name}">\s*var {name} = ', report).end()
    return json.JSONDecoder().raw_decode(report, start)[0]


def words(text):
    """Text without markup and line breaks."""
    return re.sub(r"\W+", " ", html.unescape(re.sub(r"<[^>]*>", " ", text))).strip()


def caption(name):
    """What a caption file says, without markup."""
    return words((ROOT / f"workflow/report/{name}.rst").read_text())


def test_every_figure_is_in_the_report_with_its_own_caption(report):
    results = embedded(report, "results")
    for name in FIGURES:
        result = results[f"results/figures/{name}.png"]
        assert result["data_uri"].startswith("data:image/png;")
        assert words(result["caption"]) == caption("_".join(SHOWN[name]))
    assert len({results[f"results/figures/{name}.png"]["caption"] for name in FIGURES}) == len(FIGURES)


def test_every_sheet_of_examples_is_in_the_report(report):
    results = embedded(report, "results")
    for manipulation in TINY["datasets"]["digits"]["manipulations"]:
        result = results[f"results/figures/examples/digits/{manipulation}.png"]
        assert f"<em>{manipulation}</em>" in result["caption"]
        assert result["labels"] == {"dataset": "digits", "manipulation": manipulation}


def test_every_table_is_in_the_report_with_its_own_caption(report, finished):
    results = embedded(report, "results")
    for table in (finished.folder / "results/tables").glob("*.csv"):
        assert words(results[f"results/tables/{table.name}"]["caption"]) == caption(table.stem)


def test_results_are_in_categories_and_figures_by_manipulation(report, finished):
    categories = embedded(report, "categories")
    assert set(categories) == {"Figures", "Examples", "Tables", "Page"}
    for manipulation in ("poison", "interclass"):
        drawn = [f"results/figures/{name}.png" for name in FIGURES if SHOWN[name][0] == manipulation]
        assert categories["Figures"][manipulation] == drawn
    filed = [path for inner in categories.values() for paths in inner.values() for path in paths]
    assert sorted(filed) == sorted(embedded(report, "results"))


def test_the_report_introduces_itself_and_needs_nothing_from_elsewhere(report):
    assert "Corrective machine unlearning" in report
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=[\"']https?:", report)


def test_another_manipulation_has_the_general_captions(tmp_path):
    project = Project.copy(tmp_path)
    config = {**TINY, "methods": {"cf": {"grid": {"steps": 2}}}, "deletion_fractions": [1.0]}
    another = {"use": "poison", "n": [20], "patch_size": 2}
    digits = {**TINY["datasets"]["digits"], "manipulations": {"another": another}}
    project.configure({**config, "datasets": {"digits": digits}})
    project.snakemake()
    project.snakemake("--report", "report.html")
    results = embedded((project.folder / "report.html").read_text(), "results")
    for kind, column in {
        "removal": "removal_test",
        "utility": "utility_test",
        "manipulated": "removal_train",
    }.items():
        assert words(results[f"results/figures/another_{kind}.png"]["caption"]) == caption(column)
