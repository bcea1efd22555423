"""A network that somebody brings: made by their own function, or by that of a library."""

import difflib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from redress.formats.errors import BadInputError, raised
from redress.plugins import load, names

NEAREST = 3
MOST = 10
"""Names of functions that a message has."""


def build(channels: int, classes: int, *, factory: str, arguments: Mapping[str, Any]) -> nn.Module:
    """What `factory` makes of `arguments`; its output for images (B, channels, H, W) is logits (B, classes).

    Raises BadInputError where it makes no network.
    """
    where = f"model.factory {factory}"
    make, arguments = _found(factory, dict(arguments), channels, classes)
    called = f"called with {', '.join(f'{key}={value!r}' for key, value in arguments.items()) or 'nothing'}"
    try:
        takes = inspect.signature(make)
        takes.bind(**arguments)
    except TypeError as error:
        advice = "give it in model.arguments" if "missing" in f"{error}" else "take it out of model.arguments"
        raise BadInputError(f"{where}: {error}: {called}, it takes {takes}; {advice}") from error
    except ValueError:  # something without a signature
        pass
    try:
        model = make(**arguments)
    except (Exception, SystemExit) as error:  # whatever somebody's code raises
        told = f"; {called}" if isinstance(error, TypeError) else ""
        raise BadInputError(f"{where}: raised {raised(error)}{told}") from error
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
            raise _no_model(factory, timm.list_models())
        told = {"model_name": name, "num_classes": classes, "in_chans": channels}
        return timm.create_model, {**told, **arguments}
    if place == "torchvision":
        from torchvision import models

        if name not in models.list_models():
            raise _no_model(factory, models.list_models())
        return models.get_model, {"name": name, "num_classes": classes, **arguments}
    if place == "redress":
        if name not in names("models"):
            known = ", ".join(names("models"))
            raise BadInputError(f"model.factory {factory}: there is no '{name}'; allowed: {known}")
        return load("models", name).build, {"channels": channels, "classes": classes, **arguments}
    return _function(_module(place, factory), place, name, factory), arguments


def _no_model(factory: str, known: Sequence[str]) -> BadInputError:
    """What to say where a library has no such model among those that are `known`."""
    library, _, name = factory.rpartition(":")
    near = difflib.get_close_matches(name, known, n=NEAREST)
    hint = f"; the nearest are {', '.join(near)}" if near else ""
    return BadInputError(f"model.factory {factory}: {library} has no model '{name}'{hint}")


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
        raise BadInputError(f"model.factory {factory}: importing {place} raised {raised(error)}") from error


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


def _function(module: Any, place: str, name: str, factory: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if callable(found) and not isinstance(found, nn.Module):
        return found
    if found is not None:
        a_network = f"is a {type(found).__name__}, not a function or class that makes one"
        raise BadInputError(f"model.factory {factory}: {name} in {place} {a_network}")
    public = {key: one for key, one in vars(module).items() if callable(one) and not key.startswith("_")}
    near = difflib.get_close_matches(name, public, n=1)
    own = [key for key, one in public.items() if getattr(one, "__module__", None) == module.__name__]
    hint = f", did you mean '{near[0]}'?" if near else ";" if own else ""
    has = f" it has {', '.join(own[:MOST])}{' ...' if len(own) > MOST else ''}" if own else ""
    raise BadInputError(f"model.factory {factory}: {place} has no function '{name}'{hint}{has}")
