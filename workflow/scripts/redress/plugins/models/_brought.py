"""A network that somebody brings: made by their own function, or by that of a library."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from redress.formats.errors import BadInputError
from redress.plugins import load, names


def build(channels: int, classes: int, *, factory: str, arguments: Mapping[str, Any]) -> nn.Module:
    """What `factory` makes of `arguments`; its output for images (B, channels, H, W) is logits (B, classes).

    Raises BadInputError where it makes no network.
    """
    where = f"model.factory {factory}"
    make, arguments = _found(factory, dict(arguments), channels, classes)
    try:
        inspect.signature(make).bind(**arguments)
    except TypeError as error:
        raise BadInputError(f"{where}: {error}; give it in model.arguments") from error
    except ValueError:  # something without a signature
        pass
    try:
        model = make(**arguments)
    except (Exception, SystemExit) as error:  # whatever somebody's code raises
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BadInputError(f"{where}: raised {told}") from error
    if not isinstance(model, nn.Module):
        raise BadInputError(f"{where}: returned {type(model).__name__}, not a torch.nn.Module")
    model.register_forward_hook(_logits)
    return model


def _logits(model: nn.Module, inputs: object, output: Any) -> Tensor:
    """The logits of an output: auxiliary heads stand behind them, and others have names."""
    if isinstance(output, Mapping):
        output = output.get("logits", output)
    output = getattr(output, "logits", output)
    return output[0] if isinstance(output, tuple | list) and output else output


def _found(
    factory: str, arguments: dict[str, Any], channels: int, classes: int
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function that a factory names, and all its arguments."""
    place, name = factory.rsplit(":", 1)
    if place == "timm":
        import timm

        if not timm.is_model(name):
            raise BadInputError(f"model.factory {factory}: timm has no model '{name}'")
        told = {"model_name": name, "num_classes": classes, "in_chans": channels}
        return timm.create_model, {**told, **arguments}
    if place == "torchvision":
        from torchvision import models

        if name not in models.list_models():
            raise BadInputError(f"model.factory {factory}: torchvision has no model '{name}'")
        return models.get_model, {"name": name, "num_classes": classes, **arguments}
    if place == "redress":
        if name not in names("models"):
            known = ", ".join(names("models"))
            raise BadInputError(f"model.factory {factory}: there is no '{name}'; allowed: {known}")
        return load("models", name).build, {"channels": channels, "classes": classes, **arguments}
    return _function(_module(place, factory), name, factory), arguments


def _module(place: str, factory: str) -> Any:
    """Somebody's module, by its name or by the path of its file; the folder it is in is on Python's path."""
    path = Path(place)
    is_file = path.suffix == ".py"
    folder = str(path.parent.absolute() if is_file else Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return _run(path) if is_file else importlib.import_module(place)
    except (Exception, SystemExit) as error:  # whatever somebody's code raises
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BadInputError(f"model.factory {factory}: importing {place} raised {told}") from error


def _run(path: Path) -> Any:
    """The module of a file, under a name that no other module has."""
    name = f"brought_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if name not in sys.modules and spec and spec.loader:
        sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[name])
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _function(module: Any, name: str, factory: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if not callable(found):
        kind = "has no" if found is None else f"is {type(found).__name__}, not"
        raise BadInputError(f"model.factory {factory}: {module.__name__} {kind} function '{name}'")
    return found
