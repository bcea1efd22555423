"""The unlearning methods, each against its definition written down a second time."""

import copy
import inspect

import pytest
import tiny
import torch
from torch import nn
from torch.nn import functional

import redress.developer.training
from redress.formats.recipe import Recipe
from redress.plugins.methods import badt, cf, eu, scrub, ssd

NAN = float("nan")


def cross_entropy(logits, labels, *_):
    return functional.cross_entropy(logits, labels)


def divergence(teacher, student):
    """KL(teacher || student) of two rows of logits, summed over classes: one number per sample."""
    p, q = teacher.softmax(1), student.softmax(1)
    return (p * (p / q).log()).sum(1)


@pytest.fixture
def rates(monkeypatch):
    """The learning rates of all steps taken."""
    taken, sgd = [], redress.developer.training.sgd

    def recorded(*arguments, **keywords):
        taken.append(keywords["lr"])
        sgd(*arguments, **keywords)

    monkeypatch.setattr(redress.developer.training, "sgd", recorded)
    return taken


# Exact Unlearning


def test_eu_is_a_from_scratch_on_the_retain_set():
    task = tiny.task()
    other = tiny.trained_by_hand(
        tiny.model(task.seed), tiny.data(), task.retain, 30, task.generator("batches"), cross_entropy
    )
    tiny.assert_same_weights(eu.unlearn(task), other)


def test_eu_takes_the_recipes_steps(rates):
    eu.unlearn(tiny.task(recipe=Recipe(steps=200, batch_size=4)))
    assert len(rates) == 200
    assert rates[0] == pytest.approx(0.025 / 2)


@pytest.mark.parametrize("method", [eu, cf])
def test_eu_and_cf_never_see_the_images_or_labels_of_the_deletion_set(method):
    spoilt = tiny.data()
    spoilt.images[tiny.DELETION] = NAN
    spoilt.labels[tiny.DELETION] = (spoilt.labels[tiny.DELETION] + 1) % 3
    given = {"steps": 40} if method is cf else {}
    spoilt_model, clean_model = (method.unlearn(tiny.task(which), **given) for which in (spoilt, None))
    tiny.assert_same_weights(spoilt_model, clean_model, tolerance=0)


def test_eu_does_not_depend_on_the_original_model():
    other = tiny.model(seed=77).eval()
    tiny.assert_same_weights(eu.unlearn(tiny.task(original=other)), eu.unlearn(tiny.task()), tolerance=0)


# Catastrophic Forgetting


def test_cf_is_a_from_the_original_on_the_retain_set():
    task = tiny.task()
    other = tiny.trained_by_hand(
        tiny.original(), tiny.data(), task.retain, 50, task.generator("batches"), cross_entropy
    )
    result = cf.unlearn(task, steps=50)
    tiny.assert_same_weights(result, other)
    assert tiny.differ(result, tiny.original())


def test_cf_takes_a_thousand_steps_unless_told(monkeypatch):
    taken = []
    monkeypatch.setattr(
        redress.developer.training, "train", lambda *_, steps, **keywords: taken.append(steps)
    )
    cf.unlearn(tiny.task())
    cf.unlearn(tiny.task(), steps=7)
    assert taken == [1000, 7]


# Selective Synaptic Dampening


class Weights(nn.Module):
    """A model that is nothing but its weights."""

    def __init__(self, values):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(values))


def dampened(theta, i_d, i_f, importance="batch", **hyperparameters):
    importances = {
        (f"fisher_{importance}", "training_set"): {"theta": torch.tensor(i_d)},
        (f"fisher_{importance}", "deletion_set"): {"theta": torch.tensor(i_f)},
    }
    if importance != "batch":
        hyperparameters["importance"] = importance
    task = tiny.task(original=Weights(theta), importances=importances)
    return ssd.unlearn(task, **hyperparameters).theta.tolist()


def test_ssd_takes_every_branch_as_worked_out_by_hand():
    # alpha = 10 and gamma = 5. Columns: not selected, not selected (equal), gamma I_D / I_f = 1/4,
    # the same for a negative weight, both importances 0, I_D = 0 alone, I_f = 0 alone.
    theta = [2.0, 2.0, 2.0, -2.0, 2.0, 2.0, 2.0]
    i_d = [1.0, 1.0, 1.0, 3.0, 0.0, 0.0, 1.0]
    i_f = [5.0, 10.0, 20.0, 60.0, 0.0, 1.0, 0.0]
    result = dampened(theta, i_d, i_f, alpha=10, gamma_over_alpha=0.5)
    assert result == [2.0, 2.0, 0.5, -0.5, 2.0, 0.0, 2.0]


def test_ssd_never_enlarges_a_weight():
    # alpha = 1 and gamma = 10: gamma I_D / I_f is 5, 1 and 1/2, and all three are selected.
    assert dampened([4.0, 4.0, 4.0], [1.0] * 3, [2.0, 10.0, 20.0], alpha=1, gamma_over_alpha=10) == [4, 4, 2]


def test_ssds_gamma_is_relative_to_alpha():
    assert dampened([8.0], [1.0], [4.0], alpha=2, gamma_over_alpha=0.5) == [2.0]
    assert dampened([8.0], [1.0], [4.0], alpha=0.5, gamma_over_alpha=0.5) == [0.5]
    assert dampened([8.0], [1.0], [4.0], alpha=2) == [4.0]


@pytest.mark.parametrize("alpha", [0.1, 1, 1e3, 1e6])
def test_ssd_without_any_importance_changes_nothing(alpha):
    assert dampened([3.0, -1.0], [0.0, 0.0], [0.0, 0.0], alpha=alpha) == [3.0, -1.0]


def test_ssd_reads_the_importance_it_is_told_to():
    result = dampened([2.0], [1.0], [20.0], importance="per_sample", alpha=10, gamma_over_alpha=0.5)
    assert result == [0.5]


def test_ssd_dampens_every_parameter_by_its_own_importance_and_leaves_the_rest_alone():
    task, before = tiny.task(), tiny.original()
    names = [name for name, _ in before.named_parameters()]
    factors = {name: 1 / (2 + place) for place, name in enumerate(names)}
    ones = {name: torch.ones_like(theta) for name, theta in before.named_parameters()}
    # alpha = gamma = 1: the factor is I_D / I_f.
    task.importances["fisher_batch", "training_set"] = ones
    task.importances["fisher_batch", "deletion_set"] = {name: ones[name] / factors[name] for name in names}
    after = ssd.unlearn(task, alpha=1).state_dict()
    for name, tensor in before.state_dict().items():
        torch.testing.assert_close(after[name], tensor * factors.get(name, 1))


# Bad Teacher


@pytest.fixture
def bad_teacher(monkeypatch):
    """What badt hands to `train`, which does not run."""
    handed = {}

    def spy(model, training_set, indices, recipe, **keywords):
        handed.update(keywords, model=model, indices=indices, recipe=recipe)
        return model

    def run(task, **hyperparameters):
        monkeypatch.setattr(redress.developer.training, "train", spy)
        badt.unlearn(task, **hyperparameters)
        return handed

    return run


# Two of these samples are in S_f.
MIXED = torch.tensor([7, 0, 2, 1, 15])


def bad_teacher_loss(student, images, indices):
    bad, good = tiny.model(1234).eval(), tiny.original()
    deleted = [int(index) in tiny.DELETION for index in indices]
    rows = [
        divergence((bad if gone else good)(image[None]), logits[None])
        for image, logits, gone in zip(images, student(images), deleted, strict=True)
    ]
    return torch.cat(rows).sum() / len(rows)


def test_bad_teachers_loss_is_the_divergence_from_each_samples_teacher(bad_teacher):
    loss = bad_teacher(tiny.task())["loss"]
    images, labels = tiny.data().images[MIXED], tiny.data().labels[MIXED]
    student = tiny.model(5)
    expected = bad_teacher_loss(student, images, MIXED)
    torch.testing.assert_close(loss(student, images, labels, MIXED), expected, rtol=1e-5, atol=1e-7)
    assert expected > 0.01


def test_bad_teachers_student_starts_with_no_loss_on_the_retain_set_and_some_on_the_deletion_set(
    bad_teacher,
):
    handed, retain = bad_teacher(tiny.task()), torch.tensor([0, 1, 15])
    images, student = tiny.data().images, handed["model"].eval()
    tiny.assert_same_weights(student, tiny.original(), tolerance=0)
    assert handed["loss"](student, images[retain], None, retain).item() == pytest.approx(0, abs=1e-7)
    deletion = torch.tensor(tiny.DELETION)
    assert handed["loss"](student, images[deletion], None, deletion).item() > 0.01


def test_bad_teachers_mean_reduction_divides_by_the_number_of_classes_too(bad_teacher):
    images, student = tiny.data().images[MIXED], tiny.model(5)
    batchmean = bad_teacher(tiny.task())["loss"](student, images, None, MIXED)
    mean = bad_teacher(tiny.task(), kl_reduction="mean")["loss"](student, images, None, MIXED)
    assert (batchmean / mean).item() == pytest.approx(tiny.CLASSES, rel=1e-5)


def test_bad_teacher_draws_over_the_whole_training_set_for_a_thousand_steps_unless_told(bad_teacher):
    handed = bad_teacher(tiny.task())
    assert handed["indices"].tolist() == list(range(16))
    assert handed["steps"] == 1000
    assert bad_teacher(tiny.task(), steps=7)["steps"] == 7


def test_bad_teachers_loss_has_gradients_for_the_student_alone(bad_teacher):
    made = []

    def new_model(seed):
        made.append(tiny.model(seed))
        return made[-1]

    task = tiny.task(new_model=new_model)
    loss, student = bad_teacher(task)["loss"], tiny.model(5)
    loss(student, tiny.data().images[MIXED], None, MIXED).backward()
    assert all(theta.grad is not None for theta in student.parameters())
    assert all(theta.grad is None for theta in [*made[0].parameters(), *task.original.parameters()])
    assert not made[0].training


def test_the_teachers_are_the_same_after_training(monkeypatch):
    student, images, values = tiny.model(5), tiny.data().images[MIXED], []
    train = redress.developer.training.train

    def watched(*arguments, **keywords):
        values.append(keywords["loss"](student, images, None, MIXED).item())
        trained = train(*arguments, **keywords)
        values.append(keywords["loss"](student, images, None, MIXED).item())
        return trained

    monkeypatch.setattr(redress.developer.training, "train", watched)
    student.eval()
    result = badt.unlearn(tiny.task(), steps=20)
    assert values[0] == values[1]
    assert tiny.differ(result, tiny.original())


def test_bad_teacher_equals_a_loop_written_by_hand():
    task = tiny.task()
    by_hand = tiny.original()
    bad, good = tiny.model(task.seed).eval(), tiny.original()
    deleted = torch.tensor([index in tiny.DELETION for index in range(16)])

    def loss(logits, labels, images, batch):
        with torch.no_grad():
            teacher = torch.stack(
                [(bad if deleted[i] else good)(x[None])[0] for i, x in zip(batch, images, strict=True)]
            )
        return divergence(teacher, logits).mean()

    tiny.trained_by_hand(by_hand, tiny.data(), torch.arange(16), 40, task.generator("batches"), loss)
    tiny.assert_same_weights(badt.unlearn(task, steps=40), by_hand, tolerance=1e-5)


# SCRUB


@pytest.fixture
def scrub_steps(monkeypatch):
    """(loss stepped on, samples in the batch) of each step that SCRUB takes."""
    taken = []

    class Recorded(scrub.Descent):
        def step(self, loss, samples):
            taken.append((loss.item(), samples))
            super().step(loss, samples)

    monkeypatch.setattr(scrub, "Descent", Recorded)
    return taken


def signs(taken):
    """A for a step that ascends (the negative cross-entropy is descended), D for one that descends."""
    return "".join("A" if loss < 0 else "D" for loss, _ in taken)


@pytest.mark.parametrize(
    ("steps", "ascent_steps", "expected"),
    [
        # |S_f| = 5 is two batches of at most 4, the 11 retained samples are three.
        (17, 6, "AADDD" + "AADDD" + "DDDDDDD"),
        (17, 5, "AADDD" + "DDDDDDDDDDDD"),
        (12, 200, "AADDD" + "AADDD" + "AA"),
        (11, 200, "AADDD" + "AADDD" + "A"),
        (6, 1, "AADDDD"),
        (4, 0, "DDDD"),
        (1, 1, "A"),
    ],
)
def test_scrub_ascends_and_descends_in_the_order_worked_out_by_hand(
    scrub_steps, steps, ascent_steps, expected
):
    scrub.unlearn(tiny.task(), alpha=0.1, steps=steps, ascent_steps=ascent_steps)
    assert signs(scrub_steps) == expected


def test_a_pass_of_scrub_covers_its_set_with_one_smaller_batch(scrub_steps):
    scrub.unlearn(tiny.task(), alpha=0.1, steps=8, ascent_steps=2)
    assert [samples for _, samples in scrub_steps] == [4, 1, 4, 4, 3, 4, 4, 3]


def test_scrub_takes_the_papers_steps_unless_told(monkeypatch):
    order, made = [], []

    class Counted(scrub.Descent):
        """Takes no step, which would cost time."""

        def __init__(self, *arguments):
            made.append(arguments[2:])
            super().__init__(*arguments)

        def step(self, loss, samples):
            self.done += 1
            order.append("A" if loss < 0 else "D")

    monkeypatch.setattr(scrub, "Descent", Counted)
    scrub.unlearn(tiny.task(), alpha=0.1)
    # Forty rounds of two ascents and three descents make the 200 steps.
    assert "".join(order) == "AADDD" * 40 + "D" * 800
    assert made == [(1000, 0.0025)]


def scrubbed_by_hand(task, alpha, steps, ascent_steps, temperature=4.0):
    """The student and the losses it stepped on."""
    the_data, generator = tiny.data(), task.generator("batches")
    student, teacher = tiny.original(), tiny.original()
    sgd, losses = tiny.SGD(student, steps, peak=0.0025), []

    def loss_on_retain(images, labels):
        with torch.no_grad():
            target = teacher(images) / temperature
        logits = student(images)
        near = divergence(target, logits / temperature).mean()
        return cross_entropy(logits, labels) + alpha * temperature**2 * near

    while True:
        rounds = [task.deletion] if len(losses) < ascent_steps else []
        for indices in [*rounds, task.retain]:
            for _, images, labels in tiny.one_pass(the_data, indices, 4, generator):
                if indices is task.retain:
                    loss = loss_on_retain(images, labels)
                else:
                    loss = -cross_entropy(student(images), labels)
                sgd.step(loss)
                losses.append(loss.item())
                if len(losses) == steps:
                    return student, losses


@pytest.mark.parametrize("alpha", [0.001, 10])
def test_scrub_equals_a_loop_written_by_hand(scrub_steps, alpha):
    task = tiny.task()
    by_hand, losses = scrubbed_by_hand(task, alpha, steps=40, ascent_steps=12)
    result = scrub.unlearn(task, alpha=alpha, steps=40, ascent_steps=12)
    assert [loss for loss, _ in scrub_steps] == pytest.approx(losses, rel=1e-4)
    tiny.assert_same_weights(result, by_hand, tolerance=1e-5)


def test_scrubs_temperature_and_peak_can_be_set():
    task = tiny.task()
    by_hand, _ = scrubbed_by_hand(task, 1, steps=20, ascent_steps=2, temperature=2.0)
    result = scrub.unlearn(task, alpha=1, steps=20, ascent_steps=2, temperature=2)
    tiny.assert_same_weights(result, by_hand, tolerance=1e-5)
    still = scrub.unlearn(tiny.task(), alpha=1, steps=20, ascent_steps=2, learning_rate=1e-12)
    assert not tiny.differ(still, tiny.original())


def test_scrubs_ascent_raises_the_loss_on_the_deletion_set():
    the_data, before = tiny.data(), tiny.original()
    after = scrub.unlearn(tiny.task(), alpha=1, steps=2, ascent_steps=2, learning_rate=0.05)
    images, labels = the_data.images[tiny.DELETION], the_data.labels[tiny.DELETION]
    losses = [cross_entropy(network.train()(images), labels).item() for network in (before, after)]
    assert losses[1] > losses[0] + 0.01


# All of them


@pytest.mark.parametrize("method", [eu, cf, badt, scrub, ssd])
def test_a_method_leaves_the_training_set_alone_and_repeats_itself(method):
    given = {"alpha": 1} if "alpha" in inspect.signature(method.unlearn).parameters else {}
    if "steps" in inspect.signature(method.unlearn).parameters:
        given["steps"] = 12
    the_data = tiny.data()
    before = copy.deepcopy(the_data)
    fisher = {name: theta.abs() for name, theta in tiny.model(3).named_parameters()}
    fisher_f = {name: theta.abs() for name, theta in tiny.model(4).named_parameters()}
    importances = {("fisher_batch", "training_set"): fisher, ("fisher_batch", "deletion_set"): fisher_f}
    first = method.unlearn(tiny.task(the_data, importances=importances), **given)
    torch.rand(5)
    second = method.unlearn(tiny.task(the_data, importances=importances), **given)
    tiny.assert_same_weights(first, second, tolerance=0)
    assert tiny.differ(first, tiny.original())
    assert torch.equal(the_data.images, before.images)
    assert torch.equal(the_data.labels, before.labels)
