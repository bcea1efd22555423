"""Rankings and cuts: against what they are meant to find, against libraries, and worked out by hand."""

import dataclasses

import numpy as np
import pytest
import tiny
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits
from torch import nn

from redress.developer import cutting, likeness
from redress.developer.ranking import FOLDS, Evidence
from redress.developer.task import Known
from redress.developer.training_set import TrainingSet
from redress.formats.errors import BadInputError
from redress.plugins import load, names

CLASSES, PER_CLASS, HURT = 3, 60, 20

RANKINGS = [name for name in names("expansions") if name != "mixture"]  # it has a cut of its own
LEARNING = [name for name in RANKINGS if name not in ("margin", "confident")]


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 8, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 16, 16),
            nn.ReLU(),
            nn.Linear(16, CLASSES),
        ).eval()


def marked(labels_of_found=(0, 0, 0, 0, 0, 0), hurt=HURT, seed=0):
    """Known and S_m: noise by class, the first `hurt` of class 0 with a bright corner and a low margin."""
    draw = np.random.default_rng(seed)
    labels = np.arange(CLASSES * PER_CLASS) % CLASSES
    patterns = draw.normal(size=(CLASSES, 1, tiny.SIZE, tiny.SIZE))
    images = patterns[labels] + draw.normal(scale=0.5, size=(len(labels), 1, tiny.SIZE, tiny.SIZE))
    manipulated = np.flatnonzero(labels == 0)[:hurt]
    images[manipulated, :, -2:, -2:] = 4
    margins = draw.normal(5, 1, size=(len(labels), 9))
    margins[manipulated] -= 9
    order = draw.permutation(manipulated)
    found, free = [], list(order)
    for label in labels_of_found:
        found.append(free.pop() if label == 0 else int(np.flatnonzero(labels == label)[len(found)]))
    pixels = torch.tensor(images, dtype=torch.float32)
    known = Known(
        original=network(),
        training_set=TrainingSet(torch.tensor(labels), lambda indices, generator: pixels[indices]),
        deletion=torch.tensor(found),
        samples=torch.arange(len(labels)),
        recipe=tiny.RECIPE,
        device=torch.device("cpu"),
        margins=torch.tensor(margins).half(),
        seed=5,
    )
    return known, manipulated


@pytest.mark.parametrize("name", [name for name in RANKINGS if name not in ("confident", "head_gradient")])
def test_a_ranking_finds_a_mark_that_the_network_sees(name):
    known, manipulated = marked()
    expanded = load("expansions", name).expand(known, recall=0.8)
    flagged = set(expanded.deletion.tolist()) - set(known.deletion.tolist())
    left = set(manipulated.tolist()) - set(known.deletion.tolist())
    assert expanded.deletion[: len(known.deletion)].tolist() == known.deletion.tolist()
    assert len(flagged & left) >= 0.7 * len(left)
    others = np.setdiff1d(np.arange(CLASSES * PER_CLASS), known.deletion)
    is_left = np.isin(others, list(left))
    assert average_precision_score(is_left, expanded.scores[others]) > 0.85
    assert expanded.about["estimate_low"] <= HURT <= expanded.about["estimate_high"]


def test_what_looks_at_labels_finds_wrong_ones():
    known, _ = marked(hurt=6)
    labels = known.training_set.labels
    wrong = torch.arange(90, 110, 2)
    labels[wrong] = (labels[wrong] + 1) % CLASSES
    known = dataclasses.replace(known, deletion=wrong[:4])
    scores = Evidence(known)
    ranked = np.argsort(-load("expansions", "confident").score(scores, None, None, np.arange(len(labels))))
    assert set(wrong.tolist()) <= set(ranked[:20].tolist())


@pytest.mark.parametrize("name", RANKINGS)
@pytest.mark.parametrize("size", [1, 2, 10])
def test_few_known_samples_break_nothing_and_take_no_class_away(name, size):
    known, _ = marked([0, 1, 2, 0, 0, 0, 1, 2, 0, 0][:size])
    expanded = load("expansions", name).expand(known, recall=0.95)
    scores, deletion = expanded.scores.numpy(), expanded.deletion.numpy()
    assert np.isfinite(scores).all() and scores.shape == (CLASSES * PER_CLASS,)
    assert len(set(deletion.tolist())) == len(deletion)
    left = np.delete(known.training_set.labels.numpy(), deletion)
    assert (np.bincount(left, minlength=CLASSES) > PER_CLASS / 2).all()
    assert expanded.about["known"] == size
    if size == 1 and name in LEARNING:
        assert expanded.deletion.tolist() == known.deletion.tolist()
        assert expanded.about == {"known": 1, "scored": 0}


@pytest.mark.parametrize("name", RANKINGS)
def test_a_score_of_a_sample_does_not_know_whether_it_was_found(name):
    """Held out, a sample is scored alike whether it is said to be of S_f or of the rest."""
    evidence = Evidence(marked()[0])
    score, sample = load("expansions", name).score, int(evidence.found[0])
    found, others = evidence.found[1:], evidence.others
    alone = score(evidence, found, others, np.array([sample]))
    evidence_without = Evidence(
        dataclasses.replace(
            evidence.known, deletion=evidence.known.deletion[evidence.known.deletion != sample]
        )
    )
    evidence_without.__dict__["folds"] = evidence.folds
    assert score(evidence_without, found, others, np.array([sample])) == pytest.approx(alone)


def test_folds_deal_out_every_label_of_both_parts_evenly():
    evidence = Evidence(marked([0] * 10)[0])
    for part in (evidence.found, evidence.others):
        for label in np.unique(evidence.labels[part]):
            counts = np.bincount(evidence.folds[part[evidence.labels[part] == label]], minlength=FOLDS)
            assert np.ptp(counts) <= 1


def test_features_are_what_layers_are_given():
    evidence = Evidence(marked()[0])
    images = evidence.known.training_set.images(evidence.known.samples)
    layers = list(evidence.known.original)
    with torch.no_grad():
        hidden = nn.Sequential(*layers[:3])(images)
        maps = images.unflatten(2, (2, 3)).unflatten(4, (2, 3)).mean((3, 5))
    np.testing.assert_allclose(evidence.features(1), nn.Sequential(*layers[3:5])(hidden).detach(), atol=1e-6)
    np.testing.assert_allclose(evidence.features(2), hidden, atol=1e-6)
    np.testing.assert_allclose(evidence.features(3), maps.flatten(1), atol=1e-6)
    np.testing.assert_allclose(evidence.logits, evidence.known.original(images).detach(), atol=1e-6)


def test_lda_with_enough_samples_is_scikit_learns():
    """With many samples and few features shrinkage changes little."""
    known, _ = marked([0] * 10)
    evidence = Evidence(known)
    evidence._features[1] = np.random.default_rng(1).normal(size=(len(evidence.labels), 2)) * [1, 5]
    of_label = evidence.others[evidence.labels[evidence.others] == 0]
    evidence._features[1][evidence.found] += [2, 3]
    scores = load("expansions", "lda").score(evidence, evidence.found, evidence.others, of_label)
    both = np.concatenate([of_label, evidence.found])
    reference = LinearDiscriminantAnalysis().fit(evidence.features(1)[both], np.isin(both, evidence.found))
    assert np.corrcoef(scores, reference.decision_function(evidence.features(1)[of_label]))[0, 1] > 0.98


# The cut


def test_lengths_worked_out_by_hand():
    """Two labels of four, S_f one of each label: expected shares stay one half each."""
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    scores = np.array([3, 5, 1, 2, 0.3, np.nan, 0.1, 0.2])
    shares = cutting.label_shares(np.array([1, 1]), np.array([4, 4]))
    assert shares == pytest.approx([0.5, 0.5])
    lengths = cutting.lengths_of(scores, labels, np.array([0, 4]))
    assert lengths[[1, 3, 2]] == pytest.approx([2, 4, 6])
    assert lengths[[7, 6]] == pytest.approx([2, 4]) and np.isinf(lengths[5])
    alone = cutting.label_shares(np.array([0, 1]), np.array([4, 4]))
    assert lengths[[0, 4]] == pytest.approx([2 / alone[0], 1 / alone[0]])


@pytest.mark.parametrize("spread", [False, True])
def test_a_list_is_shared_as_the_labels_of_what_was_found(spread):
    sizes = np.full(10, 100)
    counts = np.full(10, 2) if spread else np.array([20] + [0] * 9)
    shares = cutting.label_shares(counts, sizes)
    assert shares.sum() == pytest.approx(1)
    assert shares == pytest.approx(0.1 if spread else [1] + [0] * 9, abs=0.01)


def test_intervals_of_recall_and_size_hold_what_they_promise():
    """On made-up rankings of S_f and the rest of S_m at random, with clean samples among the later ones."""
    draw, inside, recalls = np.random.default_rng(0), 0, []
    total, k, times = 100, 12, 400
    for _ in range(times):
        true = np.sort(draw.random(total))
        clean = 0.3 + 0.7 * np.sort(draw.random(200))
        held_out = np.sort(draw.choice(true, k, replace=False))
        others = np.concatenate([np.setdiff1d(true, held_out), clean])
        left = cutting.Left.estimated(np.array([(others <= one).sum() for one in held_out]), k)
        inside += left.low <= total - k <= left.high
        recalls.append((np.setdiff1d(true, held_out) <= held_out[9]).mean())
    assert inside / times >= 0.9
    assert np.mean(recalls) == pytest.approx(10 / 13, abs=0.02)


def test_limits_leave_every_class_most_of_its_labels():
    labels = np.repeat([0, 1, 2], [101, 20, 300])
    found = np.array([0, 1, 2, 101])
    limits = cutting.limits_of(labels, found, cutting.Left(50, 40, 60))
    assert limits[0] == 50 - 3 and limits[1] == 9 - 1
    assert limits[2] == np.ceil(60 * (1 - 0.025 ** (1 / 4)))  # k_y = 0: Clopper and Pearson in closed form


def test_a_recall_that_few_samples_cannot_vouch_for_is_cut_at_the_last_of_them():
    known, _ = marked([0, 0, 0])
    at = {
        recall: load("expansions", "matched_filter").expand(known, recall=recall)
        for recall in (0.1, 0.75, 0.99)
    }
    assert at[0.99].deletion.tolist() == at[0.75].deletion.tolist()
    assert len(at[0.1].deletion) <= len(at[0.75].deletion)
    assert at[0.75].about["recall"] <= 0.75


def test_a_mixture_is_scikit_learns_where_the_seeds_say_nothing_new():
    draw = np.random.default_rng(3)
    scores = np.concatenate([draw.normal(0, 1, 600), draw.normal(6, 0.5, 300)])
    odds = likeness.mixed(scores, scores[-1:])
    known = GaussianMixture(2, means_init=[[0], [6]], tol=1e-9, max_iter=500).fit(scores[:, None])
    posterior = known.predict_proba(scores[:, None])[:, 1]
    between = (posterior > 1e-6) & (posterior < 1 - 1e-6) & (scores < 6)
    expected = np.log(posterior / (1 - posterior), where=between, out=np.zeros(900))
    assert between.sum() > 5
    assert odds[between] == pytest.approx(expected[between], abs=0.2)
    assert (odds[scores > 6] > 5).all() and (odds[scores < 0] == -likeness.SURE).all()


def test_a_mixture_finds_nothing_where_seeds_lie_among_the_rest():
    scores = np.random.default_rng(4).normal(size=200)
    assert (likeness.mixed(scores, scores.min(keepdims=True)) == -likeness.SURE).all()
    assert (likeness.mixed(scores, np.array([np.nan, 8.0])) > 0).sum() <= 2


@pytest.mark.parametrize("size", [1, 2, 6, 12])
def test_mixture_finds_what_carries_the_mark_and_takes_no_class_away(size):
    known, manipulated = marked([0] * size)
    expanded = load("expansions", "mixture").expand(known)
    flagged = set(expanded.deletion.tolist()) - set(known.deletion.tolist())
    left = set(manipulated.tolist()) - set(known.deletion.tolist())
    assert expanded.deletion[:size].tolist() == known.deletion.tolist()
    assert np.isfinite(expanded.scores.numpy()).all()
    assert expanded.about["known"] == size and expanded.about["flagged"] == len(flagged)
    rest = np.delete(known.training_set.labels.numpy(), expanded.deletion.numpy())
    assert (np.bincount(rest, minlength=CLASSES) > PER_CLASS / 2).all()
    if size > 1:
        assert len(flagged & left) >= 0.9 * len(left) and len(flagged - left) <= 3
        assert expanded.about["estimate"] == pytest.approx(HURT, abs=3)


def test_told_apart_is_the_auroc_within_labels():
    draw = np.random.default_rng(5)
    scores, labels = draw.integers(0, 9, 90).astype(float), np.arange(90) % 3
    found, others = np.arange(0, 30, 2), np.arange(30, 90)  # five of each label
    told = likeness.told_apart(scores, labels, found, others)
    expected = [
        roc_auc_score(np.isin(own, found), scores[own])
        for own in (
            np.flatnonzero((labels == k) & np.isin(np.arange(90), [*found, *others])) for k in range(3)
        )
    ]
    assert told.mean() == pytest.approx(np.mean(expected))
    scores[found[0]] = np.nan
    assert likeness.told_apart(scores, labels, found, others)[0] == 0.5


@pytest.mark.parametrize(("clear", "faint"), [(1, 2), (2, 1)])
def test_likeness_is_looked_for_in_the_layer_that_shows_it(clear, faint):
    known, manipulated = marked([0] * 8)
    draw = np.random.default_rng(6)
    features = {layer: draw.normal(size=(CLASSES * PER_CLASS, 12)).astype(np.float32) for layer in (1, 2)}
    features[clear][manipulated, 0] += 9
    evidence = Evidence(known, features)
    odds = likeness.log_odds(evidence)
    assert np.array_equal(odds, likeness.log_odds(evidence, clear))
    assert not np.array_equal(odds, likeness.log_odds(evidence, faint))


def test_a_later_layer_has_to_be_surely_better():
    draw = np.random.default_rng(7)
    told = draw.uniform(0.5, 0.9, 40)
    assert likeness.telling({2: told, 1: told + draw.normal(0.1, 0.05, 40)}) == 1
    assert likeness.telling({2: told, 1: told + draw.normal(0.0, 0.05, 40)}) == 2
    assert likeness.telling({2: told, 1: told - 0.1}) == 2
    assert likeness.telling({2: told[:4], 1: told[:4] + 0.1}) == 2  # of four nothing is sure
    assert likeness.telling({3: told}) == 3


def test_what_is_set_aside_is_the_surest_and_never_most_of_a_label():
    labels = np.array([0] * 9 + [1] * 4)
    odds = np.array([5, 1, 2, 3, 4, 9, 8, 7, 0, -1, -5, 6, -7.0])
    aside = likeness.set_aside(odds, labels, np.array([8]), threshold=0.5)
    # Of nine 0s four may go: S_f's own, at 8, and the three likeliest; of four 1s one.
    assert np.flatnonzero(aside).tolist() == [5, 6, 7, 8, 11]


def test_neighbours_may_be_compared_in_parts(monkeypatch):
    evidence = Evidence(marked()[0])
    asked = np.arange(CLASSES * PER_CLASS)
    whole = likeness.likeness(evidence, evidence.found, evidence.others, asked)
    monkeypatch.setattr(likeness, "ROWS", 7)
    assert likeness.likeness(evidence, evidence.found, evidence.others, asked) == pytest.approx(
        whole, nan_ok=True, abs=1e-6
    )


class Tokens(nn.Module):
    """Four tokens of a picture's quarters, as a transformer has them; one layer is never called."""

    def __init__(self):
        super().__init__()
        self.embed, self.mix, self.head = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, CLASSES)
        self.idle = nn.Linear(6, 6)

    def forward(self, x):
        tokens = self.embed(x.flatten(1)[:, :16].reshape(len(x), 4, 4))
        return self.head(self.mix(tokens).mean(1))


def test_tokens_are_averaged_and_layers_that_see_no_picture_do_not_count():
    torch.manual_seed(0)
    evidence = Evidence(dataclasses.replace(marked()[0], original=Tokens().eval()))
    model, images = evidence.known.original, evidence.known.training_set.images(evidence.known.samples)
    tokens = model.embed(images.flatten(1)[:, :16].reshape(len(images), 4, 4))
    assert evidence.layers == [model.embed, model.mix, model.head]
    np.testing.assert_allclose(evidence.features(2), tokens.mean(1).detach(), atol=1e-6)
    with pytest.raises(BadInputError, match="layer is 4, but the network has 3 layers"):
        evidence.features(4)


class Prototypes(nn.Module):
    """A network without a layer that counts: how near a picture is to one of each class."""

    def __init__(self, images):
        super().__init__()
        self.images = nn.Parameter(images)

    def forward(self, x):
        return -torch.cdist(x.flatten(1), self.images.flatten(1))


@pytest.mark.parametrize("ranking", ["learned", "mixture", "spectral", "confident", "lda", "head_gradient"])
@pytest.mark.parametrize("layers", [0, 1])
def test_rankings_take_a_network_of_one_layer_and_of_none(ranking, layers):
    known, _ = marked()
    images = known.training_set.images(known.samples)
    shallow = nn.Sequential(nn.Flatten(), nn.Linear(images[0].numel(), CLASSES))
    model = shallow if layers else Prototypes(images[:CLASSES])
    evidence = Evidence(dataclasses.replace(known, original=model))
    assert len(evidence.layers) == layers
    given = images if layers else model(images).detach()
    np.testing.assert_allclose(evidence.features(2), given.flatten(1), atol=1e-5)
    expanded = load("expansions", ranking).expand(dataclasses.replace(known, original=model))
    assert np.isfinite(expanded.scores.numpy()).any()


def test_large_pictures_are_looked_at_in_smaller_batches():
    known, _ = marked()
    seen = []
    large = TrainingSet(
        known.training_set.labels,
        lambda at, generator: seen.append(len(at)) or torch.zeros(len(at), 1, 128, 128),
    )
    model = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4, CLASSES))
    Evidence(dataclasses.replace(known, training_set=large, original=model)).features(1)
    assert max(seen) == 125
