"""The developer's workbench: all there is around an original model, opened from earlier stages' files."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redress.developer.task import Growth
from redress.developer.training_set import TrainingSet, normaliser, pictures, training_set
from redress.formats import files
from redress.formats.alterations import View
from redress.formats.contents import DeletionSet, Probes, TrainingView
from redress.formats.errors import BadInputError, DamagedFileError
from redress.formats.identity import Identity
from redress.formats.recipe import Setup
from redress.formats.seeds import seed_for
from redress.launch.device import choose_device
from redress.plugins import load

Look = Callable[[Tensor], Tensor]
"""Positions (B,) to normalised pictures (B, C, H, W) without augmentation."""


def new_model(
    settings: Mapping[str, Any], channels: int, classes: int, device: torch.device, seed: int
) -> nn.Module:
    """The network that `settings` of a model name, freshly initialised from a seed."""
    keywords = {key: value for key, value in settings.items() if key != "name"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = load("models", settings["name"]).build(channels, classes, **keywords)
    return model.to(device).to(memory_format=torch.channels_last)


class Bench:
    """Data, network and recipe of one original model. No method ever holds one.

    `uses` are the files behind the names of `identity`, of which seeds are made: a block of config that is
    called otherwise draws the same.
    """

    def __init__(self, identity: Identity, uses: Mapping[str, str], setup: Setup):
        self.identity, self.uses = identity, uses
        self.device = choose_device(setup.device, setup.threads)
        self.recipe = setup.recipe
        self._model_settings = setup.model
        self._images, about = files.load_arrays(
            identity.path("pictures"), Identity(identity.dataset), mapped=True
        )
        self.classes: list[str] = about["classes"]
        self.view, view_seal = TrainingView.load(identity)
        self.seals = {"pictures": about["seal"], "training_set": view_seal}
        """Of the files that were read, by kind: what a result says it was made from."""
        self.normalise = normaliser(about["mean"], about["deviation"], self.device)

    @cached_property
    def training_set(self) -> TrainingSet:
        """S_tr with given labels."""
        return self.seen_as(self.view)

    def seen_as(self, view: TrainingView) -> TrainingSet:
        """The training images as this view has them."""
        images = self._images["train_images"]
        return training_set(view, images, self.recipe, self.normalise, self.device)

    @property
    def channels(self) -> int:
        """Of a picture."""
        return int(self._images["train_images"].shape[1])

    @property
    def pixels(self) -> int:
        """Height times width of a picture."""
        return int(np.prod(self._images["train_images"].shape[2:]))

    @property
    def samples(self) -> Tensor:
        """Indices of S_tr."""
        return torch.arange(len(self.training_set), device=self.device)

    @cached_property
    def probes(self) -> Probes:
        """What predictions are wanted of."""
        probes, self.seals["probes"] = Probes.load(self.identity)
        return probes

    def look(self, view: View, normalise: Callable[[Tensor], Tensor] | None = None) -> Look:
        """The pictures of a view, normalised as the dataset is or as somebody wants to try it."""
        images = self._images[f"{view.split}_images"]
        batch = pictures(view, images, normalise or self.normalise, self.device)
        return lambda positions: batch(positions, None)

    @cached_property
    def validation(self) -> View:
        """The validation set."""
        return View("validation", torch.arange(len(self._images["validation_images"])).numpy())

    @property
    def validation_labels(self) -> np.ndarray:
        """int64 (V,)."""
        return self._images["validation_labels"]

    def seed(self, *names: str | int | float) -> int:
        """A seed that depends on dataset, manipulation, n, seed and `names` alone."""
        return seed_for(*self.identity.seeded_by(self.uses["manipulation"]), *names)

    def deletion_set(self) -> Tensor:
        """S_f: indices of the deletion set that the identity names, in its order."""
        return torch.tensor(self._found.indices, device=self.device)

    def looked_at(self) -> Tensor:
        """The samples of S_f of which predictions are wanted."""
        return torch.tensor(self._found.looked_at, device=self.device)

    def growth(self) -> Growth | None:
        """How that deletion set was grown; None of one as found."""
        found, scores = self._found.found, self._found.scores
        if found is None or scores is None:
            return None
        return Growth(torch.tensor(found, device=self.device), torch.tensor(scores, device=self.device))

    @property
    def compared_on(self) -> np.ndarray | None:
        """What is held out from S_f, if candidates are made on trial."""
        return self._found.compared_on

    @cached_property
    def _found(self) -> DeletionSet:
        found, self.seals["deletion_set"] = DeletionSet.load(self.identity)
        return found

    @cached_property
    def new_model(self) -> Callable[[int], nn.Module]:
        """The network, freshly initialised from a seed. Bound to the architecture alone: tasks hold it."""
        return partial(new_model, self._model_settings, self.channels, len(self.classes), self.device)

    def original(self) -> nn.Module:
        """M_o, in evaluation mode."""
        original = self.identity.original
        path = original.path("original")
        arrays, about = files.load_arrays(path, original)
        self.seals["original"] = about["seal"]
        model = self.new_model(0)
        try:
            model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        except RuntimeError as error:
            raise DamagedFileError(path, "its weights do not fit the model in config") from error
        return model.eval()

    def margins(self) -> Tensor:
        """The margin log of M_o's training, float16 (N, passes)."""
        original = self.identity.original
        arrays, about = files.load_arrays(original.path("training_log"), original)
        self.seals["training_log"] = about["seal"]
        return torch.tensor(arrays["margins"], device=self.device)


def as_arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Tensors by name as arrays."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


def checked_model(model: object, where: str) -> nn.Module:
    """What the plug-in `where` returned, if that is a model. Else raises BadInputError."""
    if not isinstance(model, nn.Module):
        raise BadInputError(f"{where} returned {type(model).__name__} instead of a model")
    for name, theta in model.named_parameters():
        if isinstance(theta, nn.parameter.UninitializedParameter):
            raise BadInputError(f"{where} returned a model whose {name} has no shape yet")
        if theta.dtype != torch.float32:
            raise BadInputError(f"{where} returned a model whose {name} is {theta.dtype}, not torch.float32")
    return model
