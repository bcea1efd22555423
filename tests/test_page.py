"""The page of a run, taken apart: its numbers against the rows they come from, and what it says is absent."""

import itertools
import json
import math
import re
import xml.etree.ElementTree as ET
from argparse import Namespace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from made_up import (
    LABELS,
    METHODS,
    PLACE,
    REASONS,
    SECONDS,
    STANDARD,
    WORDS,
    fixed,
    margin,
    noise,
    results,
)
from PIL import Image
from sklearn.metrics import auc

import page as script
from redress.report import findings, page


@pytest.fixture(scope="module", autouse=True)
def without_plotly():
    """Four megabytes that no test here reads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "get_plotlyjs", lambda: "/* plotly */")
        yield


# The page, read back


class Tree(HTMLParser):
    """HTML as a tree; every element has to be closed."""

    VOID = ("meta", "link", "img", "br", "hr", "input")

    def __init__(self, text):
        super().__init__()
        self.builder, self.open = ET.TreeBuilder(), []
        self.feed(text)
        assert not self.open
        self.root = self.builder.close()

    def handle_starttag(self, tag, attrs):
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        self.open.append(tag)
        if tag in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.builder.end(tag)

    def handle_data(self, data):
        if self.open:
            self.builder.data(data)


def shown(made=None, **changes):
    return Tree(page.render(made or results(**changes))).root


def words(element):
    """What is to be read in an element, line breaks and spaces as one space."""
    return " ".join("".join(_texts(element)).split())


def _texts(element):
    if element.tag != "script":
        yield element.text or ""
        for child in element:
            yield from _texts(child)
            yield child.tail or ""


def section(root, name):
    (found,) = root.findall(f".//section[@aria-labelledby='{name}']")
    return found


def said(root, name):
    """The sentences of a list or headline in a section."""
    place = section(root, name)
    headline = place.findall(".//div[@class='headline']/p")
    return [words(element) for element in headline or place.findall(".//li")]


def table(root, label):
    """The body of the table in the region of that name, as text."""
    (region,) = (element for element in root.iter("div") if element.get("aria-label") == label)
    return [[words(cell) for cell in row] for row in region.findall(".//tbody/tr")]


def explorers(root):
    """By name: the values of each select box, and the charts by the chosen values."""
    found = {}
    for element in root.findall(".//div[@data-charts]"):
        choices = [
            [option.get("value") for option in box.findall("option")]
            for box in element.findall(".//select[@data-choice]")
        ]
        assert words(element.find("p[@class='nothing']")) == "There is no result for this choice."
        charts = json.loads(element.find("script").text, parse_constant=pytest.fail)
        found[element.get("data-charts").removeprefix("charts-")] = (choices, charts)
    return found


def chart(root, explorer, *choice):
    (found,) = explorers(root)[explorer][1]["|".join(choice)]
    return found


def trace(a_chart, name):
    (found,) = (one for one in a_chart["data"] if one.get("name") == name or one.get("meta") == name)
    return found


def per_cent(text):
    return float(text.replace(",", "")) if text not in ("–", "") else math.nan  # noqa: RUF001


# What was run


def test_sections_stand_in_the_order_in_which_a_reader_asks():
    root = shown()
    order = ["finding", "leaderboard", "figures", "times"]  # no attack: there are no example sheets
    order += ["sensitivity", "training", "selected", "absent", "provenance"]
    assert [part.get("aria-labelledby") for part in root.findall(".//main/section")] == order
    assert [link.get("href") for link in root.findall(".//nav//a")] == [f"#{name}" for name in order]
    assert root.find(".//header//dl") is not None
    assert "Cost against the oracle" in words(section(root, "sensitivity"))


def test_facts_count_what_was_run():
    labels = {"digits": "Digits", "b": "Letters"}
    root = shown(labels=labels, sizes=(20, 1000), seeds=(0, 3, 4), manipulations=("poison",))
    facts = dict(zip(map(words, root.findall(".//dt")), map(words, root.findall(".//dd")), strict=True))
    assert facts["Datasets and models"] == "Digits (resnet9), Letters (resnet9)"
    assert "poison with 20 and 1,000 samples of Letters" in facts["Manipulations"]
    assert facts["Methods"] == "EU, SSD, SCRUB"
    assert facts["Known share of the manipulated samples"] == "50, 100 %"
    assert facts["Seeds"] == "3 (0, 3, 4)"
    originals = 2 * 2 * 3
    unlearned = originals * 2 * (1 + 6 + 2)
    assert facts["Models"] == f"{originals} original, {unlearned} unlearned, {originals * 2 * 3} selected"
    assert facts["Hardware"] == "cpu"
    # EU and SCRUB's two candidates in full; of SSD's six only what they do not share.
    assert (
        facts["Time in unlearning methods"]
        == f"{originals * 2 * (8 + 2 * 1 + 6 * 0.5 + 1.5) / 60:.0f} minutes"
    )
    assert facts["Wall time"].startswith("4.0 hours")


def test_the_command_and_the_whole_config_are_on_the_page():
    root = shown(command="snakemake --config 'a=\"b\" & c'")
    provenance = section(root, "provenance")
    assert "snakemake --config 'a=\"b\" & c'" in words(provenance)
    assert "validation_accuracy: 0.5" in provenance.find(".//pre").text
    rows = {row[0]: row[1:] for row in table(root, "Provenance")}
    assert rows["SHA-256 of the config"] == ["c0ffee", str(4 + 4 * 2 * 9)]


# Numbers


def test_the_leaderboard_is_what_the_raw_rows_give():
    labels = {"digits": "Digits", "b": "Letters"}
    made = results(labels=labels, manipulations=("poison",), sizes=(20, 40), shares=(0.2, 0.5, 1.0))
    root = shown(made)
    for dataset, label in made.shown.datasets.items():
        rows = made.selected[made.selected["dataset"] == dataset]
        originals = made.originals[made.originals["dataset"] == dataset]
        tried = made.candidates[made.candidates["dataset"] == dataset]
        found = {
            row[0]: [per_cent(cell) for cell in row[2:]] for row in table(root, f"Leaderboard of {label}")
        }
        assert set(found) == {"EU", "SSD", "SCRUB", "None (original)"}
        means = [row[0] for row in found.values()]
        assert means == sorted(means, reverse=True)
        for method in METHODS:
            own = rows[rows["method"] == method].assign(
                product=lambda t: t["utility_test"] * t["removal_train"]
            )
            before = own.merge(originals, on=[*PLACE, "seed"], suffixes=("", "_before"))
            areas = [
                auc(
                    [0, *cell["deletion_fraction"]],
                    [cell["removal_test_before"].iloc[0], *cell["removal_test"]],
                )
                for _, cell in before.groupby([*PLACE, "seed"])
            ]
            seconds, shared = SECONDS[method]
            candidates = (tried["method"] == method).sum() / len(own)
            assert found[method.upper()] == pytest.approx(
                [
                    100 * own["product"].mean(),
                    100 * own.groupby("seed")["product"].min().mean(),
                    100 * np.mean(areas),
                    100 * (before["utility_test_before"] - before["utility_test"]).mean(),
                    seconds,
                    8 / seconds,
                    (seconds - shared) * candidates + shared,
                ],
                abs=0.051,
            )


def test_the_times_are_those_of_table_3():
    found = {row[1]: row[2:7] for row in table(shown(), "Times")}
    assert found["EU"] == ["8", "8.00", "0.00", "0.00", "1.0"]
    assert found["SSD"] == ["48", "2.00", "0.00", "1.50", "4.0"]


def test_a_curve_has_means_and_ranges_over_seeds_and_the_original_across():
    made = results(seeds=(0, 1, 2))
    drawn = chart(shown(made), "curves", "digits/poison/20", "removal_test")
    rows = made.selected.query("manipulation == 'poison' and method == 'ssd'")
    values = 100 * rows.groupby("deletion_fraction")["removal_test"].agg(["mean", "min", "max"])
    ssd = trace(drawn, "ssd")
    assert ssd["x"] == [50, 100]
    assert ssd["y"] == pytest.approx(list(values["mean"]), abs=0.01)
    assert ssd["error_y"]["array"] == pytest.approx(list(values["max"] - values["mean"]), abs=0.02)
    assert ssd["error_y"]["arrayminus"] == pytest.approx(list(values["mean"] - values["min"]), abs=0.02)
    before = 100 * made.originals.query("manipulation == 'poison'")["removal_test"].mean()
    assert trace(drawn, "original")["y"] == pytest.approx([before] * 2, abs=0.01)
    assert drawn["layout"]["meta"] == "Accuracy on affected test images"


def test_found_and_unfound_samples_are_told_apart():
    made = results(seeds=(0,))
    found, unfound = explorers(shown(made))["sides"][1]["digits/interclass/20"]
    row = made.selected.query(
        "manipulation == 'interclass' and method == 'scrub' and deletion_fraction == 0.5"
    )
    for drawn, column in ((found, "discovered"), (unfound, "undiscovered")):
        value = 100 * row[f"removal_train_{column}"].item()
        assert trace(drawn, "scrub")["y"][0] == pytest.approx(value, abs=0.01)
    assert trace(unfound, "scrub")["y"][1] is None


def test_what_selection_costs_against_the_oracle_by_hand():
    # Selected by validation accuracy; the other would have repaired 30 points more at the price of 10.
    def measure(method, settings, place):
        blind = settings == {"alpha": 1}
        return dict.fromkeys(STANDARD, 0.5) | {
            "validation_accuracy": 0.9 if blind else 0.8,
            "removal_test": 0.4 if blind else 0.7,
            "utility_test": 0.95 if blind else 0.85,
        }

    root = shown(methods={"ssd": {"alpha": [1, 2]}, "eu": {}}, measure=measure)
    rows = table(root, "Selected and oracle")
    assert rows[0] == ["Digits", "SSD", "40.0", "70.0", "30.0", "95.0", "85.0"]
    assert rows[1] == ["Digits", "EU", "70.0", "70.0", "0.0", "85.0", "85.0"]
    assert trace(chart(root, "regrets", "digits/poison/20"), "ssd")["y"] == [30, 30]
    rings = trace(chart(root, "sensitivity-ssd", "digits/poison/20", "0.5", "removal_test"), "selected")
    assert (rings["x"], rings["y"], rings["hovertext"]) == (["1"], [40], ["selected in 2 seeds"])


def test_selected_hyperparameters_are_listed_where_seeds_disagree():
    def measure(method, settings, place):
        good = settings.get("alpha") == (1 if place["deletion_fraction"] == 0.5 else place["seed"])
        return dict.fromkeys(STANDARD, 0.9 if good else 0.5)

    methods = {"ssd": {"alpha": [0, 1], "gamma": 0.1}, "eu": {}}
    original = noise("original", None, {})
    root = shown(methods=methods, measure=lambda m, s, p: original if s is None else measure(m, s, p))
    rows = table(root, "Selected hyperparameters of Digits, interclass, n = 20")
    assert rows[0] == ["SSDgamma = 0.1", "alpha = 1 (2 seeds)", "alpha = 0alpha = 1"]
    assert rows[1] == ["EU", "only one candidate"]


def test_a_heat_map_has_a_candidate_at_each_of_its_places():
    made = results(seeds=(0,))
    drawn = chart(shown(made), "sensitivity-ssd", "digits/poison/20", "0.5", "utility_test")
    (heat,) = (one for one in drawn["data"] if one["type"] == "heatmap")
    rows = made.candidates.query("manipulation == 'poison' and method == 'ssd' and deletion_fraction == 0.5")
    assert len(rows) == len(heat["x"]) * len(heat["y"]) == 6
    for text, value in zip(rows["hyperparameters"], rows["utility_test"], strict=True):
        settings = json.loads(text)
        x, y = (str(settings[drawn["layout"][f"{axis}axis"]["title"]["text"]]) for axis in "xy")
        assert heat["z"][heat["y"].index(y)][heat["x"].index(x)] == pytest.approx(100 * value, abs=0.051)


# One file that needs nothing else


def test_nothing_is_fetched_and_links_to_tables_are_relative(tmp_path):
    made = results(shares=(1.0,), downloads=["tables/candidates.csv", "tables/selected.csv"])
    root = shown(made)
    (policy,) = root.findall(".//meta[@http-equiv='Content-Security-Policy']")
    assert policy.get("content").startswith("default-src 'none';")
    assert "http" not in policy.get("content") and "unsafe-eval" not in policy.get("content")
    links = [(e.tag, e.get(name)) for e in root.iter() for name in ("href", "src", "srcset") if e.get(name)]
    for tag, address in links:
        assert address.startswith(("#", "data:")) or (tag == "a" and not re.match(r"\w+:|/", address))
    assert {address for tag, address in links if address.endswith(".csv")} == set(made.downloads)
    style = "".join(element.text for element in root.iter("style"))
    assert "url(" not in style and "@import" not in style
    assert "http" not in "".join(element.text or "" for element in root.iter("script"))


@pytest.mark.parametrize("folder", ["results", "results/incomplete"])
def test_the_script_makes_the_page_of_a_folder_of_tables(tmp_path, folder):
    made = results(manipulations=("poison",), shares=(1.0,))
    tables = tmp_path / folder / ("tables" if folder == "results" else "")
    tables.mkdir(parents=True)
    for name in script.TABLES:
        getattr(made, name).to_csv(tables / f"{name}.csv", index=False)
    for path in (tmp_path / "figure2.png", tmp_path / "digits/poison.png"):
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (1000, 600)).save(path)
    missing = made.selected.head(3).rename(columns={"n_manipulated": "n", "deletion_fraction": "share"})
    columns = ["dataset", "manipulation", "n", "seed", "maker", "method", "discovery", "share"]
    missing[columns].to_csv(tmp_path / folder / "missing.csv", index=False)
    script.main(
        Namespace(
            tables=tables,
            figures=tmp_path,
            shown={
                "methods": [[method, {}] for method in METHODS],
                "datasets": LABELS,
                "manipulations": {"poison": WORDS["poison"]},
                "figures": [
                    ["figure2", ["poison", "removal_test"]],
                    ["not_drawn", ["poison", "utility_test"]],
                ],
                "measures": ["developer", "referee"],
                "makers": ["standard"],
                "discoveries": ["uniform"],
            },
            rankings=None,
            ranking_curves=None,
            suspects=[],
            examples=[tmp_path / "digits/poison.png"],
            config=dict(made.config),
            command="",
            missing=tmp_path / folder / "missing.csv" if folder != "results" else None,
            bounds=None,
            rules=None,
            output=tmp_path / folder / "report.html",
        )
    )
    text = (tmp_path / folder / "report.html").read_text(encoding="utf-8")
    root = Tree(text).root
    (figure,) = section(root, "figures").iter("img")
    (sheet,) = section(root, "attack").iter("img")
    for image in (figure, sheet):
        assert image.get("src").startswith("data:image/png;base64,")
        assert "poison" in image.get("alt")
    assert sheet.get("alt").endswith("true and given labels")
    links = [link.get("href") for link in section(root, "provenance").iter("a")]
    assert all((tmp_path / folder / link).exists() for link in links)
    assert ("missing.csv" in links) == ("not finished: 3" in words(root)) == (folder != "results")


# Headlines


def headline(values, **changes):
    """The headline of methods whose accuracies are `values`, and the sentences about scenarios."""
    methods = {method: {} for method in values if method != "original"}
    made = results(methods=methods, measure=fixed(values), **changes)
    cells = [
        sentence
        for _, said in findings.of_scenarios(made.candidates, made.summary, made.shown)
        for sentence in said
    ]
    return findings.headline(made.candidates, made.summary, made.shown), cells


def test_the_page_begins_with_the_findings():
    made = results(manipulations=("poison",))
    sentences = said(shown(made), "finding")
    assert sentences == findings.headline(made.candidates, made.summary, made.shown)
    assert len(sentences) == 2


def test_a_method_that_wins_everywhere_is_named():
    (first, second), cells = headline({"original": 0.1, "ssd": 0.6, "eu": 0.8})
    assert first.startswith("EU has the highest accuracy on affected test images in all 4 combinations")
    assert "EU is best" in second and "80.0 %, 70.0 points above the original model (2 seeds" in second
    assert len(cells) == 4
    assert cells[0].startswith(
        "With 50 % known, EU is best on affected test images: 80.0 %, 70.0 points above"
    )


def test_winners_that_differ_are_counted():
    def ssd(place):
        return 0.9 if (place["manipulation"], place["deletion_fraction"]) == ("poison", 0.5) else 0.6

    (first, _), cells = headline({"original": 0.1, "ssd": ssd, "eu": 0.8})
    assert first.startswith("No method repairs best everywhere: EU has the highest")
    assert re.search(r" in 3 of 4 combinations.*, SSD in 1\.$", first)
    assert cells[0].startswith("With 50 % known, SSD") and "EU has 80.0 %." in cells[0]


def test_methods_that_do_not_repair_are_not_praised():
    sentences, cells = headline({"original": 0.9, "ssd": 0.6, "eu": 0.8})
    for cell in cells:
        assert "no method is above the original model's 90.0 %" in cell
        assert "the best, EU, has 80.0 %" in cell
    assert all("original" in sentence for sentence in sentences)
    assert not any("highest accuracy" in sentence for sentence in sentences)


def test_a_difference_that_holds_in_every_seed_has_its_interval():
    values = {"original": 0.1, "eu": lambda p: 0.3 + p["seed"] / 20, "ssd": lambda p: 0.4 + p["seed"] / 20}
    (_, overall), _ = headline(values, seeds=range(6))
    assert "10.0 points above training again from scratch (95 % interval 10.0 to 10.0)" in overall


def test_a_difference_that_may_be_chance_is_called_so():
    values = {"original": 0.1, "eu": 0.5, "ssd": lambda p: 0.51 + 0.2 * (-1) ** p["seed"]}
    (_, overall), _ = headline(values, seeds=range(6))
    assert "1.0 points above training again from scratch (95 % interval -" in overall
    assert overall.endswith("they cannot be told apart).")


@pytest.mark.parametrize(("seeds", "text"), [((3,), "1 seed"), (range(4), "4 seeds")])
def test_few_seeds_have_no_interval(seeds, text):
    (_, overall), _ = headline({"original": 0.1, "eu": 0.5, "ssd": 0.6}, seeds=seeds)
    assert f"10.0 points above training again from scratch ({text}, too few for an interval)" in overall


def test_it_is_common_seeds_that_are_too_few():
    values = {"original": 0.1, "eu": lambda p: None if p["seed"] < 2 else 0.5, "ssd": 0.6}
    (_, overall), _ = headline(values, seeds=range(6))
    assert "too few" in overall
    assert "6 seeds" not in overall


def test_the_headline_names_who_may_be_as_good_as_the_best():
    values = {"original": 0.1, "eu": 0.8, "cf": lambda p: 0.79 + 0.05 * (-1) ** p["seed"], "scrub": 0.2}
    (_, overall), _ = headline(values, seeds=range(6))
    assert overall.startswith("On average, EU is best at repairing without harm")
    assert overall.endswith("; CF cannot be told apart from it.")


def test_methods_that_tie_are_not_ranked():
    (first, _), _ = headline({"original": 0.1, "eu": 0.8, "ssd": 0.8})
    assert not first.startswith("EU has the highest accuracy")


# Ranks


def ranked(values, **changes):
    methods = {method: {} for method in values if method != "original"}
    root = shown(methods=methods, measure=fixed(values), seeds=range(6), **changes)
    ranks = {row[0]: row[1] for row in table(root, "Leaderboard of Digits")}
    return ranks, words(section(root, "leaderboard"))


def test_six_seeds_have_ranks_and_intervals():
    values = {"original": 0.1, "eu": 0.8, "cf": lambda p: 0.5 + 0.1 * (-1) ** p["seed"], "ssd": 0.5, "x": 0.2}
    ranks, text = ranked(values)
    assert ranks == {"EU": "1", "CF": "2 to 3", "SSD": "2 to 3", "X": "4", "None (original)": "–"}  # noqa: RUF001
    assert "here they do not" not in text
    assert "80.0 80.0 to 80.0" in text


def test_ranks_are_not_denied_where_the_original_leads():
    ranks, text = ranked({"original": 0.9, "eu": 0.8, "ssd": 0.5})
    assert list(ranks.items())[:2] == [("None (original)", "–"), ("EU", "1")]  # noqa: RUF001
    assert "here they do not" not in text


# Runs of every shape


def diverged(where):
    """`noise`, but nothing where the predicate holds."""
    return lambda method, settings, place: (
        None if method != "original" and where(method, settings, place) else noise(method, settings, place)
    )


RUNS = {
    "an ordinary one": ({}, []),
    "exact unlearning alone": ({"methods": {"eu": {}}}, []),
    "ssd alone": (
        {"methods": {"ssd": METHODS["ssd"]}},
        ["Comparisons with exact unlearning, and speed-up: eu is not among the methods."],
    ),
    "one seed": ({"seeds": (7,)}, ["Intervals and ranks: 1 seed was run"]),
    "one manipulation": ({"manipulations": ("poison",)}, ["Figures 4, 5 and 7: interclass is not among"]),
    "a manipulation of one's own": (
        {"manipulations": ("blend",)},
        ["Figures 2, 3 and 6: poison is not among", "Figures 4, 5 and 7: interclass is not among"],
    ),
    "some diverged": (
        {"measure": diverged(lambda method, settings, place: settings.get("alpha") == 10)},
        ["24 of 48 candidates of SSD diverged"],
    ),
    "a method diverged in one cell": (
        {
            "measure": diverged(
                lambda method, settings, place: (
                    method == "scrub"
                    and place["manipulation"] == "poison"
                    and place["deletion_fraction"] == 0.5
                    and place["seed"] == 1
                )
            )
        },
        [
            "2 of 16 candidates of SCRUB diverged",
            "SCRUB where all of its candidates diverged: Digits, poison, n = 20, 50 % known, seed 1.",
        ],
    ),
    "everything diverged": (
        {"measure": diverged(lambda *_: True)},
        [
            f"{n} of {n} candidates of {method} diverged"
            for n, method in ((8, "EU"), (48, "SSD"), (16, "SCRUB"))
        ],
    ),
    "an original diverged": (
        {
            "measure": lambda method, settings, place: (
                None if (method, place["seed"]) == ("original", 1) else noise(method, settings, place)
            )
        },
        [],
    ),
    "every original diverged": (
        {"measure": lambda method, *place: None if method == "original" else noise(method, *place)},
        [],
    ),
    "nothing survived": ({"measure": lambda *model: None}, []),
    "a manipulation that changes no label": (
        {"clean_label": ("interclass",)},
        [
            f"Deletion change does not apply to Digits, interclass: {REASONS['deletion_change']}.",
            f"Attack success rate does not apply to Digits, interclass: {REASONS['attack_success_rate']}.",
        ],
    ),
    "three hyperparameters vary": ({"methods": {"x": {"a": [1, 2], "b": [0.5, 1], "c": [3, 4]}}}, []),
    "text and truth values": ({"methods": {"x": {"kind": ["full", "fast"], "active": [True, False]}}}, []),
    "a list of grids": ({"methods": {"x": [{"steps": 10}, {}], "y": [{}, {"a": 1}, {"b": 2}]}}, []),
    "six seeds": ({"seeds": range(6)}, []),
    "unfinished": (
        {"lost": lambda place: (place["method"], place["seed"]) == ("ssd", 1)},
        ["Not finished: SSD on Digits, interclass, n = 20, seed 1, 50 % and 100 % known."],
    ),
    "unfinished without a method": (
        {"lost": lambda place: place["method"] == "eu"},
        ["Not finished: EU on Digits, poison, n = 20, seed 0, 50 % and 100 % known."],
    ),
    "unfinished without a scenario": (
        {"lost": lambda place: place["manipulation"] == "poison" and place["method"] != "original"},
        ["Not finished: EU on Digits, poison, n = 20, seed 0, 50 % and 100 % known."],
    ),
    "unfinished without an original": (
        {"lost": lambda place: (place["method"], place["manipulation"]) == ("original", "poison")},
        [],
    ),
}


@pytest.mark.parametrize("changes, absent", RUNS.values(), ids=[name.replace(" ", "-") for name in RUNS])
def test_a_run_of_any_shape_has_a_page_without_a_word_or_chart_too_many(changes, absent):
    made = results(**changes)
    root = shown(made)
    says_what_is_absent_and_nothing_undefined(made, root, absent)
    has_a_chart_for_every_choice_or_no_result(made, root)
    shows_what_each_candidate_gives(made, root)


def says_what_is_absent_and_nothing_undefined(made, root, absent):
    sentences = said(root, "absent")
    for expected in absent:
        assert any(sentence.startswith(expected) for sentence in sentences), sentences
    seeds = made.candidates["seed"].nunique()
    assert any(sentence.startswith("Intervals and ranks") for sentence in sentences) == (seeds < 5)
    assert (made.missing is not None) == ("not finished" in words(root.find(".//header")))
    for element in [root.find("head/title"), *root.findall(".//header"), *root.findall(".//main/section")]:
        text = words(element)
        assert not re.search(r"\bnan\b|\bNone\b(?! \(original)|\binf\b|<NA>|\{\{", text, re.IGNORECASE), text
    for key, count in pd.Series([e.get("id") for e in root.iter() if e.get("id")]).value_counts().items():
        assert count == 1, key


def has_a_chart_for_every_choice_or_no_result(made, root):
    found = explorers(root)
    scenarios = {"/".join(map(str, key)): rows for key, rows in made.selected.groupby(PLACE)}
    for name, (choices, charts) in found.items():
        assert set(charts) <= {"|".join(choice) for choice in itertools.product(*choices)}, name
        if name != "cost":
            assert set(choices[0]) == set(scenarios)
    for scenario, column in itertools.product(*found["curves"][0]):
        exists = f"{scenario}|{column}" in found["curves"][1]
        assert exists == scenarios[scenario][column].notna().any()
    alive = {name for name, rows in scenarios.items() if rows["score"].notna().any()}
    assert set(found["regrets"][1]) == set(found["sides"][1]) == alive


def shows_what_each_candidate_gives(made, root):
    found = explorers(root)
    for method, rows in made.candidates.dropna(subset="hyperparameters").groupby("method"):
        several = rows["hyperparameters"].nunique() > 1 and rows["validation_accuracy"].notna().any()
        assert (f"sensitivity-{method}" in found) == several, method
        if not several:
            continue
        for key, (drawn,) in found[f"sensitivity-{method}"][1].items():
            place, share, column = key.split("|")
            dataset, manipulation, n = place.split("/")
            here = (
                (rows["dataset"] == dataset)
                & (rows["manipulation"] == manipulation)
                & (rows["n_manipulated"] == int(n))
                & (rows["deletion_fraction"] == float(share))
            )
            values = rows[here]
            changed = values["deletion_change"].fillna(0)
            values = values.assign(score=(values["validation_accuracy"] + changed) / 2)
            expected = 100 * values.groupby("hyperparameters")[column].mean().dropna()
            points = drawn["data"][0]
            heights = itertools.chain(*points["z"]) if points["type"] == "heatmap" else points["y"]
            assert sorted(z for z in heights if z is not None) == pytest.approx(sorted(expected), abs=0.051)


@pytest.mark.parametrize(
    "methods", [{"x": {"kind": ["full", "fast"], "active": [True, False]}}, {"x": {"active": [True, False]}}]
)
def test_truth_values_are_written_as_such(methods):
    root = shown(methods=methods)
    drawn = chart(root, "sensitivity-x", "digits/poison/20", "0.5", "score")["data"][0]
    assert ["True", "False"] in (drawn["x"], drawn["y"])
    assert re.search("active = (True|False)", words(section(root, "selected")))


def test_where_nothing_survived_the_page_says_so():
    root = shown(measure=diverged(lambda *_: True))
    assert "no method has a result" in said(root, "finding")[0]
    assert explorers(root)["curves"][1] == {}
    assert "all diverged" in words(section(root, "selected"))
    assert table(root, "Leaderboard of Digits")[0][0] == "None (original)"


def test_a_chart_of_nothing_is_not_drawn():
    found = explorers(shown(measure=diverged(lambda *_: True)))
    for name, (_, charts) in found.items():
        for key, panels in charts.items():
            for one in panels:
                heights = [itertools.chain(*t["z"]) if "z" in t else t["y"] for t in one["data"]]
                assert any(y is not None for ys in heights for y in ys), f"{name} {key}"


def test_plotly_knows_all_that_charts_say():
    many = {"x": {"a": [1, 2], "b": [0.5, 1], "c": [3, 4]}, **METHODS}
    for _, charts in explorers(shown(methods=many, manipulations=("poison",), seeds=(0,))).values():
        for (drawn, *_), _ in itertools.zip_longest(charts.values(), range(1)):
            go.Figure(drawn)  # raises where a name or a value is none of plotly's


# Several makers, discoveries and expansions, and measures that somebody adds


def measured(method, settings, place):
    """What somebody's margin is for EU, beside the usual."""
    return {**noise(method, settings, place), "margin": 12.345 if method == "eu" else -0.5}


@pytest.fixture(scope="module")
def manifold():
    """A run with all of that."""
    return results(
        methods={"eu": {}, "grown": {}, "ssd": METHODS["ssd"], "other": {}},
        manipulations=("poison", "mark"),
        clean_label=("mark",),
        makers=("standard", "given"),
        maker_of={"other": "given"},
        discoveries=("uniform", "biased"),
        discoveries_of={"grown": ["biased"]},
        expansion_of={"grown": "neighbours"},
        extra=[margin],
        measure=measured,
        seeds=range(5),
    )


@pytest.fixture(scope="module")
def manifold_page(manifold):
    return shown(manifold)


def test_what_sets_methods_apart_is_among_the_facts(manifold_page):
    root = manifold_page
    facts = dict(zip(map(words, root.findall(".//dt")), map(words, root.findall(".//dd")), strict=True))
    assert facts["Makers of the original models"] == "standard, given"
    assert facts["Discoveries"] == "uniform, biased"
    assert facts["Methods"] == (
        "EU, GROWN, SSD, OTHER; OTHER from the original models made by given; "
        "GROWN on deletion sets grown by neighbours"
    )


def test_every_discovery_has_charts_of_its_own(manifold, manifold_page):
    (scenarios, discoveries, _), charts = explorers(manifold_page)["curves"]
    assert scenarios == ["digits/poison/20", "digits/mark/20"]
    assert discoveries == ["uniform", "biased"]
    labels = [words(label).split()[0] for label in manifold_page.findall(".//div[@data-charts]//label")]
    assert "Scenario" in labels and "Discovery" in labels and "Experiment" not in labels
    for discovery in discoveries:
        drawn = charts[f"digits/poison/20|{discovery}|removal_test"][0]
        rows = manifold.selected.query(f"manipulation == 'poison' and discovery == '{discovery}'")
        means = 100 * rows[rows["method"] == "ssd"].groupby("deletion_fraction")["removal_test"].mean()
        assert trace(drawn, "ssd")["y"] == pytest.approx(list(means), abs=0.01)
        methods = {one["meta"] for one in drawn["data"]}
        assert ("grown" in methods) == (discovery == "biased")
    assert "digits/mark/20|uniform|0.5|score" in explorers(manifold_page)["sensitivity-ssd"][1]
    assert set(explorers(manifold_page)["sides"][1]) == {
        f"{scenario}|{discovery}" for scenario in scenarios for discovery in discoveries
    }


def test_every_maker_has_its_line_and_its_row(manifold, manifold_page):
    drawn = chart(manifold_page, "curves", "digits/poison/20", "uniform", "utility_test")
    dashes = {one["name"]: one["line"]["dash"] for one in drawn["data"] if one["meta"] == "original"}
    assert dashes == {"None (original)": "dash", "None (original, given)": "dot"}
    originals = manifold.originals.query("manipulation == 'poison' and maker == 'given'")
    given = 100 * originals["utility_test"].mean()
    assert trace(drawn, "None (original, given)")["y"] == pytest.approx([given] * 2, abs=0.01)
    assert "None (original, given)" in {row[0] for row in table(manifold_page, "Leaderboard of Digits")}


def test_a_method_that_runs_on_some_discoveries_only_is_not_ranked_and_says_so(manifold_page):
    ranks = {row[0]: row[1] for row in table(manifold_page, "Leaderboard of Digits")}
    assert ranks["GROWNon biased only"] == "–"  # noqa: RUF001
    assert all(ranks[method] != "–" for method in ("EU", "SSD", "OTHER"))  # noqa: RUF001


def test_a_measure_that_somebody_adds_is_shown_in_its_own_unit(manifold_page):
    (_, _, what), charts = explorers(manifold_page)["curves"]
    assert "margin" in what
    (drawn,) = charts["digits/poison/20|uniform|margin"]
    assert trace(drawn, "eu")["y"] == [12.345, 12.345]
    assert drawn["layout"]["yaxis"]["title"]["text"] == "points"
    assert drawn["layout"]["meta"] == "Logit margin"
    assert "margin" in explorers(manifold_page)["sensitivity-ssd"][0][-1]


def test_a_measure_that_does_not_apply_has_no_chart_and_a_reason(manifold_page):
    (_, _, what), charts = explorers(manifold_page)["curves"]
    assert "deletion_change" in what
    assert "digits/mark/20|uniform|deletion_change" not in charts
    reason = REASONS["deletion_change"]
    assert f"Deletion change does not apply to Digits, mark: {reason}." in said(manifold_page, "absent")
    assert not any("apply" in row[0] for row in table(manifold_page, "Provenance"))


def test_selections_are_listed_by_discovery(manifold_page):
    rows = table(manifold_page, "Selected hyperparameters of Digits, poison, n = 20, uniform discovery")
    assert [row[0] for row in rows] == ["EU", "SSD", "OTHER"]
    rows = table(manifold_page, "Selected hyperparameters of Digits, poison, n = 20, biased discovery")
    assert [row[0] for row in rows] == ["EU", "GROWN", "SSD", "OTHER"]


def test_a_repair_is_measured_against_the_methods_own_original():
    values = {
        "original": lambda place: 0.7 if place["maker"] == "given" else 0.1,
        "eu": 0.3,
        "other": 0.8,
    }
    changes = {"makers": ("standard", "given"), "maker_of": {"other": "given"}}
    sentences, cells = headline(values, **changes)
    assert "OTHER is best on affected test images: 80.0 %" in cells[0]
    assert "10.0 points above the original model made by given" in cells[0]
    assert sentences[0].startswith("OTHER has the highest accuracy on affected test images in all 4")
    sentences, cells = headline({**values, "eu": 0.05, "other": 0.6}, **changes)
    assert "no method is above its original model on affected test images" in cells[0]
    assert "the best, OTHER, has 60.0 %, its original 70.0 %." in cells[0]
    assert sentences[0].startswith("No method is above the original model")


# An original model that diverged


def test_an_original_that_diverged_is_the_first_thing_that_is_said():
    def dead(method, settings, place):
        gone = method == "original" and place["manipulation"] == "poison" and place["seed"] == 1
        return None if gone else noise(method, settings, place)

    first, *others = said(shown(measure=dead), "finding")
    assert first.startswith(
        "The original model of Digits, poison, n = 20 diverged in seed 1: it has no accuracies"
    )
    assert others and not any("diverged" in sentence for sentence in others)


@pytest.mark.parametrize("alive", ["methods", "nothing"])
def test_a_run_whose_originals_all_diverged_has_a_page(alive):
    def dead(method, settings, place):
        return None if method == "original" or alive == "nothing" else noise(method, settings, place)

    root = shown(measure=dead, makers=("standard", "given"), maker_of={"scrub": "given"})
    sentences = said(root, "finding")
    assert sentences[0].startswith(
        "The original model of Digits, poison, n = 20, made by standard, diverged in every"
    )
    assert len([one for one in sentences if one.startswith("The original model of")]) == 4
    rows = {row[0]: row[2] for row in table(root, "Leaderboard of Digits")}
    assert rows["None (original)"] == rows["None (original, given)"] == "– 2 seeds missing"  # noqa: RUF001
    assert rows["EU"].startswith("–") == (alive == "nothing")  # noqa: RUF001


def test_hostile_names_stay_text():
    label = '<script>alert("x")</script> & "quotes" \'n <b>'
    made = results(labels={"digits": label}, manipulations=("poison",), command=label)
    root = shown(made)
    scripts = [element.text for element in root.iter("script")]
    assert not any("alert" in text for text in scripts)
    assert not list(root.iter("b"))
    assert words(root.find("head/title")).endswith(label)
    assert f"{label}, poison, n = 20" in [words(option) for option in root.iter("option")]
    assert table(root, f"Leaderboard of {label}")
    assert table(root, f"Selected hyperparameters of {label}, poison, n = 20")


def test_labels_of_methods_stay_text_in_charts():
    styles = {"eu": {"label": "<b>EU</b> & {x} $y$"}}
    drawn = chart(shown(methods={"eu": {}}, styles=styles), "curves", "digits/poison/20", "removal_test")
    assert trace(drawn, "eu")["name"] == "&lt;b&gt;EU&lt;/b&gt; &amp; {x} $y$"  # plotly reads it as HTML


def test_no_two_shares_are_called_the_same():
    root = shown(shares=(0.5, 0.5000001), manipulations=("poison",))
    facts = dict(zip(map(words, root.findall(".//dt")), map(words, root.findall(".//dd")), strict=True))
    assert facts["Known share of the manipulated samples"] == "50, 50.00001 %"
    assert trace(chart(root, "curves", "digits/poison/20", "removal_test"), "eu")["x"] == [50, 50.00001]
    assert {"With 50 % known", "With 50.00001 % known"} <= {
        words(element).partition(",")[0] for element in section(root, "finding").findall(".//li")
    }


def test_a_dataset_may_be_called_1_and_a_method_null():
    root = shown(labels={"1": "One"}, methods={"null": {}, "eu": {}})
    assert {row[0] for row in table(root, "Leaderboard of One")} == {"NULL", "EU", "None (original)"}


def test_figures_of_a_manipulation_of_ones_own_are_named_once(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (990, 600)).save(path)
    named = {"blend_removal": ("blend", "removal_test")}
    root = shown(manipulations=("blend",), figures=named, drawn={"blend_removal": path})
    caption = words(root.find(".//figcaption"))
    assert len(re.findall("blend", caption, re.IGNORECASE)) == 1, caption
    assert "dashed line" in caption


@pytest.mark.parametrize(
    ("lost", "text"),
    [
        (lambda place: place["method"] == "ssd", "8 results are missing"),
        (
            lambda place: (
                (place["method"], place["manipulation"], place["seed"]) == ("eu", "poison", 0)
                and place["deletion_fraction"] == 0.5
            ),
            "1 result is missing",
        ),
    ],
)
def test_the_page_of_an_unfinished_run_says_so_before_anything_else(lost, text):
    header = shown(methods={"eu": {}, "ssd": {}, "cf": {}}, lost=lost).find(".//header")
    assert text in words(header.find(".//strong"))
