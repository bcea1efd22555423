"""Figures of a whole dataset, bounds, failed attacks and rules of selection, read back from what is drawn."""

import dataclasses
import math
from argparse import Namespace

import numpy as np
import pandas as pd
import pytest
from made_up import fixed, results
from made_up_overviews import BOUNDS, DISCOVERIES, complete, marked, plausible, told
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image
from project import TINY, Project
from test_page import Tree, chart, section, shown, table, trace, words
from test_snakemake_report import caption, embedded
from test_snakemake_report import words as plain

import page as page_script
import plot
from redress.plan.overviews import by_regularity, overviews
from redress.referee.statistics import interval
from redress.report import page
from redress.report.attack import remark
from redress.report.figures import PAPER, draw
from redress.report.paper import paper
from redress.report.plane import maps

MANIPULATIONS = ("wanet", "interclass", "mine", "random_labels")  # not in the order of the figure
ORDERED = ["random_labels", "interclass", "wanet", "mine"]
SHARES = (0.1, 0.5, 1.0)
METHODS = {"eu": {}, "cf": {}, "ssd": {}}


@pytest.fixture(autouse=True)
def on_paper():
    with paper(**PAPER):
        yield


@pytest.fixture(autouse=True, scope="module")
def without_plotly():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "get_plotlyjs", lambda: "/* plotly */")
        yield


def wanet_failed(row):
    """In all seeds of wanet, and in the last two of interclass."""
    return row["manipulation"] == "wanet" or (row["manipulation"] == "interclass" and row["seed"] > 2)


@pytest.fixture(scope="module")
def run():
    made = results(
        methods=METHODS, manipulations=MANIPULATIONS, shares=SHARES, seeds=range(5), discoveries=("uniform",)
    )
    return complete(made, wanet_failed)


@pytest.fixture(scope="module")
def found():
    """Two manipulations, found in five ways."""
    made = results(
        methods=METHODS,
        manipulations=("poison", "interclass"),
        shares=SHARES,
        seeds=range(5),
        discoveries=tuple(DISCOVERIES),
        measure=plausible,
    )
    return complete(made)


def at(rows, **names):
    """The rows that have these values."""
    return rows[(rows[list(names)] == list(names.values())).all(axis=1)]


def drawn(run, name):
    one = run.shown.overviews[name]
    return plot.OVERVIEWS[one.kind](run.selected, run.originals, one, run.shown, run.bounds)


# What is drawn of which experiment


def test_overviews_are_drawn_where_an_experiment_allows_them():
    def names(manipulations, discoveries):
        return [name.removesuffix("_digits") for name in told(manipulations, discoveries)]

    assert names(("poison", "interclass"), ("uniform",)) == []
    assert names(MANIPULATIONS[:3], ("uniform",)) == ["plane"]
    assert names(("poison",), ("uniform", "clean_10")) == ["false_positives"]
    assert names(("poison",), ("clean_10", "clean_50")) == ["false_positives"]
    assert names(("poison",), ("uniform", "one_class")) == ["discovery"]
    assert names(("poison",), ("one_class", "by_margin")) == []


def test_blocks_of_any_name_are_ordered_by_the_files_behind_them():
    uses = {"a": "wanet", "b": "of_ones_own", "small": "poison", "c": "random_labels", "large": "poison"}
    assert by_regularity(uses) == ["c", "small", "large", "a", "b"]
    found = {"all": ("uniform", {}), "tenth": ("false_positives", {"rate": 0.1})}
    (_, plane), (_, rates) = overviews({"digits": uses}, found)
    assert plane[2]["discoveries"] == ["all"] and not plane[2]["by_regularity"]
    assert rates[2]["rates"] == {"all": 0.0, "tenth": 0.1}


# The plane


def numbers_of(panel):
    """The printed numbers by (row from the bottom, column)."""
    found = {}
    for text in panel.texts:
        if text.get_text().isdecimal():
            x, y = text.get_position()
            found[round(y), round(x)] = int(text.get_text())
    return found


def title_of(panel):
    lines = {text.get_text().split()[0]: text.get_text() for text in panel.texts}
    return panel.get_title(loc="left"), lines["mean"], lines["worst"]


def with_interval(what, values):
    low, high = interval(np.array(values))
    return f"{what} {np.mean(values):.1f} ({low:.1f} to {high:.1f})"


def test_every_cell_of_the_plane_is_the_mean_over_seeds_in_which_the_attack_took(run):
    figure = drawn(run, "plane_digits")
    panels = {panel.get_title(loc="left"): panel for panel in figure.axes if panel.images}
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "random_labels",
        "interclass\n(2 of 5 failed)",
        "wanet",
        "mine",
    ]
    for method in METHODS:
        panel = panels[method.upper()]
        printed, height = numbers_of(panel), np.asarray(panel.images[0].get_array())
        for line, manipulation in enumerate(ORDERED):
            for column, share in enumerate(SHARES):
                rows = at(run.selected, method=method, manipulation=manipulation, deletion_fraction=share)
                rows = rows[[not wanet_failed(row) for row in rows.to_dict("records")]]
                if manipulation == "wanet":
                    assert (line, column) not in printed and not len(rows)
                    continue
                assert len(rows) == (3 if manipulation == "interclass" else 5)
                expected = 100 * (rows["utility_test"] * rows["removal_train"]).mean()
                assert height[line, column] == pytest.approx(expected)
                assert printed[line, column] == round(expected)
        hatched = [patch for patch in panel.patches if isinstance(patch, Rectangle) and patch.get_hatch()]
        assert sorted(patch.get_xy() for patch in hatched) == [(-0.5, 1.5), (0.5, 1.5), (1.5, 1.5)]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["attack failed: nothing to repair"]


def test_titles_have_mean_and_worst_cell_and_methods_descend(run):
    figure = drawn(run, "plane_digits")
    panels = [panel for panel in figure.axes if panel.images]
    titles = [title_of(panel) for panel in panels]
    assert [name for name, *_ in titles[:2]] == ["None (original)", "trained without S_m"]
    means = [float(mean.split()[1]) for _, mean, _ in titles[2:]]
    assert means == sorted(means, reverse=True)
    for name, mean, worst in titles[2:]:
        rows = run.selected[run.selected["method"] == name.lower()]
        rows = rows[[not wanet_failed(row) for row in rows.to_dict("records")]]
        repair = (100 * rows["utility_test"] * rows["removal_train"]).groupby(rows["seed"])
        assert mean == with_interval("mean", repair.mean())
        assert worst == with_interval("worst", repair.min())


def test_references_are_one_column_for_all_shares(run):
    figure = drawn(run, "plane_digits")
    original, bound = figure.axes[0], figure.axes[1]
    for panel, of_manipulation in (
        (original, lambda name: at(run.originals, manipulation=name)),
        (bound, lambda name: at(run.bounds, bound="without_manipulated", manipulation=name)),
    ):
        assert np.asarray(panel.images[0].get_array()).shape == (4, 1)
        for line, manipulation in enumerate(ORDERED):
            rows = of_manipulation(manipulation)
            rows = rows[[not wanet_failed(row) for row in rows.to_dict("records")]]
            printed = [
                int(text.get_text())
                for text in panel.texts
                if text.get_text().isdecimal() and round(text.get_position()[1]) == line
            ]
            expected = (
                [round(100 * (rows["utility_test"] * rows["removal_train"]).mean())] if len(rows) else []
            )
            assert printed == expected


def test_where_nothing_failed_the_plane_says_what_the_leaderboard_says():
    made = complete(results(methods=METHODS, manipulations=MANIPULATIONS, shares=SHARES, seeds=range(5)))
    *_, found = maps(made.selected, made.originals, made.shown.overviews["plane_digits"], made.shown)
    overall = made.summary[made.summary["manipulation"].isna()].set_index(["measure", "method"])
    assert [one.reference for one in found] == [True, False, False, False]
    for one in found:
        name = "original" if one.reference else one.label.lower()
        for bounds, measure in ((one.mean, ""), (one.worst, "_worst")):
            row = overall.loc[f"utility_times_healed{measure}", name]
            assert bounds == pytest.approx(100 * row[["mean", "low", "high"]].to_numpy(dtype=float))


def test_few_seeds_have_no_interval_and_a_cell_without_a_result_a_cross():
    def nothing(method, settings, place):
        died = method == "cf" and place.get("deletion_fraction") == 0.5 and place["manipulation"] == "mine"
        return None if died else {**dict.fromkeys(names, 0.5), "utility_test": 0.8}

    names = fixed({"eu": 0.5})("eu", None, {})
    made = complete(
        results(methods=METHODS, manipulations=MANIPULATIONS, shares=SHARES, seeds=(0,), measure=nothing)
    )
    panels = {panel.get_title(loc="left"): panel for panel in drawn(made, "plane_digits").axes}
    assert title_of(panels["EU"]) == ("EU", "mean 40.0", "worst 40.0")
    assert title_of(panels["CF"]) == ("CF", "mean \N{EN DASH}", "worst \N{EN DASH}")
    crosses = [text for text in panels["CF"].texts if text.get_text() == "\N{MULTIPLICATION SIGN}"]
    assert [text.get_position() for text in crosses] == [(1, 3)]


def test_sizes_of_one_manipulation_have_rows_of_their_own():
    made = complete(results(methods=METHODS, manipulations=MANIPULATIONS, sizes=(200, 20), seeds=(0,)))
    names, *_ = maps(made.selected, made.originals, made.shown.overviews["plane_digits"], made.shown)
    assert list(names)[:2] == [("random_labels", 20), ("random_labels", 200)]
    assert names["random_labels", 20] == "random_labels, n = 20"


# False positives and biased discoveries


def line_of(panel, color):
    (line,) = (
        one
        for one in panel.get_lines()
        if to_hex(one.get_color()) == color.lower() and len(one.get_xdata()) > 2
    )
    return np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)


def test_repair_is_drawn_over_the_rate_of_clean_samples(found):
    figure = drawn(found, "false_positives_digits")
    panels = {panel.get_title(): panel for panel in figure.axes}
    assert list(panels) == [
        f"{name}, {share} % known" for share in (10, 50) for name in ("interclass", "poison")
    ]
    for title, panel in panels.items():
        manipulation, share = title.split(", ")[0], float(title.split(", ")[1].split()[0]) / 100
        for method, style in found.shown.styles.items():
            x, y = line_of(panel, style.color)
            rows = at(found.selected, method=method, manipulation=manipulation, deletion_fraction=share)
            repair = 100 * rows["utility_test"] * rows["removal_train"]
            means = repair.groupby(rows["discovery"]).mean()
            assert x == pytest.approx([0, 10, 50])
            assert y == pytest.approx([means["uniform"], means["clean_10"], means["clean_50"]])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["EU", "CF", "SSD", "None (original)", "bounds, not methods"]


def marks_of(panel):
    """(marker, hollow) by (x, height)."""
    return [
        (
            line.get_marker(),
            to_hex(line.get_markerfacecolor()) == "#ffffff",
            float(line.get_xdata()[0]),
            float(line.get_ydata()[0]),
        )
        for line in panel.get_lines()
        if line.get_marker() not in ("None", None) and len(line.get_xdata()) == 1
    ]


def test_biased_discoveries_stand_beside_uniform_ones_as_large(found):
    figure = drawn(found, "discovery_digits")
    panel = next(one for one in figure.axes if one.get_title() == "poison, 50 % known")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["EU", "CF", "SSD"]
    marks = marks_of(panel)
    assert len(marks) == 3 * 2 * 2
    rows = found.selected.query("manipulation == 'poison' and deletion_fraction == 0.5")
    for line, method in enumerate(METHODS):
        own = rows[rows["method"] == method]
        means = (100 * own["utility_test"] * own["removal_train"]).groupby(own["discovery"]).mean()
        here = [mark for mark in marks if round(mark[3]) == line]
        assert sorted(x for _, hollow, x, _ in here if hollow) == pytest.approx([means["uniform"]] * 2)
        filled = {marker: x for marker, hollow, x, _ in here if not hollow}
        assert filled == pytest.approx({"s": means["one_class"], "^": means["by_margin"]})


def test_deletion_sets_of_other_sizes_are_not_compared(found):
    selected = found.selected.copy()
    other = (selected["discovery"] == "one_class") & (selected["seed"] > 0)
    selected.loc[other, "deletion_size"] += 1
    selected.loc[selected["discovery"] == "by_margin", "deletion_size"] += 1
    figure = drawn(dataclasses.replace(found, selected=selected), "discovery_digits")
    panel = next(one for one in figure.axes if one.get_title() == "poison, 50 % known")
    first = selected.query("manipulation == 'poison' and deletion_fraction == 0.5 and seed == 0")
    marks = marks_of(panel)
    assert {marker for marker, *_ in marks} == {"o", "s"}
    row = first.query("method == 'eu' and discovery == 'uniform'").iloc[0]
    expected = 100 * row["utility_test"] * row["removal_train"]
    assert [x for _, hollow, x, y in marks if hollow and round(y) == 0] == pytest.approx([expected])


# Curves


def curve_panel(run, manipulation, measure="removal_test"):
    (panel,) = draw(run.selected, run.originals, manipulation, measure, run.shown, run.bounds).axes
    return panel


def bound_lines(panel):
    return [float(line.get_ydata()[0]) for line in panel.get_lines() if to_hex(line.get_color()) == "#8c8c8c"]


def test_bounds_are_grey_lines_with_their_names(run):
    panel = curve_panel(run, "mine")
    means = {name: 100 * np.mean([value - seed / 100 for seed in range(5)]) for name, value in BOUNDS.items()}
    assert sorted(bound_lines(panel)) == pytest.approx(sorted(means.values()))
    names = {text.get_text(): text.xy[1] for text in panel.texts}
    assert names["trained without S_m"] == pytest.approx(means["without_manipulated"])
    assert names["never manipulated"] == pytest.approx(means["never_manipulated"])
    assert "bounds, not methods" in [text.get_text() for text in panel.figure.legends[0].get_texts()]


def test_without_bounds_and_attacks_curves_are_what_they_were(run):
    panel = curve_panel(dataclasses.replace(run, bounds=None), "mine")
    assert panel.get_title() == "Digits, n = 20" and not bound_lines(panel) and not panel.texts


def test_a_panel_says_in_how_many_seeds_the_attack_failed(run):
    panel = curve_panel(run, "interclass")
    assert panel.get_title() == "Digits, n = 20,\nattack failed in 2 of 5 seeds"
    rows = run.selected.query("manipulation == 'interclass' and method == 'eu' and seed <= 2")
    means = 100 * rows.groupby("deletion_fraction")["removal_test"].mean()
    assert line_of(panel, run.shown.styles["eu"].color)[1] == pytest.approx(list(means))
    before = run.originals.query("manipulation == 'interclass' and seed <= 2")["removal_test"]
    black = [line for line in panel.get_lines() if to_hex(line.get_color()) == "#000000"]
    assert black[0].get_ydata()[0] == pytest.approx(100 * before.mean())


def test_where_it_failed_in_all_seeds_there_is_nothing_to_repair(run):
    panel = curve_panel(run, "wanet")
    assert panel.get_title() == "Digits, n = 20,\nattack failed in all 5 seeds"
    assert "nothing to repair" in [text.get_text() for text in panel.texts]
    colors = {to_hex(line.get_color()) for line in panel.get_lines()}
    assert colors == {"#000000", "#8c8c8c"}


def test_makers_are_named_where_there_are_several():
    made = results(makers=("standard", "given"), maker_of={"ssd": "given"}, seeds=(0, 1, 2))
    originals = marked(made.originals.query("manipulation == 'poison'"), lambda row: row["maker"] == "given")
    assert remark(originals, made.shown) == "attack failed in all 3 seeds (given)"
    assert remark(made.originals, made.shown) == ""
    one = marked(made.originals.query("manipulation == 'poison' and seed == 0"), lambda row: True)
    assert remark(one, made.shown) == "attack failed (standard), attack failed (given)"


# The page


@pytest.fixture(scope="module")
def read(run):
    return shown(run)


def test_the_page_begins_with_attacks_that_failed(read):
    first, second, *_ = read.findall(".//div[@class='headline']/p")
    assert words(first).startswith("Digits, wanet, n = 20: attack failed in all 5 seeds; there was nothing")
    assert words(second).startswith("Digits, interclass, n = 20: attack failed in 2 of 5 seeds; ")
    headings = [words(one) for one in section(read, "finding").findall("h3")]
    assert "Digits, wanet, 20 manipulated samples (attack failed in all 5 seeds)" in headings
    options = [words(one) for one in section(read, "figures").findall(".//option")]
    assert "Digits, interclass, n = 20 (attack failed in 2 of 5 seeds)" in options
    facts = dict(zip(map(words, read.findall(".//dt")), map(words, read.findall(".//dd")), strict=True))
    assert facts["Bounds"] == "trained without S_m, never manipulated"


def test_charts_leave_out_what_failed_and_have_bounds(run, read):
    one = chart(read, "curves", "digits/interclass/20", "removal_test")
    assert one["layout"]["meta"] == "Accuracy on affected test images (attack failed in 2 of 5 seeds)"
    rows = run.selected.query("manipulation == 'interclass' and method == 'ssd' and seed <= 2")
    means = 100 * rows.groupby("deletion_fraction")["removal_test"].mean()
    assert trace(one, "ssd")["y"] == pytest.approx(list(means), abs=0.01)
    bounds = run.bounds.query("manipulation == 'interclass' and bound == 'never_manipulated' and seed <= 2")
    expected = 100 * bounds["removal_test"].mean()
    assert trace(one, "Bound: never manipulated")["y"] == pytest.approx([expected] * 2, abs=0.01)
    nothing = chart(read, "curves", "digits/wanet/20", "removal_test")
    assert {one["name"] for one in nothing["data"]} == {
        "None (original)",
        "Bound: trained without S_m",
        "Bound: never manipulated",
    }


def test_rules_of_selection_are_compared_by_their_regret(run, read):
    rows = table(read, "Selection rules")
    took = run.rules[[not wanet_failed(row) for row in run.rules.to_dict("records")]]
    assert [row[1].split()[0] for row in rows] == ["Healed", "Constraint", "Equal", "Validation"]
    for row, rule in zip(
        rows, ("healed_known", "constraint", "equal_weight", "validation_accuracy"), strict=True
    ):
        own = took[took["rule"] == rule]
        expected = [
            f"{100 * own['regret'].mean():.1f}",
            f"{100 * own['regret'].max():.1f}",
            f"{100 * own['utility_times_healed'].mean():.1f}",
            str(3 * len(METHODS) * len(SHARES)),
            "5",
        ]
        assert row[2:] == expected
    by_method = table(read, "Selection rules by method")
    assert len(by_method) == 4 * len(METHODS)
    own = took.query("rule == 'constraint' and method == 'cf'")
    (found,) = (row for row in by_method if row[1:3] == ["Constraint", "CF"])
    assert found[3] == f"{100 * own['regret'].mean():.1f}" and found[6] == str(3 * len(SHARES))


def test_a_page_without_them_says_nothing_of_rules_bounds_and_attacks():
    root = shown()
    text = " ".join(words(part) for part in root.findall(".//main/section"))
    assert not any(
        word in text for word in ("Selection rules", "Bound", "attack failed", "Share of the bound")
    )


def test_the_plane_leads_the_leaderboard_and_other_overviews_the_figures(found, tmp_path):
    names = ["plane_digits", *found.shown.overviews]
    extra = told(MANIPULATIONS[:3], ("uniform",))
    paths = {name: tmp_path / f"{name}.png" for name in names}
    for path in paths.values():
        Image.new("RGB", (300, 100)).save(path)
    complete_run = dataclasses.replace(
        found,
        figures=paths,
        shown=dataclasses.replace(found.shown, overviews={**extra, **found.shown.overviews}),
    )
    root = shown(complete_run)
    assert [one.get("id") for one in section(root, "leaderboard").iter("figure")] == ["plane_digits"]
    assert [one.get("id") for one in section(root, "figures").iter("figure")] == [
        "false_positives_digits",
        "discovery_digits",
    ]
    place = list(section(root, "leaderboard").iter())
    assert place.index(next(section(root, "leaderboard").iter("figure"))) < place.index(
        next(section(root, "leaderboard").iter("table"))
    )


def test_the_share_of_the_bound_follows_utility_times_healed(run):
    rows = run.summary[run.summary["measure"] == "utility_times_healed"].assign(measure="share_of_bound")
    halved = rows.assign(mean=rows["mean"] / 2, failed_seeds=1)
    made = dataclasses.replace(run, summary=pd.concat([run.summary.assign(failed_seeds=0), halved]))
    root = shown(made)
    (region,) = (one for one in root.iter("div") if one.get("aria-label") == "Leaderboard of Digits")
    titles = [words(one) for one in region.findall(".//thead//th")]
    assert titles[2:5] == ["Utility times healed (%)", "Its worst cell (%)", "Share of the bound (%)"]
    overall = run.summary[run.summary["manipulation"].isna() & (run.summary["method"] == "eu")]
    mean = 100 * overall.set_index("measure").loc["utility_times_healed", "mean"]
    (eu,) = (row for row in table(root, "Leaderboard of Digits") if row[0] == "EU")
    assert float(eu[2].split()[0]) == pytest.approx(mean, abs=0.051)
    assert float(eu[4].split()[0]) == pytest.approx(mean / 2, abs=0.051)
    assert "attack failed in 1 seed" in eu[4] and "attack failed" not in eu[2]
    assert not math.isnan(mean)


# Through the scripts and the workflow


def test_the_scripts_read_bounds_and_rules_from_tables(run, tmp_path):
    tables = [*page_script.TABLES, "bounds", "rules"]
    for name in tables:
        getattr(run, name).to_csv(tmp_path / f"{name}.csv", index=False)
    overviews = [[name, [one.kind, one.dataset, one.told]] for name, one in run.shown.overviews.items()]
    content = {
        "methods": [[name, {}] for name in METHODS],
        "datasets": [["digits", "Digits"]],
        "manipulations": run.shown.words,
        "figures": [["mine_removal", ["mine", "removal_test"]], *overviews],
        "measures": ["developer", "referee"],
        "makers": ["standard"],
        "discoveries": ["uniform"],
    }
    told = {"tables": tmp_path, "figures": tmp_path / "figures", "shown": content}
    told |= {"bounds": tmp_path / "bounds.csv", "rankings": None, "ranking_curves": None}
    plot.main(Namespace(**told))
    about = {"examples": [], "suspects": [], "config": dict(run.config), "command": "", "missing": None}
    output = tmp_path / "report.html"
    page_script.main(Namespace(**told, **about, rules=tmp_path / "rules.csv", output=output))
    root = Tree(output.read_text(encoding="utf-8")).root
    assert {one.get("id") for one in root.iter("figure")} == {"plane_digits", "mine_removal"}
    assert table(root, "Selection rules") == table(shown(run), "Selection rules")
    links = [link.get("href") for link in section(root, "provenance").iter("a")]
    assert links == [f"{name}.csv" for name in tables]


@pytest.mark.slow
@pytest.mark.xdist_group("snakemake_report")
def test_the_workflow_draws_the_plane_of_three_manipulations(tmp_path):
    project = Project.copy(tmp_path)
    config = {**TINY, "methods": {"cf": {"grid": {"steps": 2}}}, "deletion_fractions": [0.5, 1.0]}
    given = TINY["datasets"]["digits"]["manipulations"]
    more = {**given, "large": {"use": "poison", "n": [20], "patch_size": 3}}
    config["datasets"] = {"digits": {**TINY["datasets"]["digits"], "manipulations": more}}
    project.configure(config)
    project.snakemake()
    for ending in ("pdf", "png"):
        assert (project.folder / f"results/figures/plane_digits.{ending}").exists()
    root = (project.folder / "results/report.html").read_text()
    assert 'id="plane_digits"' in root
    project.snakemake("--report", "report.html")
    found = embedded((project.folder / "report.html").read_text(), "results")
    assert plain(found["results/figures/plane_digits.png"]["caption"]) == caption("plane")
