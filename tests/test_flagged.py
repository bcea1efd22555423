"""What is done with flagged samples beside dropping them: against loops written down a second time."""

import copy
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
import yaml
from sklearn.metrics import roc_auc_score

from redress.developer.posterior import posterior
from redress.developer.ranking import Evidence
from redress.developer.task import Growth
from redress.formats.contents import DeletionSet
from redress.plan.checks import ConfigError
from redress.plan.experiment import Experiment
from redress.plugins.methods import downweight, relabel

CONFIG = yaml.safe_load((Path(__file__).parents[1] / "config.yaml").read_text())


def ranked(hurt, size, found, labels=4, noise=0.0, seed=0):
    """Growth and labels of made-up samples, the first `hurt` of which are manipulated and ranked first."""
    draw = np.random.default_rng(seed)
    scores = np.where(np.arange(size) < hurt, 1.0, 0.0) + 0.4 * draw.random(size) + noise * draw.random(size)
    known = draw.choice(hurt, found, replace=False)
    growth = Growth(torch.tensor(known), torch.tensor(scores, dtype=torch.float32))
    return growth, torch.arange(size) % labels


def test_likelihoods_of_a_perfect_ranking_are_1_and_0():
    growth, labels = ranked(hurt=60, size=600, found=30)
    likely = posterior(growth, labels)
    assert likely[growth.found].tolist() == [1] * 30
    assert likely[:60].mean() > 0.8
    assert likely[60:].mean() < 0.02


def test_likelihoods_count_what_is_left():
    """On a ranking that errs, their sum is about how many are manipulated, and they rise with the scores."""
    sums = []
    for seed in range(20):
        growth, labels = ranked(hurt=100, size=2000, found=40, noise=1.5, seed=seed)
        likely = posterior(growth, labels)
        others = np.setdiff1d(np.arange(2000), growth.found)
        order = np.argsort(growth.scores[others].numpy())
        assert (np.diff(likely[others][order].numpy()) >= -1e-6).all()
        assert roc_auc_score(others < 100, likely[others]) > 0.7
        sums.append(float(likely.sum()))
    assert 70 < np.mean(sums) < 160


@pytest.mark.parametrize("found", [1, 3])
def test_a_ranking_that_says_nothing_makes_no_difference_within_a_label(found):
    scores = torch.zeros(400)
    labels = torch.arange(400) % 4
    likely = posterior(Growth(torch.arange(found), scores), labels)
    for label in range(4):
        others = (labels == label) & (torch.arange(400) >= found)
        assert len(likely[others].unique()) == 1
        assert likely[labels == label].sum() <= 50 + 1e-3


def grown_task():
    """S_f is DELETION, of which two samples were found."""
    scores = torch.linspace(0, 1, 16)
    scores[tiny.DELETION] += 1
    return tiny.task(growth=Growth(torch.tensor(tiny.DELETION[:2]), scores))


def test_downweight_by_hand():
    task = grown_task()
    model = downweight.unlearn(task)
    weights = 1 - posterior(task.growth, tiny.data().labels)
    assert weights[tiny.DELETION[:2]].tolist() == [0, 0]
    used = [sample for sample in range(16) if weights[sample] > 0]

    def loss(logits, labels, images, indices):
        losses = -logits.log_softmax(1)[torch.arange(len(labels)), labels]
        return (weights[indices] * losses).sum() / weights[indices].sum()

    expected = tiny.trained_by_hand(
        tiny.model(task.seed), tiny.data(), used, tiny.RECIPE.steps, task.generator("batches"), loss
    )
    tiny.assert_same_weights(model, expected)


def test_relabel_by_hand():
    task = tiny.task()
    model = relabel.unlearn(task, layer=1)
    labels = relabel.other_labels(task, 1)

    def loss(logits, _, images, indices):
        return -logits.log_softmax(1)[torch.arange(len(indices)), labels[indices]].mean()

    expected = tiny.trained_by_hand(
        tiny.model(task.seed), tiny.data(), range(16), tiny.RECIPE.steps, task.generator("batches"), loss
    )
    tiny.assert_same_weights(model, expected)


def test_only_the_labels_of_s_f_are_changed_and_never_to_the_given_one():
    task = tiny.task()
    labels, given = relabel.other_labels(task, 1), tiny.data().labels
    changed = labels != given
    assert torch.equal(changed.nonzero().flatten(), torch.tensor(sorted(tiny.DELETION)))
    assert ((labels >= 0) & (labels < tiny.CLASSES)).all()


def test_a_wrong_label_is_set_right_by_what_did_not_see_it(monkeypatch):
    """Features that tell the classes: the classifier of the other folds knows the true class."""
    count = 60
    true = torch.arange(count) % tiny.CLASSES
    wrong = list(range(0, 12))
    given = true.clone()
    given[wrong] = (given[wrong] + 1) % tiny.CLASSES
    data = tiny.Data(tiny.random_images(count, seed=3), given)
    features = np.eye(3)[true.numpy()] + 0.1 * np.random.default_rng(0).normal(size=(count, 3))
    monkeypatch.setattr(Evidence, "features", lambda self, layer: features)
    labels = relabel.other_labels(tiny.task(data, deletion=wrong), 1)
    assert (labels[wrong] == true[wrong]).float().mean() > 0.9


def test_a_grown_set_keeps_what_it_was_grown_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grown = DeletionSet(np.array([4, 2, 9]), np.zeros(12, np.float32), found=np.array([4, 2]))
    cell = tiny.CELL.having(expansion="near")
    grown.save(cell, {})
    assert DeletionSet.load(cell)[0].found.tolist() == [4, 2]


@pytest.mark.parametrize("expansion", [None, "none", ["none", "neighbours"]])
def test_downweighting_without_a_ranking_is_refused_before_anything_runs(expansion):
    config = copy.deepcopy(CONFIG)
    config["expansions"] = {"neighbours": {}}
    config["methods"]["downweight"] = {} if expansion is None else {"expansion": expansion}
    with pytest.raises(ConfigError, match=r"methods\.downweight\.expansion: downweight runs on"):
        Experiment(config)
    config["methods"]["downweight"] = {"expansion": "neighbours"}
    Experiment(config)
