"""The documentation says what is so: the reference of the config, the graph of rules, every link."""

import dataclasses
import inspect
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from urllib.parse import unquote, urlsplit

import pandas as pd
import pytest
import yaml
from project import ROOT, Project

from redress import plugins
from redress.adversary.manipulation import Manipulation
from redress.formats.measures import STANDARD, measures

CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
HOLDERS = {
    "datasets": "describe",
    "models": "build",
    "manipulations": None,
    "originals": "make",
    "discoveries": "discover",
    "expansions": "expand",
    "bounds": "train_on",
    "methods": "unlearn",
    "selections": "key",
}
SUPPLIED = [
    "margins",
    "weights",
    "original",
    "healed",
]  # keywords that are given by the program, not by a config
PLUGINS = [
    (package, path.stem)
    for package in HOLDERS
    for path in sorted((ROOT / "workflow/scripts/redress/plugins" / package).glob("[!_]*.py"))
]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "results/README.md", ROOT / "config/README.md"]
PAGES += sorted(ROOT.glob("docs/**/*.md"))
PAGE_NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


# docs/configuration.md


def one_line(text):
    """`text` without line breaks, bars as they were before a table needed them escaped."""
    return " ".join(text.replace("\\|", "|").split())


def described(rules):
    """Every property anywhere in the schema: (name, its own description or None)."""
    if isinstance(rules, list):
        for inner in rules:
            yield from described(inner)
    if isinstance(rules, dict):
        for name, inner in rules.get("properties", {}).items():
            yield name, inner.get("description")
        for inner in rules.values():
            yield from described(inner)


def test_the_reference_is_what_the_script_writes(tmp_path):
    path = tmp_path / "configuration.md"
    subprocess.run([sys.executable, ROOT / "docs/configuration.py", "--output", path], check=True)
    assert path.read_text() == CONFIGURATION, "run `make docs`"


def test_the_reference_has_every_key_with_its_description():
    known = list(described(SCHEMA))
    assert len(known) > 40
    text = one_line(CONFIGURATION)
    for name, description in known:
        assert f"| `{name}` |" in CONFIGURATION
        assert description is None or one_line(description) in text, name
    for name, rules in SCHEMA["$defs"].items():
        assert one_line(rules["description"]) in text, name


def settings_of(package, name):
    """Name to default of a plugin's settings, from the imported code; `...` where there is none."""
    module = plugins.load(package, name)
    if HOLDERS[package]:
        parameters = inspect.signature(getattr(module, HOLDERS[package])).parameters.values()
        pairs = [
            (one.name, one.default)
            for one in parameters
            if one.kind is one.KEYWORD_ONLY and one.name not in SUPPLIED
        ]
        return {key: ... if value is inspect.Parameter.empty else value for key, value in pairs}
    (kind,) = (
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Manipulation) and thing.__module__ == module.__name__
    )
    fields = dataclasses.fields(kind)
    return {one.name: ... if one.default is dataclasses.MISSING else one.default for one in fields}


@pytest.mark.parametrize(("package", "name"), PLUGINS)
def test_the_reference_has_every_plugin_with_its_settings(package, name):
    (section,) = re.findall(rf"^### `{name}`$(.*?)(?=^##|\Z)", CONFIGURATION, re.MULTILINE | re.DOTALL)
    assert inspect.getdoc(plugins.load(package, name)).split("\n")[0] in section
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (.*) \|$", section, re.MULTILINE))
    settings = settings_of(package, name)
    assert list(rows) == list(settings)
    for key, default in settings.items():
        written = rows[key].strip("` ")
        if default is ...:
            assert written == "required"
        else:
            assert written == ("" if default is None else str(default))


def test_the_reference_has_every_package_of_plugins_but_the_importances():
    packages = {
        path.parent.name for path in (ROOT / "workflow/scripts/redress/plugins").glob("*/__init__.py")
    }
    assert packages == {*HOLDERS, "importances", "measures"}
    for package in packages - {"importances"}:
        assert f"Files in `workflow/scripts/redress/plugins/{package}/`" in CONFIGURATION


def test_the_reference_has_every_standard_measure():
    for file in STANDARD:
        (section,) = re.findall(rf"^### `{file}`$(.*?)(?=^##|\Z)", CONFIGURATION, re.MULTILINE | re.DOTALL)
        assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(measures([file]))


# docs/figures/rules.svg


def test_the_graph_of_rules_is_that_of_the_default_experiment(tmp_path):
    drawn = re.findall(r"<text [^>]*>([^<]+)</text>", (ROOT / "docs/figures/rules.svg").read_text())
    graph = Project.copy(tmp_path).run("snakemake", "--rulegraph", "dot")
    assert graph.returncode == 0, graph.stderr
    rules = re.findall(r'label = "(\w+)"', graph.stdout)
    assert sorted(drawn) == sorted(set(rules) - {"all"}), "run `make rulegraph`"
    assert "unlearn_ssd" in drawn


# Links


def prose(page):
    """The page without code."""
    return re.sub(r"`[^`\n]+`", "", without_fences(page))


def without_fences(page):
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def links(page):
    """What the page links to or shows."""
    text = prose(page)
    inline = re.findall(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)", text)
    referred = re.findall(r"^\[[^\]]+\]:\s*(\S+)", text, re.MULTILINE)
    return inline + referred + re.findall(r'\b(?:href|src|srcset)="([^"]+)"', text)


@cache
def anchors(page):
    """The anchors of the page's headings, as GitHub makes them."""
    found, seen = set(), Counter()
    for heading in re.findall(r"^ {0,3}#{1,6} +(.+?)(?: +#+)?$", without_fences(page), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def in_repository(path):
    """Whether git has `path`, or would take it; without git, whether it is there."""
    listing = ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "--", path]
    try:
        listed = subprocess.run(listing, capture_output=True, text=True)
    except FileNotFoundError:
        return path.exists()
    return path.exists() and (listed.returncode != 0 or bool(listed.stdout))


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_links_lead_somewhere(page):
    for link in links(page):
        target = urlsplit(link)
        if target.scheme:
            assert target.scheme in ("http", "https", "mailto"), link
            assert target.scheme == "mailto" or "." in target.netloc, link
            continue
        path = (page.parent / unquote(target.path)).resolve() if target.path else page
        assert path.is_relative_to(ROOT), link
        assert in_repository(path), f"{link}: not there, or ignored by git"
        if target.fragment:
            assert target.fragment in anchors(path), link


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_link_labels_are_defined(page):
    text = prose(page)
    used = {label or shown for shown, label in re.findall(r"\[([^\]]+)\]\[([^\]]*)\]", text)}
    defined = set(re.findall(r"^\[([^\]]+)\]:", text, re.MULTILINE))
    assert used == defined


@pytest.mark.parametrize("page", PAGES, ids=PAGE_NAMES)
def test_no_path_of_one_machine_is_named(page):
    text = page.read_text()
    assert not re.findall(r"(?<![\w.~>-])/(?:work|home|root|tmp|mnt|opt|var|Users|private)/\S*", text)
    assert "../shared" not in text


def test_links_are_found_and_anchors_made_as_on_github(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A `code.<name>` title, *twice*\n## Twice\n## Twice\n"
        '[a](b.md#c) ![d](e.png "f") [![g](h.svg)](i) [k][l] <img src="m.png"> `[n](o)`\n'
        "```\n# no heading\n[p](q)\n```\n[l]: https://r.org\n"
    )
    assert links(page) == ["b.md#c", "e.png", "h.svg", "i", "https://r.org", "m.png"]
    assert anchors(page) == {"a-codename-title-twice", "twice", "twice-1"}


def test_the_readme_links_to_the_rest_of_the_documentation():
    linked = {urlsplit(link).path for link in links(ROOT / "README.md")}
    assert {f"docs/{page.name}" for page in ROOT.glob("docs/*.md")} <= linked


def test_the_results_are_those_of_the_committed_table():
    summary = pd.read_csv(ROOT / "docs/reference/digits/summary.csv")
    overall = summary[summary["manipulation"].isna()].set_index(["measure", "method"])
    text = (ROOT / "docs/results.md").read_text()
    rows = [
        line.strip("| ").split(" | ")
        for line in text.splitlines()
        if re.match(r"\| (EU|SSD|SCRUB|CF|BadT|NPO|DELETE) ", line)
    ]
    assert len(rows) == 7
    for label, rank, *cells in rows:
        measures = ("utility_times_healed", "discovery_area", "utility_lost_points")
        for measure, cell in zip(measures, cells, strict=True):
            row = overall.loc[(measure, label.lower())]
            scale = 1 if measure.endswith("points") else 100
            mean, low, high = (f"{scale * row[part]:z.1f}" for part in ("mean", "low", "high"))
            assert cell == f"{mean} ({low} to {high})"
        row = overall.loc[("utility_times_healed", label.lower())]
        assert rank.split(" to ") == list(
            dict.fromkeys(f"{row[end]:.0f}" for end in ("best_rank", "worst_rank"))
        )


def test_the_judges_figures_are_those_of_the_committed_table():
    summary = pd.read_csv(ROOT / "docs/reference/judge-digits/judge_summary.csv")
    text = (ROOT / "docs/judging.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.count(" | ") == 11][1:]
    assert len(rows) == len(summary) > 1
    signed = ("bias", "bias_in_sample")
    percents = ("coverage", "coverage_expected")
    worths = ("worth_before", "worth_today", "worth_taken", "worth_offered", "worth_oracle")
    for row, (_, said) in zip(rows, summary.iterrows(), strict=True):
        assert row[0].startswith("all" if pd.isna(said["manipulation"]) else said["manipulation"])
        assert row[1:3] == [str(said["seeds"]), str(said["candidates"])]
        expected = [f"{100 * said[name]:+.1f}" for name in signed]
        expected += [f"{100 * said[name]:.0f}" for name in (*percents, *worths)]
        expected = ["–" if "nan" in one else one for one in expected]  # noqa: RUF001
        assert [cell.replace("−", "-") for cell in row[3:]] == expected  # noqa: RUF001
