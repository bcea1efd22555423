"""Methods of 2024 and after, and their baselines, each against a loop written down a second time."""

import copy

import pytest
import tiny
import torch

from redress.plugins.methods import ascent, delete, l1_sparse, neggrad_plus, npo, random_relabel

SIZE = tiny.RECIPE.batch_size


def ce(logits, labels):
    """Cross-entropy of every sample, from its definition."""
    return -(logits.exp() / logits.exp().sum(1, keepdim=True)).log()[torch.arange(len(labels)), labels]


def climbed_by_hand(steps, loss, stop_at=0.2, peak=0.005):
    """Passes over S_f on `loss` of (logits, labels, images), until a pass has at most `stop_at` right."""
    task, network = tiny.task(), tiny.original()
    sgd, batches, share = tiny.SGD(network, steps, peak), task.generator("batches"), 1.0
    while share > stop_at and sgd.done < steps:
        right = []
        for _, images, labels in tiny.one_pass(tiny.data(), tiny.DELETION, SIZE, batches):
            if sgd.done == steps:
                break
            logits = network(images)
            right += (logits.argmax(1) == labels).tolist()
            sgd.step(loss(logits, labels, images))
        share = sum(right) / len(right)
    return network, sgd.done


@pytest.mark.parametrize("stop_at", [-1.0, 0.2, 0.9])
def test_ascent_climbs_until_what_is_known_is_forgotten_or_its_steps_are_done(stop_at):
    by_hand, steps = climbed_by_hand(20, lambda logits, labels, _: -ce(logits, labels).mean(), stop_at)
    tiny.assert_same_weights(ascent.unlearn(tiny.task(), steps=20, stop_at=stop_at), by_hand, 1e-4)
    assert steps == 20 or stop_at > 0


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_npo_follows_its_definition(beta):
    before = tiny.original()

    def loss(logits, labels, images):
        with torch.no_grad():
            reference = ce(before(images), labels)
        return -(2 / beta * torch.sigmoid(beta * (ce(logits, labels) - reference)).log()).mean()

    by_hand, _ = climbed_by_hand(12, loss, stop_at=-1)
    tiny.assert_same_weights(npo.unlearn(tiny.task(), beta=beta, steps=12, stop_at=-1), by_hand, 1e-4)


def test_npos_weight_of_a_sample_falls_as_it_is_forgotten():
    """The gradient with respect to CE is -2 sigmoid(-beta (CE - CE_o)): -1 at the start, towards 0 later."""
    images, labels = tiny.data().images[:4], tiny.data().labels[:4]
    teacher = tiny.original()
    start = teacher(images).detach().requires_grad_()
    (first,) = torch.autograd.grad(-npo.preference(start, labels, images, teacher, 1.0), start)
    (plain,) = torch.autograd.grad(-ce(start, labels).mean(), start)
    torch.testing.assert_close(first, plain)
    forgotten = torch.zeros(4, tiny.CLASSES).scatter(1, labels[:, None], -30.0).requires_grad_()
    (later,) = torch.autograd.grad(-npo.preference(forgotten, labels, images, teacher, 1.0), forgotten)
    assert later.abs().max() < 1e-9


@pytest.mark.parametrize("retain", ["plain", "bounded"])
def test_npos_repair_keeps_the_rest_better_than_none(retain):
    def loss_on_the_rest(network):
        data, rest = tiny.data(), tiny.task().retain
        return ce(network.eval()(data.images[rest]), data.labels[rest]).mean().item()

    options = {"steps": 40, "stop_at": -1, "learning_rate": 0.02}
    bare = npo.unlearn(tiny.task(), **options)
    kept = npo.unlearn(tiny.task(), retain=retain, **options)
    assert loss_on_the_rest(kept) < loss_on_the_rest(bare)


def test_delete_distils_what_the_original_says_without_the_given_label():
    task, before = tiny.task(), tiny.original()

    def loss(logits, labels, images, _):
        with torch.no_grad():
            taught = before(images).softmax(1)
            taught[torch.arange(len(labels)), labels] = 0
            taught = taught / taught.sum(1, keepdim=True)
        learnt = logits.softmax(1).log()
        terms = torch.where(taught > 0, taught * (taught.clamp(min=1e-30).log() - learnt), 0)
        return terms.sum(1).mean()

    network = tiny.original()
    sgd = tiny.SGD(network, 9, 0.005)
    batches = tiny.endless_batches(tiny.data(), task.deletion, SIZE, task.generator("batches"))
    for _ in range(9):
        indices, images, labels = next(batches)
        sgd.step(loss(network(images), labels, images, indices))
    tiny.assert_same_weights(delete.unlearn(tiny.task(), steps=9), network, 1e-5)


def test_neggrad_plus_weighs_both_sets_and_keeps_the_statistics():
    task, network, alpha = tiny.task(), tiny.original(), 0.9
    sgd = tiny.SGD(network, 10, 0.01)
    network.eval()
    kept = tiny.endless_batches(tiny.data(), task.retain, SIZE, task.generator("retain"))
    known = tiny.endless_batches(tiny.data(), task.deletion, SIZE, task.generator("deletion"))
    for _ in range(10):
        (_, images, labels), (_, others, given) = next(kept), next(known)
        loss = alpha * ce(network(images), labels).mean() - (1 - alpha) * ce(network(others), given).mean()
        sgd.step(loss)
    result = neggrad_plus.unlearn(tiny.task(), alpha=alpha, steps=10)
    tiny.assert_same_weights(result, network, 1e-5)
    assert torch.equal(result[1].running_mean, tiny.original()[1].running_mean)


def test_random_relabelling_gives_known_samples_any_label_but_the_given_one(monkeypatch):
    seen = []

    def watched(logits, wanted):
        seen.append(wanted.tolist())
        return logits.sum()

    monkeypatch.setattr(random_relabel.functional, "cross_entropy", watched)
    batches = []
    monkeypatch.setattr(random_relabel, "train", lambda model, *_, loss, **more: batches.append(loss))
    random_relabel.unlearn(tiny.task())
    (loss,) = batches
    data, everyone = tiny.data(), torch.arange(16)
    for _ in range(200):
        loss(tiny.original(), data.images, data.labels, everyone)
    drawn, given = torch.tensor(seen), data.labels
    known = torch.zeros(16, dtype=torch.bool)
    known[tiny.DELETION] = True
    assert (drawn[:, ~known] == given[~known]).all()
    shift = (drawn[:, known] - given[known]) % tiny.CLASSES
    assert set(shift.unique().tolist()) == {1, 2}
    assert abs((shift == 1).float().mean().item() - 0.5) < 0.06  # 1,000 draws: four standard deviations


def test_random_relabelling_trains_on_everything_from_the_original():
    changed = random_relabel.unlearn(tiny.task(), steps=20)
    again = random_relabel.unlearn(tiny.task(), steps=20)
    tiny.assert_same_weights(changed, again, tolerance=0)
    assert tiny.differ(changed, tiny.original())


def test_l1_sparse_is_fine_tuning_with_a_falling_price_of_weights():
    task, network, gamma, steps = tiny.task(), tiny.original(), 0.01, 15
    sgd = tiny.SGD(network, steps)
    batches = tiny.endless_batches(tiny.data(), task.retain, SIZE, task.generator("batches"))
    for step in range(steps):
        _, images, labels = next(batches)
        size = torch.cat([theta.flatten() for theta in network.parameters()]).abs().sum()
        sgd.step(ce(network(images), labels).mean() + gamma * (1 - step / steps) * size)
    tiny.assert_same_weights(l1_sparse.unlearn(tiny.task(), gamma=gamma, steps=steps), network, 1e-5)


@pytest.mark.parametrize("method", [ascent, npo, delete, neggrad_plus, random_relabel, l1_sparse])
def test_a_method_leaves_the_training_set_alone_and_repeats_itself(method):
    task = tiny.task()
    labels = copy.deepcopy(task.training_set.labels)
    first = method.unlearn(task, steps=5)
    assert torch.equal(task.training_set.labels, labels)
    tiny.assert_same_weights(first, method.unlearn(tiny.task(), steps=5), tolerance=0)
