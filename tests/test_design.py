"""Proofs of the design: something new is one file and its block in config, and nothing else.

The real snakemake runs them, from the images to the page. The plug-ins are the files in tests/design/. What
tables say of them is counted once more here, from the files of results alone.
"""

import copy
import hashlib
import html
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from project import Project
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from redress.formats.errors import BadInputError
from redress.formats.measures import measure
from redress.plugins.models import resnet9

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("design")]

DESIGN = Path(__file__).parent / "design"
PLUGINS = "workflow/scripts/redress/plugins"
FINAL = {"collect": 1, "summarise": 1, "plot": 1, "page": 1}
N = 40
WIDTH = 2


def config(manipulations, **blocks):
    """A config small enough to run in seconds."""
    digits = {
        "validation_size": 197,
        "model": {"name": "resnet9", "width": WIDTH},
        "recipe": {"steps": 80, "batch_size": 32, "crop_padding": 1, "flip": False, "precision": "float32"},
        "manipulations": {name: {"n": [N], **settings} for name, settings in manipulations.items()},
    }
    return {"seeds": [0], "deletion_fractions": [0.5], "datasets": {"digits": digits}, **blocks}


def method(steps, **block):
    return {"use": "cf", "grid": {"steps": steps}, "candidates_per_job": 9, **block}


FOUND = config(
    {
        "poison2": {"use": "poison", "patch_size": 2},
        "poison4": {"use": "poison", "patch_size": 4},
        "clean_label": {},
    },
    discoveries={"false_alarms": {"rate": 0.2}, "one_class": {}},
    measures=["variety"],
    methods={"cf": method([2, 4, 6])},
)
FILES_OF_FOUND = [
    "discoveries/false_alarms.py",
    "discoveries/one_class.py",
    "manipulations/clean_label.py",
    "measures/variety.py",
]

MADE = config(
    {"wandering": {}},
    originals={
        "standard": {},
        "smooth": {"use": "smoothed", "smoothing": 0.2},
        "mine": {"use": "given", "path": "data/mine.safetensors"},
    },
    expansions={"nearest": {"added": 7}},
    methods={
        "cf": method([2, 4]),
        "cf-grown": method([2, 4], expansion="nearest"),
        "cf-smooth": method([2, 4], maker="smooth"),
        "cf-mine": method([2, 4], maker="mine"),
        "ssd": {"grid": {"alpha": 10}},
    },
    save_models="selected",
)
FILES_OF_MADE = ["expansions/nearest.py", "originals/smoothed.py", "manipulations/wandering.py"]
MAKERS = {
    "cf": "standard",
    "cf-grown": "standard",
    "cf-smooth": "smooth",
    "cf-mine": "mine",
    "ssd": "standard",
}


# Two projects, each run once


def contents(project):
    """SHA-256 of every file of the project's own."""
    made = {"results", ".snakemake", "data", "__pycache__"}
    paths = (path for path in project.folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(project.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if not made & set(path.relative_to(project.folder).parts)
    }


def add(project, files):
    for file in files:
        shutil.copy(DESIGN / Path(file).name, project.folder / PLUGINS / file)


def changed_by_a_run(folder, content, files, weights=None):
    """The project after the run, and which of its files are not as in the copy it began with."""
    project = Project.copy(folder)
    before = contents(project)
    add(project, files)
    project.configure(content)
    if weights:
        bring(project, weights)
    project.snakemake()
    after = contents(project)
    return project, {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


@pytest.fixture(scope="module")
def run_of_found(tmp_path_factory):
    return changed_by_a_run(tmp_path_factory.mktemp("found"), FOUND, FILES_OF_FOUND)


@pytest.fixture(scope="module")
def run_of_made(tmp_path_factory):
    return changed_by_a_run(tmp_path_factory.mktemp("made"), MADE, FILES_OF_MADE, weights_by_hand(seed=0))


@pytest.fixture(scope="module")
def found(run_of_found):
    """Discoveries, manipulations and a measure of our own. Not to be changed."""
    return run_of_found[0]


@pytest.fixture(scope="module")
def made(run_of_made):
    """Originals, an expansion and a mark of our own. Not to be changed."""
    return run_of_made[0]


@pytest.fixture
def found_copy(found, tmp_path):
    return found.duplicate(tmp_path / "project")


@pytest.fixture
def made_copy(made, tmp_path):
    return made.duplicate(tmp_path / "project")


def weights_by_hand(seed):
    """Weights of the network that are the same on every machine, as arrays by name."""
    generator = np.random.default_rng(seed)
    weights = {}
    for name, tensor in resnet9.build(1, 10, width=WIDTH).state_dict().items():
        value = tensor.numpy().copy()
        if value.ndim > 1:
            value = generator.normal(0, np.sqrt(2 / np.prod(value.shape[1:])), value.shape)
        weights[name] = value.astype(tensor.numpy().dtype)
    return weights


def bring(project, weights):
    path = project.folder / "data/mine.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file(weights, path)


def planned(project, *arguments):
    """How many jobs of which rule a run would do, as the dry run says."""
    said = project.snakemake("--dry-run", *arguments).stdout
    jobs = re.findall(r"^([\w-]+) +(\d+)$", said, flags=re.MULTILINE)
    assert jobs or "Nothing to be done" in said
    return {rule: int(count) for rule, count in jobs if rule not in ("total", "all")}


# The files of results, read without the project's own functions


def header(path):
    """What a file says of itself."""
    with safe_open(path, framework="numpy") as file:
        content = json.loads(file.metadata()["redress"])
    return {**json.loads(content["about"]), "seal": content["sha256"]}


def table(project, name):
    return pd.read_csv(project.folder / f"results/tables/{name}.csv")


def page(project):
    """The page's text, tags left out, and all that it holds."""
    content = (project.folder / "results/report.html").read_text()
    text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", content, flags=re.DOTALL)
    return " ".join(html.unescape(text).split()), content


class Files:
    """Files of one manipulation, and what they say by an independent count."""

    def __init__(self, project, manipulation):
        self.results = project.folder / "results"
        self.run = self.results / f"runs/digits/{manipulation}/n{N}/seed0"
        path = self.results / f"truth/digits/{manipulation}/n{N}/seed0.safetensors"
        self.truth, self.about = load_file(path), header(path)
        self.labels = load_file(self.results / "truth/digits/labels.safetensors")
        self.training_set = load_file(self.run / "training_set.safetensors")
        self.given = self.training_set["given_labels"]
        self.pictures = load_file(self.results / "data/digits.safetensors")
        self.manipulated = self.truth["manipulated"]
        self.true = self.labels["train_labels"]
        self.labels_in_doubt = bool((self.given != self.true).any())

    def original(self, maker="standard", name="original"):
        return self.run / maker / f"{name}.safetensors"

    def deletion_set(self, discovery="uniform", expansion="none", maker="standard"):
        return self.run / f"{maker}/deletion_sets/{expansion}/{discovery}/0.5.safetensors"

    def deletion(self, *names, **keywords):
        return load_file(self.deletion_set(*names, **keywords))["indices"]

    def candidate(self, method, steps, discovery="uniform", maker="standard"):
        return self.run / f"{maker}/unlearn/{method}/{discovery}/0.5/{steps}.safetensors"

    def probes(self, predictions):
        return {name: predictions[f"probe{number}"] for name, number in self.about["probes"].items()}

    def count(self, path, deletion=()):
        """The figures of a model from what it predicts; None for those that do not apply."""
        predictions = load_file(path)
        probes = self.probes(predictions)
        correct = probes["manipulated"] == self.true[self.manipulated]
        known = np.array([sample in set(deletion) for sample in self.manipulated.tolist()])
        test = self.labels["test_labels"]
        affected, target = test[self.truth["affected"]], self.about["attack_target"]
        change = predictions["deletion"] != self.given[np.asarray(deletion, int)]
        return {
            "validation_accuracy": share(predictions["validation"] == self.pictures["validation_labels"]),
            "deletion_change": share(change) if self.labels_in_doubt else None,
            "removal_test": share(probes["affected"] == affected),
            "removal_train": share(correct),
            "removal_train_discovered": share(correct[known]),
            "removal_train_undiscovered": share(correct[~known]),
            "utility_test": share(probes["unaffected"] == test[self.truth["unaffected"]]),
            "attack_success_rate": share(probes["affected"][affected != target] == target),
        }


def share(which):
    return sum(which.tolist()) / len(which) if len(which) else None


def network(weights):
    """The network in evaluation mode, of a file's weights."""
    model = resnet9.build(1, 10, width=WIDTH)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return model.eval()


def see(model, files, pictures):
    """What a network says of pictures (B, C, H, W) on the scale 0 to 255, as an array."""
    about = header(files.results / "data/digits.safetensors")
    inputs = (pictures / 255 - about["mean"][0]) / about["deviation"][0]
    with torch.inference_mode():
        return model(torch.tensor(inputs, dtype=torch.float32)).numpy()


def striped(pictures, indices):
    """Pictures with the stripe of wandering.py: half white in the column that follows from the index."""
    altered = pictures.astype(float)
    for picture, index in zip(altered, indices, strict=True):
        column = picture[:, :, index % 16]
        column[:] = column / 2 + 255 / 2
    return altered


def training_pictures(files):
    """S_tr as the developer of `wandering` has it, without augmentation."""
    pictures = files.pictures["train_images"].astype(float)
    pictures[files.manipulated] = striped(pictures[files.manipulated], files.manipulated)
    return pictures


def assert_agree(predicted, logits):
    """Classes are those of the logits; rounding may tip one that stands on the edge."""
    assert len(predicted) == len(logits)
    assert np.count_nonzero(predicted != logits.argmax(1)) <= len(logits) // 100


# What was added, and nothing else


def test_what_is_new_is_one_file_each_and_config(run_of_found, run_of_made):
    for (_, changed), files in ((run_of_found, FILES_OF_FOUND), (run_of_made, FILES_OF_MADE)):
        assert changed == {"config.yaml", *(f"{PLUGINS}/{file}" for file in files)}


def rows_of(project, made_by):
    """Every row of candidates.csv with the files behind it: their folder, the predictions and S_f."""
    for row in table(project, "candidates").to_dict("records"):
        files = Files(project, row["manipulation"])
        if row["method"] == "original":
            yield row, files, files.original(row["maker"], "predictions"), ()
            continue
        grown = row["expansion"] if isinstance(row["expansion"], str) else "none"
        deletion = files.deletion(row["discovery"], grown, row["maker"])
        given = json.loads(row["hyperparameters"])
        name = ",".join(f"{key}={given[key]}" for key in sorted(given))
        assert row["maker"] == made_by[row["method"]]
        yield row, files, files.candidate(row["method"], name, row["discovery"], row["maker"]), deletion


@pytest.mark.parametrize(
    ("name", "made_by", "number"), [("found", {"cf": "standard"}, 3 + 18), ("made", MAKERS, 3 + 9)]
)
def test_every_figure_of_the_table_is_what_an_independent_count_gives(name, made_by, number, request):
    rows = list(rows_of(request.getfixturevalue(name), made_by))
    assert len(rows) == number
    for row, files, path, deletion in rows:
        assert row["deletion_size"] == len(deletion) or (row["method"] == "original" and not len(deletion))
        expected = files.count(path, deletion)
        written = {name: None if pd.isna(row[name]) else row[name] for name in expected}
        assert written == pytest.approx(expected), path


def test_predictions_on_s_f_are_those_of_its_samples_in_its_order(found, made):
    """Those of S_m among them are predicted a second time, as probes."""
    for project, made_by in ((found, {"cf": "standard"}), (made, MAKERS)):
        for _, files, path, deletion in rows_of(project, made_by):
            predictions = load_file(path)
            of_sample = dict(
                zip(files.manipulated.tolist(), files.probes(predictions)["manipulated"], strict=True)
            )
            assert len(predictions["deletion"]) == len(deletion)
            for sample, predicted in zip(list(deletion), predictions["deletion"], strict=True):
                assert of_sample.get(sample, predicted) == predicted


# Discoveries


@pytest.mark.parametrize("manipulation", FOUND["datasets"]["digits"]["manipulations"])
def test_a_discovery_may_hold_clean_samples(found, manipulation):
    files = Files(found, manipulation)
    deletion = files.deletion("false_alarms")
    assert len(set(deletion.tolist())) == len(deletion) == N // 2
    assert np.isin(deletion, files.manipulated).sum() == N // 2 * 0.8


@pytest.mark.parametrize("manipulation", FOUND["datasets"]["digits"]["manipulations"])
def test_a_discovery_may_find_one_class_only(found, manipulation):
    files = Files(found, manipulation)
    deletion = files.deletion("one_class")
    (only,) = set(files.true[deletion].tolist())
    of_class = files.manipulated[files.true[files.manipulated] == only]
    assert deletion.tolist() == of_class.tolist()[: N // 2]
    assert manipulation == "clean_label" or len(deletion) < N // 2


def test_tables_and_page_tell_discoveries_apart(found):
    text, _ = page(found)
    for name in ("candidates", "selected", "summary"):
        assert set(table(found, name)["discovery"].dropna()) == {"false_alarms", "one_class"}
    for discovery in ("false_alarms", "one_class"):
        assert f"digits, poison4, {N} manipulated samples, {discovery} discovery" in text


# Two sizes of a patch


def test_two_blocks_of_a_manipulation_draw_the_same_samples_and_alter_them_otherwise(found):
    small, large = Files(found, "poison2"), Files(found, "poison4")
    for name in ("manipulated", "affected", "unaffected"):
        assert small.truth[name].tolist() == large.truth[name].tolist()
    for files, size in ((small, 2), (large, 4)):
        (mark,) = files.training_set["train.alpha"]
        expected = np.zeros((1, 16, 16))
        expected[0, -size:, -size:] = 1
        assert mark.tolist() == expected.tolist()
    sheets = [found.folder / f"results/figures/examples/digits/poison{size}.png" for size in (2, 4)]
    assert sheets[0].read_bytes() != sheets[1].read_bytes()


def test_each_block_of_a_manipulation_has_figures_and_a_place_on_the_page(found):
    text, _ = page(found)
    for block in ("poison2", "poison4"):
        for figure in ("removal", "utility", "manipulated"):
            for ending in ("pdf", "png"):
                assert (found.folder / f"results/figures/{block}_{figure}.{ending}").stat().st_size > 1000
        assert f"digits, {block}, n = {N}" in text
        assert block in set(table(found, "summary")["manipulation"])


# Labels that stay


def test_deletion_change_does_not_apply_where_labels_stay(found):
    files = Files(found, "clean_label")
    assert files.given.tolist() == files.true.tolist()
    assert set(files.true[files.manipulated]) == {0}
    for name in ("candidates", "selected"):
        rows = table(found, name)
        clean = rows["manipulation"] == "clean_label"
        assert rows.loc[clean, "deletion_change"].isna().all()
        assert rows.loc[~clean & (rows["method"] != "original"), "deletion_change"].notna().all()
    summary = table(found, "summary")
    with_change = set(summary.loc[summary["measure"] == "deletion_change", "manipulation"])
    assert with_change == {"poison2", "poison4"}


def test_selection_goes_by_validation_accuracy_alone_where_labels_stay(found):
    candidates = table(found, "candidates").query("method == 'cf'")
    selected = table(found, "selected").set_index(["manipulation", "discovery"])
    for (manipulation, discovery), rows in candidates.groupby(["manipulation", "discovery"]):
        score = 0.5 * rows["validation_accuracy"]
        if manipulation != "clean_label":
            score += 0.5 * rows["deletion_change"]
        chosen = selected.loc[(manipulation, discovery)]
        assert chosen["score"] == pytest.approx(score.max())
        best = rows["hyperparameters"][score > score.max() - 1e-9]
        assert chosen["hyperparameters"] in set(best)
    path = Files(found, "clean_label").run / "standard/selection.json"
    weights = [one["weights"] for one in json.loads(path.read_text())["selections"]]
    assert weights == [{"validation_accuracy": 0.5}] * 2


def test_the_page_says_that_and_why_deletion_change_does_not_apply(found):
    text, _ = page(found)
    reason = "the manipulated samples kept their true labels"
    assert f"Deletion change does not apply to digits, clean_label: {reason}." in text


# A measure


def test_a_measure_stands_in_tables_with_its_unit_and_on_the_page(found):
    rows = table(found, "candidates")
    for row, files, path, _ in rows_of(found, {"cf": "standard"}):
        classes = files.probes(load_file(path))["affected"]
        assert row["classes_predicted"] == len(set(classes.tolist()))
    own = table(found, "summary").query("measure == 'classes_predicted'")
    assert set(own["unit"]) == {"classes"}
    assert set(own["method"]) == {"original", "cf"}
    originals = rows[rows["method"] == "original"].set_index("manipulation")
    assert "took" in set(originals["attack"])
    for row in own[own["method"] == "original"].to_dict("records"):
        original = originals.loc[row["manipulation"]]
        expected = original["classes_predicted"] if original["attack"] == "took" else np.nan
        assert row["mean"] == pytest.approx(expected, nan_ok=True)
    text, content = page(found)
    assert "Classes seen in affected test images" in text
    assert re.search(r'"title": \{"text": "[^"]*\bclasses\b', content)


# An expansion


def test_an_expansion_adds_what_brute_force_finds_nearest(made):
    files = Files(made, "wandering")
    before, after = files.deletion(), load_file(files.deletion_set(expansion="nearest"))
    body = network(load_file(files.original()))[:-1]
    features = see(body, files, training_pictures(files))
    distances = np.full(len(features), np.inf)
    for sample in before:
        distances = np.minimum(distances, np.linalg.norm(features - features[sample], axis=1))
    np.testing.assert_allclose(after["scores"], -distances, atol=1e-3 * features.std())
    kept, added = after["indices"][: N // 2], after["indices"][N // 2 :]
    assert kept.tolist() == before.tolist()
    assert len(set(added.tolist()) - set(before.tolist())) == 7
    outside = np.setdiff1d(np.arange(len(features)), before)
    limit = np.sort(distances[outside])[6]
    assert (distances[added] <= limit + 1e-3 * features.std()).all()


def test_a_method_on_the_grown_set_stands_beside_itself_on_the_plain_one(made):
    text, content = page(made)
    for name in ("candidates", "selected"):
        rows = table(made, name)
        sizes = rows.groupby("method")["deletion_size"].unique()
        assert (sizes["cf"].tolist(), sizes["cf-grown"].tolist()) == ([N // 2], [N // 2 + 7])
        assert set(rows.loc[rows["method"] == "cf-grown", "expansion"]) == {"nearest"}
        assert rows.loc[rows["method"] != "cf-grown", "expansion"].isna().all()
    summary = table(made, "summary")
    assert {"cf", "cf-grown"} <= set(summary["method"])
    assert set(summary.loc[summary["method"] == "cf-grown", "expansion"]) == {"nearest"}
    assert re.search(r"CF-GROWN on [\w ]*grown by nearest", text)
    for label in ("CF", "CF-GROWN"):
        assert re.search(rf'<th scope="row">(<span[^>]*></span>)?\s*{label}\s*<', content)
        assert f'"name": "{label}"' in content


def test_predictions_on_clean_samples_of_a_grown_set_are_the_kept_models(made):
    files = Files(made, "wandering")
    selections = json.loads((files.run / "standard/selection.json").read_text())["selections"]
    (name,) = (one["selected"] for one in selections if one["cell"]["method"] == "cf-grown")
    deletion = files.deletion(expansion="nearest")
    model = network(load_file(files.run / "standard/models/cf-grown/uniform/0.5.safetensors"))
    predictions = load_file(files.candidate("cf-grown", name))
    assert_agree(predictions["deletion"], see(model, files, training_pictures(files)[deletion]))


# Makers of M_o


def test_each_maker_has_an_original_of_its_own(made):
    files = Files(made, "wandering")
    standard, smooth, mine = (load_file(files.original(maker)) for maker in ("standard", "smooth", "mine"))
    learned = [name for name, array in standard.items() if array.ndim > 1]
    assert learned
    assert not any(np.array_equal(standard[name], smooth[name]) for name in learned)
    brought = load_file(made.folder / "data/mine.safetensors")
    assert all(np.array_equal(mine[name], array) for name, array in brought.items())
    originals = table(made, "candidates").query("method == 'original'")
    assert originals["maker"].tolist() == ["standard", "smooth", "mine"]
    assert header(files.original("smooth"))["provenance"]["settings"]["settings"] == {"smoothing": 0.2}


def test_a_method_starts_from_and_is_measured_against_the_original_of_its_maker(made):
    files = Files(made, "wandering")
    for method, maker in MAKERS.items():
        for path in (files.run / maker / "unlearn" / method).rglob("*.safetensors"):
            assert header(path)["made_from"]["original"] == header(files.original(maker))["seal"]
    cells = table(made, "summary").query("discovery == 'uniform' and deletion_fraction == 0.5")
    failed = table(made, "candidates").query("method == 'original'").set_index("maker")["attack"] == "failed"
    for _, rows in cells.groupby("measure"):
        originals = rows[rows["method"] == "original"].set_index("maker")["mean"]
        for row in rows[rows["method"] != "original"].to_dict("records"):
            assert row["maker"] == MAKERS[row["method"]]
            assert row["failed_seeds"] == failed[row["maker"]]
            if row["maker"] in originals:
                difference = row["mean"] - originals[row["maker"]]  # NaN where the attack failed
                assert row["difference_to_original"] == pytest.approx(difference, nan_ok=True)
    assert set(cells["method"]) == {"original", *MAKERS}


def test_the_page_shows_every_original(made):
    text, _ = page(made)
    assert "Makers of the original models standard, smooth, mine" in text
    for label in ("None (original)", "None (original, smooth)", "None (original, mine)"):
        assert label in text


def test_weights_that_somebody_brought_predict_as_they_do_elsewhere(made):
    files = Files(made, "wandering")
    assert load_file(files.original("mine", "training_log"))["margins"].shape == (len(files.true), 0)
    predictions = load_file(files.original("mine", "predictions"))
    logits = see(network(weights_by_hand(seed=0)), files, files.pictures["validation_images"].astype(float))
    assert_agree(predictions["validation"], logits)


# A mark that depends on the sample


def columns(files, arrays, name):
    """The column of the stripe that each sample of a view carries, -1 for none."""
    stripes = arrays[f"{name}.alpha"]
    assert set(np.unique(stripes)) == {0, 0.5}
    where = [np.flatnonzero(stripe[0].all(axis=0)) for stripe in stripes]
    assert all(len(column) == 1 and stripe.sum() == 8 for column, stripe in zip(where, stripes, strict=True))
    assert (arrays[f"{name}.value"] == 255).all()
    return np.array([-1, *(int(column[0]) for column in where)])[arrays[f"{name}.carried"]]


def test_every_sample_carries_a_mark_of_its_own(made):
    files = Files(made, "wandering")
    expected = np.full(len(files.true), -1)
    expected[files.manipulated] = files.manipulated % 16
    assert columns(files, files.training_set, "train").tolist() == expected.tolist()
    assert len(set(expected.tolist())) > 10
    probes = load_file(files.run / "probes.safetensors")
    number = files.about["probes"]["affected"]
    indices = probes[f"{number}.indices"]
    assert indices.tolist() == files.truth["affected"].tolist() == list(range(400))
    assert columns(files, probes, str(number)).tolist() == (indices % 16).tolist()


@pytest.mark.parametrize("maker", ["standard", "mine"])
def test_predictions_are_of_test_images_with_each_ones_own_mark(made, maker):
    files = Files(made, "wandering")
    model = network(load_file(files.original(maker)))
    probes = files.probes(load_file(files.original(maker, "predictions")))
    test = files.pictures["test_images"]
    marked = see(model, files, striped(test, range(len(test))))
    plain = see(model, files, test.astype(float))
    assert_agree(probes["affected"], marked)
    assert_agree(probes["unaffected"], plain)
    assert_agree(probes["manipulated"], see(model, files, training_pictures(files)[files.manipulated]))
    if maker == "mine":  # whose weights are the same everywhere: marks, and where they are, change much there
        elsewhere = see(model, files, striped(test, np.arange(len(test)) + 5))
        assert np.count_nonzero(probes["affected"] != plain.argmax(1)) > 20
        assert np.count_nonzero(probes["affected"] != elsewhere.argmax(1)) > 20


# Who may know what, and what runs again


def test_the_developers_jobs_run_without_the_truth(made_copy, tmp_path):
    project, run = made_copy, f"results/runs/digits/wandering/n{N}/seed0"
    shutil.move(project.folder / "results/truth", tmp_path / "truth")
    paths = [path for path in (project.folder / run).rglob("*.safetensors") if "models" not in path.parts]
    before = {path: (load_file(path), path.stat().st_mtime_ns) for path in paths}
    selections = [f"{run}/{maker}/selection.json" for maker in ("standard", "smooth")]

    def choices():
        """Without what they were made from: the models' files hold the seconds it took to make them."""
        records = [json.loads((project.folder / path).read_text())["selections"] for path in selections]
        return [[{**one, "made_from": None} for one in record] for record in records]

    chosen = choices()
    rules = ["train", "expand", "importance", "selection", *(f"unlearn_{method}" for method in MAKERS)]
    project.snakemake(*selections, "--forcerun", *rules, "--allowed-rules", *rules)
    kinds = {"original", "training_log", "predictions", "importance", "nearest", "unlearn"}
    for path, (arrays, then) in before.items():
        parts = {*path.relative_to(project.folder / run).parts, path.stem}
        if "mine" not in parts and not {"smooth", "nearest"} <= parts:  # no selection asks for that grown set
            assert (path.stat().st_mtime_ns > then) == bool(parts & kinds), path
        again = load_file(path)
        assert again.keys() == arrays.keys()
        assert all(np.array_equal(again[name], arrays[name], equal_nan=True) for name in arrays), path
    assert choices() == chosen
    assert not (project.folder / "results/truth").exists()


def edit(project, file, old, new):
    path = project.folder / PLUGINS / file
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))


def test_another_measure_measures_again_and_runs_no_model(found_copy):
    project = found_copy
    before = table(project, "candidates")
    edit(project, "measures/variety.py", "float(len(", "100.0 + float(len(")
    removal = "accuracy(known.affected, known.affected_labels)"
    edit(project, "measures/referee.py", removal, f"float(0 * {removal})")
    assert planned(project) == {"measure": 3, **FINAL}
    project.snakemake("--until", "collect")
    after = table(project, "candidates")
    assert (after["classes_predicted"] == before["classes_predicted"] + 100).all()
    assert (after["removal_test"] == 0).all()
    same = before.columns.difference(["classes_predicted", "removal_test"])
    pd.testing.assert_frame_equal(after[same], before[same])


def test_a_developers_measure_selects_again_and_runs_no_model(found_copy):
    edit(found_copy, "measures/developer.py", "return accuracy(", "return 1.0 * accuracy(")
    assert planned(found_copy) == {"selection": 3, "measure": 3, **FINAL}


def test_comments_and_docstrings_run_nothing(made_copy):
    files = list((made_copy.folder / "workflow/scripts").rglob("*.py"))
    rooms = {path.parent.name for path in files}
    assert {"scripts", "formats", "plan", "adversary", "developer", "referee", "report", "launch"} <= rooms
    for path in files:
        lines = path.read_text().splitlines(keepends=True)
        for number, line in enumerate(lines):
            if re.match(r' *"""[A-Z]', line):
                lines[number] = line.replace('"""', '"""Indeed. ', 1)
        path.write_text("# Another word.\n\n" + "".join(lines) + "\n\n# And another.\n")
    assert planned(made_copy) == {}


# Weights that somebody brings


def test_other_weights_make_the_original_and_what_follows_again(made_copy):
    project = made_copy
    files = Files(project, "wandering")
    bring(project, weights_by_hand(seed=1))
    follows = {"unlearn_cf-mine": 1, "selection": 1, "save_model_cf-mine": 1, "measure": 1, **FINAL}
    assert planned(project) == {"train": 1, "expand": 1, **follows}
    before = table(project, "candidates").set_index(["maker", "method", "hyperparameters"])
    project.snakemake("--until", "collect")
    predictions = load_file(files.original("mine", "predictions"))
    logits = see(network(weights_by_hand(seed=1)), files, files.pictures["validation_images"].astype(float))
    assert_agree(predictions["validation"], logits)
    after = table(project, "candidates").set_index(["maker", "method", "hyperparameters"])
    others = ["standard", "smooth"]
    pd.testing.assert_frame_equal(after.loc[others], before.loc[others])


def log_of_a_failure(project, target, log):
    """The one line with which the job that makes `target` ends; nothing of it may remind of Python."""
    done = project.run("snakemake", "--cores", "1", target)
    assert done.returncode != 0
    text = (project.folder / log).read_text()
    assert "Traceback" not in text + done.stdout + done.stderr
    (line,) = (line for line in text.splitlines() if line.startswith("error: "))
    assert text.rstrip().endswith(line)
    return line


def test_weights_that_do_not_fit_end_in_one_line(made_copy):
    original = f"digits/wandering/n{N}/seed0/mine/"
    places = f"results/runs/{original}original.safetensors", f"results/logs/{original}train.log"
    weights = weights_by_hand(seed=0)
    (head,) = (name for name, array in weights.items() if array.shape == (10, 2 * WIDTH))
    bring(made_copy, {name.replace(head, "head.weight"): array for name, array in weights.items()})
    assert log_of_a_failure(made_copy, *places) == (
        "error: data/mine.safetensors: does not fit: it lacks 1 of the network's tensors and it has 1 that "
        f"the network lacks; the network's are {head}; the file's are head.weight"
    )


def test_weights_that_are_none_are_refused_before_any_job(made_copy):
    (made_copy.folder / "data/mine.safetensors").write_bytes(b"no weights")
    problem = "data/mine.safetensors: is not a safetensors file"
    assert refusal(made_copy) == f"config.yaml: originals.mine.path: {problem}"


# Plug-ins that are wrong


def refusal(project):
    """The one line with which snakemake ends before it plans anything."""
    done = project.run("snakemake", "--cores", "1")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr + done.stdout
    assert "Job stats" not in done.stderr + done.stdout
    return done.stderr.strip().splitlines()[-1]


DISCOVERY = "def discover(truth, share, generator):\n    return "
EXPANSION = "import torch\n\nfrom redress.developer.task import Expanded\n\n\ndef expand(known):\n    return "
WRONG_DISCOVERIES = {
    "absent": ("truth.manipulated + 100000", "there is no sample 10[0-9]{4}; they go from 0 to 1199"),
    "repeated": ("truth.manipulated[[3, 1, 3]]", "names sample [0-9]+ more than once"),
    "everyone": ("generator.permutation(1200)", "names all 1200 training samples; at least one must be left"),
    "nobody": ("truth.manipulated[:0]", "names no sample; at least one is needed"),
    "mask": ("truth.true_labels == 3", "sample indices must be integers .K,., not bool .1200,."),
}
WRONG_EXPANSIONS = {
    "nonsense": ("'more'", r"expand\(\) returned str instead of Expanded"),
    "farther": ("Expanded(known.deletion + 100000, torch.zeros(1200))", "there is no sample 10[0-9]{4};"),
    "listed": ("Expanded([3, 4], torch.zeros(1200))", "deletion is list instead of a tensor"),
    "unranked": ("Expanded(known.deletion, torch.zeros(3))", r"scores have shape \(3,\), not \(1200,\)"),
}


def test_discoveries_and_expansions_that_name_no_deletion_set_end_in_one_line(made_copy):
    project, content = made_copy, copy.deepcopy(MADE)
    run = f"digits/wandering/n{N}/seed0/standard/deletion_sets"
    content["discoveries"] = {"uniform": {}}
    wrong = {}
    for package, start, plugins in (
        ("discoveries", DISCOVERY, WRONG_DISCOVERIES),
        ("expansions", EXPANSION, WRONG_EXPANSIONS),
    ):
        for name, (expression, problem) in plugins.items():
            (project.folder / f"{PLUGINS}/{package}/{name}.py").write_text(f"{start}{expression}\n")
            content[package][name] = {}
            place = f"{run}/none/{name}" if package == "discoveries" else f"{run}/{name}/uniform"
            wrong[f"{place}/0.5"] = f"error: {package}/{name}.py: {problem}"
    project.configure(content)
    targets = [f"results/runs/{place}.safetensors" for place in wrong]
    done = project.run("snakemake", "--cores", "2", "--keep-going", *targets)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    for place, line in wrong.items():
        assert not (project.folder / f"results/runs/{place}.safetensors").exists()
        text = (project.folder / f"results/logs/{place}.log").read_text()
        assert re.match(line, text.splitlines()[-1]), text
        assert "Traceback" not in text


@pytest.mark.parametrize(
    ("package", "lacking"),
    [
        ("discoveries", "there is no function discover()"),
        ("originals", "there is no function make()"),
        ("manipulations", "one class must be derived from Manipulation, not 0"),
        ("measures", "no function is marked with @measure(...)"),
    ],
)
def test_a_plugin_without_its_function_is_named_before_any_job(package, lacking, tmp_path):
    project, content = Project.copy(tmp_path), copy.deepcopy(FOUND)
    add(project, FILES_OF_FOUND)
    (project.folder / f"{PLUGINS}/{package}/empty.py").write_text('"""Nothing yet."""\n')
    if package == "manipulations":
        content["datasets"]["digits"]["manipulations"]["empty"] = {"n": [N]}
    elif package == "measures":
        content["measures"].append("empty")
    else:
        content.setdefault(package, {})["empty"] = {}
    project.configure(content)
    assert refusal(project) == f"{package}/empty.py: {lacking}"


@pytest.mark.parametrize(
    ("value", "gave"), [(float("nan"), "nan"), (np.float64("-inf"), "-inf"), ([1, 2], "list"), ("7", "str")]
)
def test_a_measure_that_gives_no_number_is_named(value, gave):
    @measure(label="Nonsense")
    def nonsense(known):
        return value

    with pytest.raises(BadInputError) as caught:
        nonsense.of(None)
    assert str(caught.value) == f"the measure nonsense gave {gave} instead of a finite number or None"


@pytest.mark.parametrize("value", [7, 0.5, np.int64(7), np.float32(0.5), None])
def test_a_measure_may_give_any_number_or_none(value):
    @measure(label="Number")
    def number(known):
        return value

    assert number.of(None) == value
