"""The adversary's act: what it leaves to whom, and what of a plug-in is refused."""

import re
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import tiny

from redress.adversary import act as adversary
from redress.adversary.manipulation import Manipulation
from redress.formats.alterations import Overlays, Stored
from redress.formats.contents import Probes, TrainingView, Truth
from redress.formats.errors import BadInputError

DRAWN = [7, 3, 20, 4]


@dataclass(frozen=True)
class Mine(Manipulation):
    """Labels 2 for four samples; the test images of class 0, turned black, are D_m."""

    drawn: tuple = tuple(DRAWN)
    given: tuple = (2, 2, 2, 2)
    alteration: object = None
    mask: object = None
    covered: tuple = ()

    def draw(self, labels, n, generator):
        return np.array(self.drawn), np.array(self.given)

    def cover(self, labels, manipulated, generator):
        return np.array(self.covered, dtype=int)

    def alter(self, samples, generator):
        if self.alteration is None:
            return Stored(np.zeros_like(samples.images))
        return self.alteration(samples)

    def affected(self, labels):
        return labels == 0 if self.mask is None else self.mask

    def unaffected(self, labels):
        return labels != 0


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tiny.prepare(size=4)


@pytest.fixture
def act(prepared, monkeypatch):
    def run(manipulation=Mine, **settings):
        module = SimpleNamespace(__name__=manipulation.__module__, Kind=manipulation)
        monkeypatch.setattr(adversary, "load", lambda package, name: module)
        return adversary.act(tiny.RUN, "mine", settings)

    return run


def test_the_developer_gets_pictures_and_labels_as_the_adversary_left_them(act, prepared):
    pictures, labels = prepared
    view = act().training_view
    expected = labels["train_labels"].copy()
    expected[DRAWN] = 2
    assert view.given_labels.tolist() == expected.tolist()
    assert view.labels_in_doubt
    seen = view.view.pictures(pictures["train_images"], np.arange(30))
    black = np.isin(np.arange(30), DRAWN)
    assert not seen[black].any()
    assert np.array_equal(seen[~black], pictures["train_images"][~black])


def test_the_truth_and_the_probes_are_what_the_adversary_did(act, prepared):
    pictures, labels = prepared
    done = act()
    assert done.truth.manipulated.tolist() == DRAWN
    assert done.truth.true_labels.tolist() == labels["train_labels"].tolist()
    assert done.truth.affected.tolist() == [0, 3, 6]
    assert done.truth.unaffected.tolist() == [1, 2, 4, 5, 7, 8]
    sets = {name: done.probes.sets[number] for name, number in done.truth.probes.items()}
    assert (sets["manipulated"].split, sets["manipulated"].indices.tolist()) == ("train", DRAWN)
    for name, split, black in (("affected", "test", True), ("unaffected", "test", False)):
        indices = getattr(done.truth, name)
        assert (sets[name].split, sets[name].indices.tolist()) == (split, indices.tolist())
        seen = sets[name].pictures(pictures["test_images"], np.arange(len(indices)))
        assert np.array_equal(seen, pictures["test_images"][indices] * (not black))
    assert not sets["manipulated"].pictures(pictures["train_images"], np.arange(4)).any()


def test_a_plug_in_is_told_labels_split_and_indices_and_repeats_its_draws(act, prepared):
    pictures, labels = prepared
    told = {}

    @dataclass(frozen=True)
    class Curious(Mine):
        def alter(self, samples, generator):
            told.setdefault(samples.split, []).append((samples, generator.random(4).tolist()))
            return

    act(Curious)
    act(Curious)
    for split, indices in (("train", DRAWN), ("test", [0, 3, 6])):
        (first, drawn), (_, again) = told[split]
        assert first.indices.tolist() == indices
        assert first.labels.tolist() == labels[f"{split}_labels"][indices].tolist()
        assert np.array_equal(first.images, pictures[f"{split}_images"][indices])
        assert drawn == again
    assert told["train"][0][1] != told["test"][0][1]


def test_all_three_files_come_back_as_they_were(act, prepared):
    pictures, _ = prepared
    done = act()
    done.save(tiny.RUN, {})
    truth, (view, _), (probes, _) = Truth.load(tiny.RUN), TrainingView.load(tiny.RUN), Probes.load(tiny.RUN)
    for name in (
        "manipulated",
        "mark",
        "true_labels",
        "given_labels",
        "test_labels",
        "affected",
        "unaffected",
    ):
        assert np.array_equal(getattr(truth, name), getattr(done.truth, name)), name
    assert (truth.probes, truth.attack_target) == (done.truth.probes, None)
    assert view.labels_in_doubt
    everything = np.arange(30)
    assert np.array_equal(
        view.view.pictures(pictures["train_images"], everything),
        done.training_view.view.pictures(pictures["train_images"], everything),
    )
    assert [probe.indices.tolist() for probe in probes.sets] == [
        probe.indices.tolist() for probe in done.probes.sets
    ]


def test_labels_that_stay_as_they_are_are_not_in_doubt(act, prepared):
    _, labels = prepared
    assert not act(given=tuple(labels["train_labels"][DRAWN])).training_view.labels_in_doubt


def numbered(kind):
    """Marks 2, 0, 1, 2, 0, 1, ... in turn, as pictures or as overlays."""

    def alteration(samples):
        carried = (np.arange(len(samples)) + 2) % 3
        grey = np.broadcast_to(carried[:, None, None, None].astype(np.uint8), samples.images.shape)
        if kind == "stored":
            return Stored(grey.copy(), carried)
        alpha = np.ones((3, 1, 4, 4), np.float32)
        return Overlays(alpha, alpha * np.arange(3)[:, None, None, None], carried)

    return alteration


@pytest.mark.parametrize("kind", ["stored", "overlays"])
def test_the_truth_says_which_mark_a_sample_carries(act, kind):
    done = act(alteration=numbered(kind))
    assert done.truth.mark.tolist() == [2, 0, 1, 2]
    assert done.truth.mark.dtype == np.int64


@pytest.mark.parametrize("alteration", [None, lambda samples: None], ids=["one", "none"])
def test_where_marks_are_not_told_apart_they_are_all_0(act, alteration):
    assert act(alteration=alteration).truth.mark.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("kind", ["stored", "overlays"])
def test_what_covers_s_m_is_altered_in_training_and_nowhere_else(act, prepared, kind):
    pictures, labels = prepared
    alone, covered = (act(alteration=numbered(kind), covered=cover) for cover in ((), (11, 0)))
    expected = pictures["train_images"].copy()
    for sample, grey in zip([*DRAWN, 11, 0], [2, 0, 1, 2, 0, 1], strict=True):
        expected[sample] = grey
    view = covered.training_view
    assert np.array_equal(view.view.pictures(pictures["train_images"], np.arange(30)), expected)
    assert view.given_labels[[11, 0]].tolist() == labels["train_labels"][[11, 0]].tolist()
    for name in ("manipulated", "mark", "given_labels", "affected", "unaffected"):
        assert np.array_equal(getattr(alone.truth, name), getattr(covered.truth, name)), name
    for one, other in zip(alone.probes.sets, covered.probes.sets, strict=True):
        images, at = pictures[f"{one.split}_images"], np.arange(len(one))
        assert len(other) == len(one)
        assert np.array_equal(one.pictures(images, at), other.pictures(images, at))


# What is refused


def marks(alpha=(2, 1, 4, 4), value=None, top=1.0, carried=None):
    """Marks of these shapes, which the four (or three) samples carry in turn."""

    def alteration(samples):
        who = np.arange(len(samples)) % 2 if carried is None else np.array(carried)[: len(samples)]
        return Overlays(np.full(alpha, top, np.float32), np.full(value or alpha, 9.0), who)

    return alteration


def stored(change):
    return lambda samples: Stored(change(samples.images))


REFUSED = {
    "too few": ({"drawn": (1, 2), "given": (2, 2)}, r"draw\(\) drew 2 samples instead of 4"),
    "none": ({"drawn": ()}, r"draw\(\): "),
    "repeated": ({"drawn": (5, 1, 2, 5)}, r"draw\(\): names sample 5 more than once"),
    "negative": ({"drawn": (5, -1, 2, 3)}, r"draw\(\): there is no sample -1; they go from 0 to 29"),
    "beyond": ({"drawn": (5, 30, 2, 3)}, r"draw\(\): there is no sample 30"),
    "fractions": ({"drawn": (5.0, 1.0, 2.0, 3.0)}, "must be integers"),
    "table": ({"drawn": ((5, 1), (2, 3))}, "must be integers"),
    "label beyond": ({"given": (0, 1, 3, 2)}, "gave the label 3; labels go from 0 to 2"),
    "label below": ({"given": (0, -1, 1, 2)}, "gave the label -1"),
    "labels missing": ({"given": (0, 1, 2)}, "instead of 4 integers"),
    "labels of text": ({"given": ("a", "b", "a", "b")}, "instead of 4 integers"),
    "mask of numbers": ({"mask": np.arange(3)}, r"int64 \(3,\), not bool \(9,\)"),
    "short mask": ({"mask": np.ones(3, bool)}, r"bool \(3,\), not bool \(9,\)"),
    "pictures of fractions": (
        {"alteration": stored(lambda images: images / 255)},
        r"pictures float64 \(4, 1, 4, 4\) instead of uint8 \(4, 1, 4, 4\)",
    ),
    "too few pictures": ({"alteration": stored(lambda images: images[1:])}, r"pictures uint8 \(3, 1, 4, 4\)"),
    "bare array": (
        {"alteration": lambda samples: samples.images},
        "gave ndarray instead of Stored, Overlays",
    ),
    "mark of another size": ({"alteration": marks((2, 1, 4, 3))}, "alpha float32 .* instead of numbers"),
    "mark of other channels": (
        {"alteration": marks((2, 3, 4, 4))},
        "alpha float32 .* instead of numbers",
    ),
    "flat mark": ({"alteration": marks((4, 4))}, "alpha float32 .* instead of numbers"),
    "no mark": ({"alteration": marks((0, 1, 4, 4))}, "alpha float32 .* instead of numbers"),
    "values of other marks": ({"alteration": marks(value=(3, 1, 4, 4))}, "gave value float64 .* instead of"),
    "alpha above 1": ({"alteration": marks(top=1.5)}, "gave alpha outside 0 to 1"),
    "alpha not a number": ({"alteration": marks(top=np.nan)}, "gave alpha outside 0 to 1"),
    "carried by too few": ({"alteration": marks(carried=[0, 1])}, r"of \(2,\) samples .* not of \(4,\)"),
    "mark below": ({"alteration": marks(carried=[0, -1, 1, 0])}, "names a mark -1; marks are counted from 0"),
    "pictures with marks of too few": (
        {"alteration": lambda samples: Stored(samples.images, np.zeros(3, int))},
        r"of \(3,\) samples .* not of \(4,\)",
    ),
    "covered by S_m": ({"covered": (5, 20)}, r"cover\(\) names sample 20, which is in S_m"),
    "covered by nobody": ({"covered": (5, 30)}, r"cover\(\): there is no sample 30"),
    "mark beyond": ({"alteration": marks(carried=[0, 1, 2, 0])}, "names a mark beyond the 2 there are"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_plug_in_that_gives_nonsense_is_named_in_one_line(act, case):
    settings, expected = REFUSED[case]
    with pytest.raises(BadInputError) as caught:
        act(**settings)
    assert str(caught.value).startswith("manipulations/mine.py: ")
    assert re.search(expected, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)


def test_softly_marked_pictures_pass(act, prepared):
    pictures, _ = prepared
    seen = act(alteration=marks(top=0.5)).training_view.view.pictures(
        pictures["train_images"], np.array(DRAWN)
    )
    expected = pictures["train_images"][DRAWN] * 0.5 + 4.5
    assert np.abs(seen - expected).max() <= 0.5
