"""Whether a config makes sense, found out before anything runs: one line for what does not."""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from redress import plugins
from redress.formats.candidates import (
    EXPANSION,
    Hyperparameters,
    candidate_name,
    canonical,
    canonical_number,
    expand,
    own_of,
)
from redress.formats.errors import BadInputError
from redress.formats.identity import PLAIN
from redress.formats.rules import ORACLE
from redress.plan import signatures

SCHEMA = Path(__file__).resolve().parents[3] / "schemas" / "config.schema.yaml"


FUNCTIONS = {
    "originals": "make",
    "discoveries": "discover",
    "expansions": "expand",
    "methods": "unlearn",
    "bounds": "train_on",
    "selections": "key",
    "models": "build",
    "datasets": "describe",
}
"""The function that takes a plug-in's settings, by package."""

LONGEST_NAME = 200
"""Characters of a candidate's name: file systems allow 255 with what is put around it."""

GONE = {
    ("resources", "evaluate"): "there is no such stage any more; `train` covers it",
}
"""Keys of earlier versions, and what stands in their place."""


BESIDE = ("methods", "expansions", "device", "threads", "time_limit", "resources")
"""Keys of a config that may stand beside `corrections`."""

SHOWN = 60
"""Characters of a value that a message shows."""


class ConfigError(BadInputError):
    """A config that cannot be run; the message names the key, what is wrong and what is allowed."""

    def __init__(self, path: Iterable[str | int], problem: str):
        path = list(path)
        super().__init__(f"{_dotted(path)}: {problem}".replace("\n", "\\n"))
        self.key = path[0] if path else None


def _dotted(path: Iterable[str | int]) -> str:
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text or "the config"


class StrictLoader(yaml.SafeLoader):
    """YAML's safe loader, but a key that is given twice in a block is an error, as YAML says it is."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Raises ConstructorError for the second one of two equal keys."""
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":  # `<<: *block`: its keys may be given again
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                problem = "a list or a block cannot be a key"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                problem = f"the key '{key}' is given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def holds_itself(value: Any, above: tuple[int, ...] = ()) -> bool:
    """Whether a block or list of YAML is, by an alias, somewhere inside itself."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return id(value) in above or any(holds_itself(one, (*above, id(value))) for one in inner)


@cache
def schema() -> dict[str, Any]:
    """The JSON schema, with a description of every key."""
    quickest = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content: dict[str, Any] = yaml.load(SCHEMA.read_text(), Loader=quickest)
    return content


@cache
def _validator() -> Any:
    def is_integer(_: Any, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer)
    kind = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=types)
    return kind(schema())


def check_shape(config: Mapping[str, Any]) -> None:
    """Raise ConfigError for the first place at which `config` does not follow the schema."""
    for (block, key), instead in GONE.items():
        if isinstance(config.get(block), Mapping) and key in config[block]:
            raise ConfigError([block, key], instead)
    for path, value in _leaves(config):
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(path, f"{value} is not a finite number")
    _check_correction_names(config.get("corrections"))
    errors = sorted(_validator().iter_errors(config), key=lambda error: list(map(str, error.absolute_path)))
    for error in errors:
        raise ConfigError(*_explain(error))


def _check_correction_names(block: Any) -> None:
    """Raise ConfigError where what belongs to one correction stands where the names of corrections do."""
    own = schema()["$defs"]["correction"]
    for key, value in block.items() if isinstance(block, Mapping) else ():
        if isinstance(value, Mapping) and {*own["required"]} & {*value}:
            continue
        if key in BESIDE:
            raise ConfigError(["corrections"], _beside(key))
        if key in own["properties"]:
            problem = f"has `{key}` where the names of corrections stand: a name is missing above it"
            raise ConfigError(["corrections"], f"{problem}, as in `corrections: {{mine: {{{key}: ...}}}}`")


def _beside(key: str) -> str:
    return f"`{key}` stands beside `corrections`, not in it: indent it as `corrections` is"


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every value that is neither a list nor a block, with the way to it."""
    if isinstance(value, Mapping):
        inner: Iterable[tuple[str | int, Any]] = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        yield path, value
        return
    for key, item in inner:
        yield from _leaves(item, (*path, key))


def _explain(error: jsonschema.ValidationError) -> tuple[list[str | int], str]:
    """Where a schema violation is, and what to say about it."""
    path: list[str | int] = list(error.absolute_path)
    value: Any = error.instance
    rule: Any = error.validator_value
    known: Any = error.schema
    limits = {
        "minimum": "at least",
        "maximum": "at most",
        "exclusiveMinimum": "more than",
        "exclusiveMaximum": "less than",
    }
    if error.validator == "anyOf":
        inner = error.context or []
        return _explain(max(inner, key=lambda one: (len(one.absolute_path), one.validator == "minItems")))
    if error.validator == "additionalProperties":
        allowed = sorted(known["properties"])
        unknown = next(key for key in value if key not in allowed)
        if path[:1] == ["corrections"] and len(path) == 2 and unknown in BESIDE:
            return path, _beside(unknown)
        return [*path, unknown], f"unknown key{_did_you_mean(unknown, allowed)}"
    if error.validator == "required":
        missing = next(key for key in rule if key not in value)
        return [*path, missing], "is missing"
    if error.validator == "type":
        if value is None and isinstance(path[-1], str):
            hint = ", perhaps `{}`" if len(path) == 2 and path[0] == "methods" else ""
            return path, f"is empty: {_words_for(rule)} is needed{hint}"
        return path, f"{_shown(value)} {_wrong_type(value, rule)}{_instead(path, value, known)}"
    if error.validator == "enum":
        close = difflib.get_close_matches(str(value), rule, n=1)
        hint = f", did you mean '{close[0]}'? allowed:" if close else ":"
        also = " or a block of keys such as `{steps: 1000}`" if path[-1] == "recipe" else ""
        return path, f"{_shown(value)} is not allowed{hint} {' or '.join(rule)}{also}"
    if error.validator in limits:
        hint = _of_share(path, value) if error.validator == "maximum" and rule == 1 else ""
        return path, f"{value!r} is out of range: {limits[error.validator]} {rule}{hint}"
    if error.validator in ("minItems", "minProperties", "minLength"):
        return path, "is empty: at least one entry is needed"
    if error.validator == "uniqueItems":
        twice = next(item for i, item in enumerate(value) if item in value[:i])
        return path, f"{twice!r} is given twice"
    if error.validator == "pattern":
        return path, f"{_shown(value)} is not allowed: {known['description'].strip()}"
    return path, error.message


def _shown(value: Any) -> str:
    """A value as Python writes it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _instead(path: list[str | int], value: Any, rules: Mapping[str, Any]) -> str:
    """How to write a block of keys, where it can be told from the value that stands in its place."""
    if isinstance(value, str) and value and "folder" in rules.get("properties", {}):
        key = "manifest" if value.endswith(".csv") else "folder"
        return "" if ":" in value else f": write `{{{key}: {value}}}`"
    if path == ["methods"] and isinstance(value, str | list) and value:
        first = value[0] if isinstance(value, list) else value
        return f": write `{first}: {{}}` below it" if isinstance(first, str) else ""
    return ""


def _of_share(path: list[str | int], value: float) -> str:
    """What was perhaps meant by a number above 1 where all are below: percent, or a level of 255."""
    if {"mean", "std"} & {*path}:
        return f"; did you mean {value:g}/255 = {value / 255:.2g}?" if 2 <= value <= 255 else ""
    return f"; did you mean {value / 100:g}?" if value <= 100 else ""


def _words_for(rule: str | list[str]) -> str:
    """What is allowed by a schema's `type`."""
    words = {
        "integer": "an integer",
        "number": "a number",
        "boolean": "true or false",
        "array": "a list",
        "object": "a block of keys",
        "string": "text",
        "null": "null",
    }
    return " or ".join(words[kind] for kind in ([rule] if isinstance(rule, str) else rule))


def _wrong_type(value: Any, rule: str | list[str]) -> str:
    kinds = [rule] if isinstance(rule, str) else rule
    if isinstance(value, str) and _is_number(value) and {"number", "integer"} & set(kinds):
        return f"is text, not a number: write {_as_yaml_number(value)} without quotes"
    colon = isinstance(value, str) and "object" in kinds and ":" in value
    return f"is not {_words_for(rule)}" + (": a space has to follow its colon" if colon else "")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _as_yaml_number(text: str) -> str:
    """How to write `text` so that YAML 1.1 reads a number: it takes 1e6 for text, 1.0e+6 for a number."""
    number = float(text)
    return str(int(number)) if number.is_integer() else repr(number)


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = difflib.get_close_matches(str(word), known, n=1)
    hint = f", did you mean '{close[0]}'?" if close else ";"
    return f"{hint} allowed: {', '.join(known) or 'none'}"


def check_plugin(path: list[str | int], package: str, name: str) -> None:
    """Raise ConfigError unless `package` has a file for `name`."""
    known = plugins.names(package)
    if name not in known:
        raise ConfigError(path, f"there is no {package}/{name}.py{_did_you_mean(name, known)}")


def check_settings(
    path: list[str | int], given: Mapping[str, Any], parameters: Mapping[str, signatures.Parameter]
) -> None:
    """Raise ConfigError unless `given` fits the `parameters` of a function or class."""
    for key, value in given.items():
        if key not in parameters:
            raise ConfigError([*path, key], f"unknown key{_did_you_mean(key, parameters)}")
        if not parameters[key].accepts(value):
            if isinstance(value, str) and _is_number(value) and parameters[key].is_number:
                problem = _wrong_type(value, "number")
            else:
                problem = f"is not allowed: {parameters[key].allowed}"
            raise ConfigError([*path, key], f"{value!r} {problem}")
    for key, parameter in parameters.items():
        if parameter.required and key not in given:
            raise ConfigError([*path, key], f"is missing: {parameter.allowed}")


def expansions_of(block: Mapping[str, Any]) -> list[str]:
    """Who grows the deletion sets of a method's block; PLAIN for nobody."""
    given = block.get("expansion") or PLAIN
    return [given] if isinstance(given, str) else list(given)


def candidates_of(block: Mapping[str, Any]) -> list[Hyperparameters]:
    """What a method's block lets choose among: its grid, and its expansions where they are several."""
    grid, expansions = expand(block["grid"]), expansions_of(block)
    if len(expansions) == 1:
        return grid
    return [canonical({**candidate, EXPANSION: one}) for one in expansions for candidate in grid]


def check_method(name: str, block: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Raise ConfigError unless the method exists, runs on what `config` has, and its grid holds candidates
    it can run, each once."""
    path: list[str | int] = ["methods", name]
    use = block.get("use", name)
    if name == "original":
        raise ConfigError(
            path, "is the name of M_o in tables: give the block another name and say `use: original`"
        )
    check_plugin([*path, "use"] if "use" in block else path, "methods", use)
    discoveries = block.get("discovery", [])
    for key, package, given in (
        ("maker", "originals", [block["maker"]] if "maker" in block else []),
        ("expansion", "expansions", expansions_of(block)),
        ("discovery", "discoveries", [discoveries] if isinstance(discoveries, str) else discoveries),
    ):
        for one in given:
            if one not in config[package] and not (key == "expansion" and one == PLAIN):
                hint = _did_you_mean(one, config[package])
                raise ConfigError([*path, key], f"{package} has no block '{one}'{hint}")
    needed = signatures.constant("methods", use, "NEEDS_MAKER")
    maker = block.get("maker") or next(iter(config["originals"]))
    if needed and config["originals"][maker].get("use", maker) != needed:
        problem = f"{use} runs on original models made by {needed}: name a block of `originals` that uses it"
        raise ConfigError([*path, "maker"], problem)
    if signatures.constant("methods", use, "NEEDS_EXPANSION") and PLAIN in expansions_of(block):
        problem = f"{use} runs on grown deletion sets: name blocks of `expansions`, and not `{PLAIN}`"
        raise ConfigError([*path, "expansion"], problem)
    of_maker = signatures.constant("methods", use, "OF_MAKER", [])
    grid_path = [*path, "grid"]
    parameters = signatures.keywords("methods", use, "unlearn")
    defaults = signatures.defaults(parameters)
    if EXPANSION in parameters:
        problem = (
            f"methods/{use}.py takes a keyword `{EXPANSION}`, which is a key of its block: call it otherwise"
        )
        raise ConfigError(path, problem)
    seen: set[str] = set()
    for candidate in candidates_of(block):
        check_settings(grid_path, own_of(candidate), parameters)
        for name in of_maker:
            theirs = {**_makers_defaults(needed), **config["originals"][maker]}[name]
            if (own := {**defaults, **candidate}[name]) != theirs:
                raise ConfigError(
                    [*grid_path, name], f"is {own}, and {theirs} in originals.{maker}: the same in both"
                )
        names = {candidate_name(candidate), candidate_name({**defaults, **candidate})}
        if names & seen:
            raise ConfigError(grid_path, f"the candidate {candidate_name(candidate)} is given twice")
        seen |= names
        if len(candidate_name(candidate)) > LONGEST_NAME:
            problem = (
                f"the name of {candidate_name(candidate)[:40]}... is longer than {LONGEST_NAME} characters"
            )
            raise ConfigError(grid_path, problem)
        for importance, _ in signatures.importances_of(use, candidate):
            check_plugin(grid_path, "importances", importance)


def _makers_defaults(use: str) -> dict[str, Any]:
    return signatures.defaults(signatures.keywords("originals", use, FUNCTIONS["originals"]))


def check_measures(files: Iterable[str], weights: Mapping[str, float]) -> None:
    """Raise ConfigError unless these files define each measure once, and `weights` are of the developer's."""
    owners: dict[str, str] = {}
    for file in files:
        for name, owner in signatures.measure_names(file).items():
            if name in owners:
                raise ConfigError(["measures"], f"{file} defines {name}, but another file already does")
            owners[name] = owner
    own = [name for name, owner in owners.items() if owner == "developer"]
    for name in weights:
        if name not in own:
            problem = f"is not one of the developer's measures{_did_you_mean(name, own)}"
            raise ConfigError(["selection", name], problem)
    if not any(weights.values()):
        raise ConfigError(["selection"], "every weight is 0: at least one must be above 0")


def check_bound(bound: str) -> None:
    """Raise ConfigError unless there is such a bound."""
    check_plugin(["bounds"], "bounds", bound)
    check_settings(["bounds", bound], {}, signatures.keywords("bounds", bound, FUNCTIONS["bounds"]))


def check_rule(rule: str) -> None:
    """Raise ConfigError unless there is such a selection rule, and a developer can follow it."""
    check_plugin(["selection_rule"], "selections", rule)
    for one in plugins.names("selections"):
        if one == ORACLE:
            problem = f"selections/{one}.py has the name of the best candidate in rules.csv: rename the file"
            raise ConfigError(["selection_rule"], problem)
        known = signatures.keywords("selections", one, FUNCTIONS["selections"])
        check_settings(["selection_rule", one], {}, known)
    own = [
        one for one in plugins.names("selections") if not signatures.takes("selections", one, "key", "healed")
    ]
    if rule not in own:
        needs = f"{rule!r} needs the true labels of S_f, which only the referee has"
        raise ConfigError(["selection_rule"], f"{needs}; allowed: {', '.join(own)}")


def with_defaults(config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `config` with the schema's defaults where keys are missing, and 10.0 written as 10."""
    filled = _fill(config, schema())
    for name, block in filled["datasets"].items():
        block.setdefault("source", {"name": name})
        block.setdefault("label", name)
    return filled


def _resolved(rules: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rules that a reference stands for."""
    if "$ref" not in rules:
        return rules
    found: dict[str, Any] = schema()["$defs"][rules["$ref"].rsplit("/", 1)[1]]
    return found


def _fill(value: Any, rules: Mapping[str, Any]) -> Any:
    rules = _resolved(rules)
    if isinstance(value, list):
        return [_fill(inner, {}) for inner in value]
    if not isinstance(value, Mapping):
        return canonical_number(value)
    other = rules.get("additionalProperties", {})
    known = {key: _resolved(rule) for key, rule in rules.get("properties", {}).items()}
    filled = {key: _fill(rule["default"], rule) for key, rule in known.items() if "default" in rule}
    for key, inner in value.items():
        rule = known.get(key, other)
        filled[key] = _fill(inner, rule if isinstance(rule, Mapping) else {})
    return filled
