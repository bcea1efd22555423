"""The page of a made-up run, opened in a browser that cannot reach a network."""

import base64
import dataclasses
import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_up import METHODS, results
from made_up_cases import leave

import examples
import page as script
from redress.report.figures import PAPER, draw
from redress.report.page import render
from redress.report.paper import paper, save

selenium = pytest.importorskip("selenium.webdriver")
axe = pytest.importorskip("axe_core_python.selenium")

from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402


def first_of(*names):
    return next(filter(None, map(shutil.which, names)), None)


CHROMIUM = first_of("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMEDRIVER = first_of("chromedriver", "chromium-chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),  # one browser is enough
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER), reason="needs chromium and chromedriver (.ci/browser installs them)"
    ),
]

# A widescreen, a telephone, and the narrowest that the guidelines speak of (reflow at 400 %).
WIDE, PHONE, NARROW = 1200, 390, 320


FIGURES = {
    "figure2_poison_removal": ("poison", "removal_test"),
    "figure5_interclass_manipulated": ("interclass", "removal_train"),
}


@pytest.fixture(scope="module")
def run():
    """One seed, so that every value on the page is one of the tables: whole per mille, never rounded."""
    return results(
        methods={"eu": {}, "cf": {}, "ssd": METHODS["ssd"], "scrub": {"alpha": [0.1, 10], "steps": 4}},
        seeds=(0,),
        makers=("standard", "given"),
        maker_of={"cf": "given"},
        discoveries=("uniform", "biased"),
        figures=FIGURES,
        downloads=[f"tables/{name}.csv" for name in script.TABLES],
    )


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    """A folder with the page of the run, its tables, figures and a sheet of images."""
    folder = tmp_path_factory.mktemp("results")
    drawn = {name: folder / f"{name}.png" for name in FIGURES}
    with paper(**PAPER):
        for name, path in drawn.items():
            save(draw(run.selected, run.originals, *FIGURES[name], run.shown), path)
    sheet, images = folder / "poison.png", np.arange(8 * 36, dtype=np.uint8).reshape(8, 1, 6, 6)
    with paper():
        save(examples.sheet("Digits, poison", images, 255 - images, ["3"] * 8, ["0"] * 8), sheet)
    (folder / "tables").mkdir()
    for name in script.TABLES:
        getattr(run, name).to_csv(folder / f"tables/{name}.csv", index=False)
    complete = dataclasses.replace(run, figures=drawn, examples=[("digits", "poison", sheet)])
    (folder / "report.html").write_text(render(complete), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def address(folder):
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module", params=["run", "correction"])
def any_page(request, address, tmp_path_factory):
    """The address of the page of a run, and of that of a correction."""
    if request.param == "run":
        return address
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("correction"))
        leave("mine")
        return Path("results/corrections/mine/report.html").resolve().as_uri()


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # The path is given, so that selenium looks for no driver elsewhere.
    driver = selenium.Chrome(options=options, service=Service(executable_path=CHROMEDRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def opened(driver, address):
    """The page anew, as wide as a screen."""
    return open_at(driver, address, WIDE)


def open_at(driver, address, width):
    resize(driver, width)
    driver.get(address)
    WebDriverWait(driver, 30).until(drawn)
    return driver


def resize(driver, width):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def drawn(driver):
    """Whether all plots are there."""
    return driver.execute_script(
        "return [...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('svg.main-svg'))"
    )


def elements(driver, selector):
    return driver.find_elements("css selector", selector)


def explorer(driver, name):
    return driver.find_element("css selector", f"[data-charts='charts-{name}']")


def names(driver):
    return [one.get_attribute("data-charts").removeprefix("charts-") for one in elements(driver, ".explorer")]


def boxes(driver, name):
    return [Select(box) for box in explorer(driver, name).find_elements("css selector", "select")]


def plotted(driver, name):
    """Titles and traces of the plots that an explorer shows, as plotly holds them."""
    return driver.execute_script(
        "return [...arguments[0].querySelectorAll('.plot')].filter((plot) => plot.offsetParent)"
        ".map((plot) => ({title: plot.previousElementSibling.textContent,"
        " label: plot.getAttribute('aria-label'), data: JSON.parse(JSON.stringify(plot.data))}))",
        explorer(driver, name),
    )


# One file


def test_the_page_opens_without_a_word_and_without_a_request(driver, any_page):
    driver.get("about:blank")
    for kind in ("browser", "performance"):
        driver.get_log(kind)
    open_at(driver, any_page, WIDE)
    assert [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert any_page in sent
    assert [url for url in sent if not url.startswith(("file:", "data:", "blob:"))] == []
    assert [url for url in sent if url.startswith("file:")] == [any_page]


def test_the_browser_refuses_what_would_leave_the_machine(opened):
    refused = opened.execute_async_script(
        "const done = arguments[0]; fetch('http://127.0.0.1:9').then(() => done('sent'), () => 0);"
        "document.addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective))"
    )
    assert refused == "connect-src"


def test_the_page_is_small_enough_to_send(folder):
    assert (folder / "report.html").stat().st_size < 10e6


def test_links_lead_somewhere(opened, folder):
    links = [link.get_dom_attribute("href") for link in elements(opened, "a")]
    for link in links:
        if link.startswith("#"):
            assert elements(opened, link), link
        else:
            assert (folder / link).exists(), link
    assert {f"tables/{name}.csv" for name in ("candidates", "selected", "times", "summary")} <= set(links)


# What is drawn


def test_every_chart_and_image_is_to_be_seen(opened):
    assert names(opened) == ["cost", "curves", "sensitivity-ssd", "sensitivity-scrub", "regrets", "sides"]
    for one in elements(opened, ".plot"):
        assert min(one.size["width"], one.size["height"]) > 200
        shapes = one.find_elements("css selector", "svg.main-svg .trace, svg.main-svg .hm image")
        assert shapes, one.get_attribute("aria-label")
        assert one.get_attribute("aria-label")
    images = elements(opened, "img")
    assert len(images) == len(FIGURES) + 1
    for image in images:
        assert min(image.size["width"], image.size["height"]) > 100
        assert opened.execute_script("return arguments[0].complete && arguments[0].naturalWidth", image)


CHOOSE = """
const [explorer, values] = arguments;
explorer.querySelectorAll("[data-choice]").forEach((box, number) => {
  box.value = values[number];
  box.dispatchEvent(new Event("change"));
});
return [...explorer.querySelectorAll(".plot")].filter((plot) => plot.offsetParent)
  .map((plot) => ({
    title: plot.previousElementSibling.textContent,
    data: JSON.parse(JSON.stringify(plot.data)),
  }));
"""


def test_every_choice_shows_its_charts_or_says_that_there_is_nothing(opened):
    for name in names(opened):
        source = opened.find_element("id", f"charts-{name}").get_attribute("textContent")
        charts = json.loads(source)
        choices = [box for box in boxes(opened, name) if box._el.get_attribute("data-choice") is not None]
        values = [[option.get_attribute("value") for option in box.options] for box in choices]
        nothing = explorer(opened, name).find_element("css selector", ".nothing")
        for choice in itertools.product(*values):
            expected = charts.get("|".join(choice), [])
            shown = opened.execute_script(CHOOSE, explorer(opened, name), choice)
            assert [one["title"] for one in shown] == [one["layout"]["meta"] for one in expected], choice
            assert [heights(one["data"]) for one in shown] == [heights(one["data"]) for one in expected]
            assert nothing.is_displayed() == (not expected), choice


def heights(traces):
    return [one.get("z", one.get("y")) for one in traces]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_another_choice_is_another_chart(opened, number):
    box = boxes(opened, "curves")[number]
    before = plotted(opened, "curves")
    box.select_by_index(1)
    after = plotted(opened, "curves")
    assert heights(before[0]["data"]) != heights(after[0]["data"])
    assert (before[0]["title"] != after[0]["title"]) == (number == 2)


def test_the_curves_of_a_choice_are_those_of_the_tables(opened, run):
    scenario, discovery, measure, _ = boxes(opened, "curves")
    scenario.select_by_value("digits/interclass/20")
    discovery.select_by_value("biased")
    measure.select_by_value("utility_test")
    (plot,) = plotted(opened, "curves")
    assert plot["title"] == plot["label"] == measure.first_selected_option.text
    rows = run.selected.query("manipulation == 'interclass' and discovery == 'biased'").set_index("method")
    for method in run.labels:
        (trace,) = (one for one in plot["data"] if one["meta"] == method)
        assert trace["x"] == [50, 100]
        assert trace["y"] == pytest.approx(list(100 * rows.loc[method, "utility_test"]), abs=0.01)
    originals = run.originals[run.originals["manipulation"] == "interclass"].set_index("maker")
    lines = {one["name"]: one["y"] for one in plot["data"] if one["meta"] == "original"}
    for maker, name in (("standard", "None (original)"), ("given", "None (original, given)")):
        assert lines[name] == pytest.approx([100 * originals.loc[maker, "utility_test"]] * 2, abs=0.01)
    axis = opened.execute_script(
        "return arguments[0].querySelector('.plot')._fullLayout.yaxis.range", explorer(opened, "curves")
    )
    drawn_values = [y for one in plot["data"] for y in one["y"]]
    assert axis[0] < min(drawn_values) and max(drawn_values) < axis[1]


def test_a_highlighted_method_makes_the_others_faint(opened):
    boxes(opened, "curves")[-1].select_by_value("ssd")
    (plot,) = plotted(opened, "curves")
    bright = {one["meta"] for one in plot["data"] if one["opacity"] == 1}
    assert bright == {"ssd", "original"}
    assert all(one["opacity"] < 0.3 for one in plot["data"] if one["meta"] not in bright)


def test_pointing_at_a_curve_shows_its_values(opened, run):
    plot = explorer(opened, "curves").find_element("css selector", ".plot")
    opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
    point = plot.find_element("css selector", ".scatterlayer .trace .point")
    ActionChains(opened).move_to_element(point).perform()
    hover = "return [...arguments[0].querySelectorAll('.hoverlayer text')].map((text) => text.textContent)"
    texts = WebDriverWait(opened, 10).until(lambda driver: driver.execute_script(hover, plot))
    rows = run.selected.query(
        "manipulation == 'poison' and discovery == 'uniform' and deletion_fraction == 0.5"
    )
    assert len(rows) == len(run.labels)
    for value in rows["removal_test"]:
        assert any(f"{100 * value:.1f}" in text for text in texts), texts


def test_legends_are_not_cut_off(opened):
    for text in elements(opened, ".plot .legend .legendtext"):
        visible = opened.execute_script(
            "const box = arguments[0].getBoundingClientRect();"
            "const frame = arguments[0].closest('svg').getBoundingClientRect();"
            "const clip = arguments[0].closest('.legend').querySelector('.bg').getBoundingClientRect();"
            "return box.right <= Math.min(frame.right, clip.right) + 1 && box.left >= frame.left",
            text,
        )
        assert visible, text.text


# Every screen


@pytest.mark.parametrize("width", [WIDE, PHONE, 360, NARROW])
def test_the_page_does_not_scroll_sideways_but_tables_do(driver, any_page, width):
    open_at(driver, any_page, width)
    page, screen = driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert page <= screen == width
    for region in elements(driver, ".scroll"):
        if region.is_displayed():
            inner, outer, overflow = driver.execute_script(
                "const [region] = arguments; return [region.scrollWidth, region.clientWidth,"
                " getComputedStyle(region).overflowX]",
                region,
            )
            assert outer <= width
            assert overflow == "auto" or inner <= outer
            assert region.get_attribute("aria-label") and region.get_attribute("tabindex") == "0"


def test_plots_follow_the_width_of_the_window(driver, address):
    open_at(driver, address, WIDE)
    resize(driver, PHONE)
    widths = "return [...document.querySelectorAll('.plot .main-svg')].map((svg) => svg.clientWidth)"
    WebDriverWait(driver, 10).until(lambda driver: max(driver.execute_script(widths)) < PHONE)


# Everybody


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_no_rule_of_accessibility_is_broken(driver, any_page, width):
    open_at(driver, any_page, width)
    driver.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
    found = axe.Axe().run(driver, options=rules)["violations"]
    broken = [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['html'][:150]}"
        for rule in found
        for node in rule["nodes"]
    ]
    assert not broken, "\n".join(broken)


def test_select_boxes_can_be_used_with_the_keyboard(opened):
    box = boxes(opened, "curves")[0]
    before = plotted(opened, "curves")
    box._el.send_keys("digits, i")
    assert box.first_selected_option.get_attribute("value") == "digits/interclass/20"
    assert plotted(opened, "curves") != before


# Paper


def test_the_page_prints_on_more_than_one_sheet(opened):
    opened.get_log("browser")
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        for hidden in elements(opened, "nav, .controls"):
            assert not hidden.is_displayed()
        printed = opened.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    document = base64.b64decode(printed["data"])
    assert document.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", document)) > 1
    assert opened.get_log("browser") == []


def test_a_printed_chart_says_what_it_shows(opened):
    # On paper the select boxes are gone.
    box = boxes(opened, "curves")[0]
    box.select_by_value("digits/interclass/20")
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert "interclass" in explorer(opened, "curves").text
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
