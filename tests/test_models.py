"""The architectures: their sizes by hand, their parts against PyTorch's own."""

import pytest
import tiny
import torch
from torch import nn
from torch.nn import functional

from models import resnet9
from models._celu import CELU

ALPHA = 0.075


def build(channels=1, classes=10, width=2):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return resnet9.build(channels, classes, width=width)


def conv_and_norm(inputs, outputs, kernel):
    return inputs * outputs * kernel**2 + 2 * outputs


def test_resnet9_has_the_number_of_parameters_added_up_by_hand():
    by_layer = [
        conv_and_norm(3, 64, 3),
        conv_and_norm(64, 128, 5),
        2 * conv_and_norm(128, 128, 3),
        conv_and_norm(128, 256, 3),
        2 * conv_and_norm(256, 256, 3),
        conv_and_norm(256, 128, 3),
        128 * 10,
    ]
    count = sum(theta.numel() for theta in resnet9.build(3, 10).parameters())
    assert count == sum(by_layer) == 2_274_880


@pytest.mark.parametrize(("channels", "size", "classes"), [(3, 32, 10), (3, 32, 100), (1, 16, 10)])
def test_resnet9_maps_images_to_logits(channels, size, classes):
    assert build(channels, classes)(torch.rand(4, channels, size, size)).shape == (4, classes)


def test_resnet9_has_no_bias_but_batch_normalisations():
    biased = [type(layer) for layer in build().modules() if getattr(layer, "bias", None) is not None]
    assert set(biased) == {nn.BatchNorm2d}
    assert len(biased) == 8


def test_resnet9_computes_what_its_layers_say():
    network = build(width=3)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.uniform_(layer.bias, -0.1, 0.1)
    network.eval()
    tensors = iter(network.state_dict().values())

    def block(x, stride=1, padding=1):
        kernel, weight, bias, mean, variance, _ = (next(tensors) for _ in range(6))
        x = functional.conv2d(x, kernel, stride=stride, padding=padding)
        return functional.celu(functional.batch_norm(x, mean, variance, weight, bias), ALPHA)

    images = torch.rand(5, 1, 16, 16)
    x = block(block(images), stride=2, padding=2)
    x = x + block(block(x))
    x = functional.max_pool2d(block(x), 2)
    x = x + block(block(x))
    x = functional.adaptive_max_pool2d(block(x, padding=0), 1).flatten(1)
    expected = x @ next(tensors).T
    assert next(tensors, None) is None
    torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-5)


def test_the_minimum_image_size_is_the_smallest_that_trains_on_one_sample():
    network, size = build().train(), resnet9.MINIMUM_IMAGE_SIZE
    assert network(torch.rand(1, 1, size, size)).shape == (1, 10)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(torch.rand(1, 1, size - 1, size - 1))


def test_resnet9_runs_under_vmap_as_it_does_on_a_batch():
    network, images = build().eval(), torch.rand(6, 1, 16, 16)
    mapped = torch.func.vmap(lambda image: network(image[None])[0])(images)
    torch.testing.assert_close(mapped, network(images), rtol=1e-4, atol=1e-6)


VALUES = torch.cat([torch.linspace(-3, 3, 6001), torch.tensor([0.0, -0.0, -1e-8, 1e-8, -100, 100, -1e30])])


def test_celu_has_the_values_of_pytorchs():
    expected = functional.celu(VALUES.double(), ALPHA)
    torch.testing.assert_close(CELU(ALPHA)(VALUES).double(), expected, rtol=0, atol=1e-6)


def test_celu_has_the_gradients_of_pytorchs():
    upstream = torch.rand(len(VALUES), generator=torch.Generator().manual_seed(0)) * 2 - 1
    fast, slow = VALUES.clone().requires_grad_(), VALUES.clone().requires_grad_()
    CELU(ALPHA)(fast).backward(upstream)
    functional.celu(slow, ALPHA).backward(upstream)
    torch.testing.assert_close(fast.grad, slow.grad, rtol=0, atol=1e-6)


def test_celu_in_double_precision_passes_gradcheck():
    values = torch.linspace(-0.5, 0.5, 20, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(CELU(ALPHA), values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_celu_keeps_the_dtype_its_input_and_what_is_not_finite(dtype):
    values = torch.tensor([-10, 2, float("nan"), float("inf"), float("-inf")], dtype=dtype)
    before = values.clone()
    result = CELU(ALPHA)(values)
    assert result.dtype == dtype
    torch.testing.assert_close(values, before, equal_nan=True, rtol=0, atol=0)
    torch.testing.assert_close(
        result, torch.tensor([-ALPHA, 2, float("nan"), float("inf"), -ALPHA], dtype=dtype), equal_nan=True
    )


def test_celus_gradient_under_vmap_is_that_of_pytorchs():
    def slope(function):
        return torch.func.vmap(torch.func.grad(lambda x: function(x).square()))(VALUES[:6001])

    expected = slope(lambda x: functional.celu(x, ALPHA))
    torch.testing.assert_close(slope(CELU(ALPHA)), expected, rtol=1e-5, atol=1e-6)


def test_the_tiny_model_of_the_other_tests_runs_on_its_data():
    assert tiny.model()(tiny.data().images).shape == (16, tiny.CLASSES)
