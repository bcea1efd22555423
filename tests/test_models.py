"""The architectures: their sizes by hand, their parts against PyTorch's own."""

import pytest
import tiny
import torch
from torch import nn
from torch.nn import functional

from redress.plugins.models import resnet9, wideresnet
from redress.plugins.models._celu import CELU

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


def with_statistics(network):
    """Evaluation mode, with batch normalisations that do something."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.1, 0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.uniform_(layer.bias, -0.1, 0.1)
    network.eval()


def test_resnet9_computes_what_its_layers_say():
    network = build(width=3)
    with_statistics(network)
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


# WideResNet


def wide(channels=3, classes=10, **settings):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return wideresnet.build(channels, classes, **settings)


def wide_parameters(depth, widen, classes):
    """Zagoruyko and Komodakis, table 1, added up layer by layer."""
    count, width = 3 * 16 * 9, 16
    for base in (16, 32, 64):
        for _ in range((depth - 4) // 6):
            inputs, width = width, base * widen
            count += 2 * inputs + inputs * width * 9
            count += 2 * width + width * width * 9
            count += inputs * width if inputs != width else 0
    return count + 2 * width + width * classes + classes


@pytest.mark.parametrize(("classes", "total"), [(10, 36_479_194), (100, 36_536_884)])
def test_wrn_28_10_has_the_published_number_of_parameters(classes, total):
    with torch.device("meta"):
        network = wideresnet.build(3, classes)
    assert sum(theta.numel() for theta in network.parameters()) == wide_parameters(28, 10, classes) == total


@pytest.mark.parametrize(("depth", "widen", "classes"), [(10, 1, 10), (16, 4, 100), (40, 2, 10)])
def test_other_wide_resnets_have_the_number_of_parameters_added_up(depth, widen, classes):
    with torch.device("meta"):
        network = wideresnet.build(3, classes, depth=depth, widen_factor=widen)
    assert sum(theta.numel() for theta in network.parameters()) == wide_parameters(depth, widen, classes)


@pytest.mark.parametrize("depth", [10, 16, 22, 28, 34, 40])
def test_the_depth_of_a_wide_resnet_is_its_number_of_convolutions(depth):
    with torch.device("meta"):
        network = wideresnet.build(3, 10, depth=depth, widen_factor=2)
    kernels = [layer.kernel_size for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert len(kernels) == depth
    assert (kernels.count((3, 3)), kernels.count((1, 1))) == (depth - 3, 3)


@pytest.mark.parametrize(("channels", "size", "classes"), [(3, 32, 10), (3, 32, 100), (1, 16, 10)])
def test_wide_resnet_maps_images_to_logits(channels, size, classes):
    network = wide(channels, classes, depth=10, widen_factor=1)
    assert network(torch.rand(4, channels, size, size)).shape == (4, classes)


def test_no_convolution_of_a_wide_resnet_has_a_bias():
    layers = list(wide(depth=16, widen_factor=1).modules())
    assert all(layer.bias is None for layer in layers if isinstance(layer, nn.Conv2d))
    biased = [type(layer) for layer in layers if getattr(layer, "bias", None) is not None]
    assert set(biased) == {nn.BatchNorm2d, nn.Linear}
    assert biased.count(nn.BatchNorm2d) == 2 * 6 + 1


def test_a_wide_resnets_maps_are_of_32_16_and_8_pixels():
    network, sizes = wide(depth=16, widen_factor=2).eval(), []

    def note(layer, inputs, output):
        sizes.append((layer.out_channels, *output.shape[2:]))

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            layer.register_forward_hook(note)
    network(torch.rand(1, 3, 32, 32))
    assert sizes == [(16, 32, 32)] + [(32, 32, 32)] * 4 + [(64, 16, 16)] * 4 + [(128, 8, 8)] * 4


@pytest.mark.parametrize(("depth", "widen"), [(10, 1), (16, 2)])
def test_wide_resnet_computes_what_its_layers_say(depth, widen):
    network = wide(depth=depth, widen_factor=widen)
    with_statistics(network)
    tensors = iter(network.state_dict().values())

    def activated(x):
        weight, bias, mean, variance, _ = (next(tensors) for _ in range(5))
        return functional.batch_norm(x, mean, variance, weight, bias).relu()

    images = torch.rand(5, 3, 16, 16)
    x, width = functional.conv2d(images, next(tensors), padding=1), 16
    for base, first_stride in ((16, 1), (32, 2), (64, 2)):
        for number in range((depth - 4) // 6):
            stride = first_stride if number == 0 else 1
            active = activated(x)
            inner = functional.conv2d(active, next(tensors), stride=stride, padding=1)
            inner = functional.conv2d(activated(inner), next(tensors), padding=1)
            if width != base * widen:
                width = base * widen
                x = functional.conv2d(active, next(tensors), stride=stride)
            x = x + inner
    x = activated(x).flatten(2).mean(2)
    weight, bias = next(tensors), next(tensors)
    assert next(tensors, None) is None
    torch.testing.assert_close(network(images), x @ weight.T + bias, rtol=1e-4, atol=1e-5)


def test_wide_resnet_says_below_which_size_it_cannot_train_on_one_sample():
    network, size = wide(depth=10, widen_factor=1).train(), wideresnet.MINIMUM_IMAGE_SIZE
    assert network(torch.rand(1, 3, size, size)).shape == (1, 10)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(torch.rand(1, 3, size - 1, size - 1))


def test_wide_resnet_runs_under_vmap_as_it_does_on_a_batch():
    network, images = wide(depth=10, widen_factor=1).eval(), torch.rand(6, 3, 16, 16)
    mapped = torch.func.vmap(lambda image: network(image[None])[0])(images)
    torch.testing.assert_close(mapped, network(images), rtol=1e-4, atol=1e-5)


# CELU

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
