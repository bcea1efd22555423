"""What plug-ins take is read from their source; what could not stand in a config is refused in one line."""

import ast
import importlib
import inspect

import pytest

from redress import plugins
from redress.formats.errors import BadInputError
from redress.formats.measures import Measure
from redress.plan import signatures, sources
from redress.plan.signatures import (
    constant,
    defaults,
    fields,
    has_function,
    importances_of,
    keywords,
    measure_names,
    takes,
)

FUNCTIONS = {
    "datasets": ["describe", "load"],
    "models": ["build"],
    "originals": ["make"],
    "discoveries": ["discover"],
    "expansions": ["expand"],
    "methods": ["unlearn"],
    "importances": ["compute"],
}


def forget():
    for module in (sources, signatures):
        for thing in vars(module).values():
            if hasattr(thing, "cache_clear"):
                thing.cache_clear()


@pytest.fixture
def plugin(monkeypatch, tmp_path):
    """Write a plug-in in place of the project's: `plugin("methods", "...")` is methods/x.py."""
    monkeypatch.setattr(plugins, "HERE", tmp_path)
    forget()

    def write(package, source):
        (tmp_path / package).mkdir(exist_ok=True)
        content = source if isinstance(source, bytes) else source.encode()
        (tmp_path / package / "x.py").write_bytes(content)

    yield write
    forget()


def message(function, *arguments):
    with pytest.raises(BadInputError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Annotations


ANNOTATIONS = [
    # annotation, what may be passed, what may not, in words
    ("int", [3, -3, 10.0], [True, "3", 2.5, None, [3], float("nan"), float("inf")], "an integer"),
    ("float", [3, 0.5], [True, "0.5", None], "a number"),
    ("bool", [True, False], [1, 0, "yes", None], "true or false"),
    ("str", ["3", ""], [3, None], "text"),
    ("PositiveInt", [1, 10.0], [0, -1, 2.5, True], "an integer above 0"),
    ("kinds.PositiveFloat", [0.1, 1], [0, -0.1, True, float("nan")], "a number above 0"),
    ("Fraction", [0, 0.5, 1], [-0.1, 1.1, True, float("nan")], "a number from 0 to 1"),
    ("int | None", [3, None], [True, "3", 2.5], "an integer"),
    ("typing.Optional[PositiveFloat]", [0.5, None], [0, "x"], "a number above 0"),
    ("int | float | str", [3, 0.5, "x"], [True, None], "an integer or a number or text"),
    ("Union[int, str]", [3, "x"], [True, 0.5, None], "an integer or text"),
    ("'int | None'", [3, None], ["3"], "an integer"),
    ("Literal['a', 'b']", ["a", "b"], ["c", None], "a or b"),
    ("Literal[1, 2]", [1, 2.0], [True, "1", 3], "1 or 2"),
    ("typing.Literal[-1, True] | None", [-1, True, None], [1, False], "-1 or true"),
    ("Literal['auto', None]", ["auto", None], ["none"], "auto"),
    ("Literal['auto'] | PositiveInt", ["auto", 2], [0, "2"], "auto or an integer above 0"),
    ("list[float]", [[], [1, 0.5]], [1, "12", ["x"], [True], None], "a list of numbers"),
    ("List[PositiveInt]", [[1, 2]], [[0]], "a list of integers above 0"),
    ("list[Literal['a', 'b']] | None", [["b"], None], [["c"], "a"], "a list of a or b"),
    ("list[list[str]]", [[["x"], []]], [["x"]], "a list of lists of texts"),
    ("list", [[1, "x", True]], [1, [None]], "a list of numbers, texts, true or false"),
    ("tuple[int, int]", [[3, 5], (3, 5)], [[3], [3, 5, 7], 35, "35", [3, True]], "a list of two integers"),
    ("tuple[float, ...]", [[], [0.5, 1]], [["x"], 0.5], "a list of numbers"),
    ("tuple[int, str]", [[3, "x"]], [["x", 3], [3]], "a list of an integer and text"),
    ("Any", [3, 0.5, "x", True], [None, [3], {}], "a number, text, true or false"),
]


@pytest.mark.parametrize(("annotation", "fine", "wrong", "words"), ANNOTATIONS)
def test_an_annotation_says_what_may_be_passed(plugin, annotation, fine, wrong, words):
    plugin("methods", f"def unlearn(task, *, one: {annotation}): ...")
    parameter = keywords("methods", "x", "unlearn")["one"]
    assert [value for value in fine if not parameter.accepts(value)] == []
    assert [value for value in wrong if parameter.accepts(value)] == []
    assert parameter.allowed == words
    assert parameter.required


def test_without_an_annotation_any_plain_value_may_be_passed(plugin):
    plugin("methods", "def unlearn(task, *, one, two=None): ...")
    one, two = keywords("methods", "x", "unlearn").values()
    assert all(map(one.accepts, [3, 0.5, "x", True]))
    assert not one.accepts(None)
    assert two.accepts(None)


@pytest.mark.parametrize(
    ("annotation", "choices", "is_number"),
    [
        ("Literal['a', 'b'] | None", ("a", "b"), False),
        ("Literal['a'] | float", (), True),
        ("PositiveInt | None", (), True),
        ("list[int]", (), False),
        ("str", (), False),
    ],
)
def test_choices_and_numbers_are_told_apart(plugin, annotation, choices, is_number):
    plugin("methods", f"def unlearn(task, *, one: {annotation}): ...")
    parameter = keywords("methods", "x", "unlearn")["one"]
    assert parameter.choices == choices
    assert parameter.is_number == is_number


@pytest.mark.parametrize(
    "annotation",
    [
        "np.ndarray",
        "dict[str, int]",
        "dict",
        "torch.int",
        "Literal[N]",
        "list[Tensor]",
        "tuple[()]",
        "'int |'",
    ],
)
def test_another_annotation_is_refused(plugin, annotation):
    plugin("methods", f"def unlearn(task, *, sizes: {annotation} = 3): ...")
    said = message(keywords, "methods", "x", "unlearn")
    assert said.startswith(f"methods/x.py: unlearn(): `sizes: {annotation}` is not understood")
    assert "PositiveInt" in said
    assert "list[...]" in said


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("steps: PositiveInt = 'many'", "the default of steps, 'many', is not allowed: an integer above 0"),
        ("steps: int = None", "the default of steps, None, is not allowed: an integer"),
        ("steps: int = N", "the default of steps, N, is not a plain value"),
        ("steps: int = 5 * 60", "the default of steps, 5 * 60, is not a plain value"),
    ],
)
def test_a_default_that_does_not_fit_is_refused(plugin, setting, words):
    plugin("methods", f"def unlearn(task, *, {setting}): ...")
    assert message(keywords, "methods", "x", "unlearn").startswith(f"methods/x.py: unlearn(): {words}")


# Functions


@pytest.mark.parametrize(
    ("package", "source", "words"),
    [
        ("methods", "def learn(task): ...", "there is no function unlearn()"),
        ("methods", "async def unlearn(task): ...", "there is no function unlearn()"),
        (
            "methods",
            "def unlearn(task, steps: int = 3): ...",
            "unlearn() takes task and, after a `*`, its hyper",
        ),
        (
            "methods",
            "def unlearn(task=None): ...",
            "unlearn() takes task and, after a `*`, its hyperparameters",
        ),
        ("methods", "def unlearn(): ...", "unlearn() takes task and, after a `*`, its hyperparameters"),
        (
            "methods",
            "def unlearn(task, *more): ...",
            "unlearn() takes task and, after a `*`, its hyperparameters",
        ),
        (
            "methods",
            "def unlearn(task, **more): ...",
            "unlearn() takes task and, after a `*`, its hyperparameters",
        ),
        ("originals", "def make(): ...", "make() takes training and, after a `*`, its settings"),
        ("expansions", "def expand(a, b): ...", "expand() takes known and, after a `*`, its settings"),
        ("models", "def build(a): ...", "build() takes channels and classes and, after a `*`, its settings"),
        ("datasets", "def describe(path): ...", "describe() takes its settings after a `*`"),
        (
            "discoveries",
            "def discover(a, b): ...",
            "discover() takes truth, share and generator and, after a `*`",
        ),
        ("importances", "def compute(a): ...", "compute() takes model, training_set, indices and recipe and"),
    ],
)
def test_a_function_that_could_not_be_called_is_refused(plugin, package, source, words):
    plugin(package, source)
    assert message(keywords, package, "x", FUNCTIONS[package][0]).startswith(f"{package}/x.py: {words}")


def test_positional_arguments_may_have_other_names(plugin):
    plugin("methods", "def unlearn(job, /, *, steps: int = 3): ...")
    assert defaults(keywords("methods", "x", "unlearn")) == {"steps": 3}


def test_margins_are_no_setting_of_a_discovery(plugin):
    plugin("discoveries", "def discover(t, s, g, *, margins: np.ndarray, share_kept: float): ...")
    assert list(keywords("discoveries", "x", "discover")) == ["share_kept"]
    assert takes("discoveries", "x", "discover", "margins")
    assert not takes("discoveries", "x", "discover", "truth")
    plugin("methods", "def unlearn(task, *, margins: int): ...")
    assert list(keywords("methods", "x", "unlearn")) == ["margins"]


def test_whether_a_file_has_a_function(plugin):
    plugin("originals", "def make(t): ...\nclass A:\n    def inputs(self): ...")
    assert has_function("originals", "x", "make")
    assert not has_function("originals", "x", "inputs")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"N = 1\ndef unlearn(task, *:\n", "methods/x.py, line 2: "),
        (b"# one\n# \xe9t\xe9\n", "methods/x.py, line 2: is not UTF-8"),
        (b"# one\n# \0\n", "methods/x.py, line 2: holds a null byte"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(plugin, source, words):
    plugin("methods", source)
    assert message(keywords, "methods", "x", "unlearn").startswith(words)


# Classes, constants, importances, measures


def test_fields_are_those_of_the_manipulation(plugin):
    plugin(
        "manipulations",
        "class Helper:\n    size: np.ndarray\n\n"
        "class Mark(Manipulation):\n    kind: ClassVar[str] = 'x'\n"
        "    size: PositiveInt\n    stage: str = 'model'\n",
    )
    found = fields("manipulations", "x")
    assert list(found) == ["size", "stage"]
    assert found["size"].required
    assert defaults(found) == {"stage": "model"}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("N = 3", "one class must be derived from Manipulation, not 0"),
        (
            "class A(Manipulation): ...\nclass B(Manipulation): ...",
            "one class must be derived from Manipulation",
        ),
        (
            "class A(Manipulation):\n    size: int = field(default=3)",
            "A: the default of size, field(default=3), is",
        ),
        ("class A(Manipulation):\n    mask: np.ndarray", "A: `mask: np.ndarray` is not understood"),
    ],
)
def test_fields_that_cannot_be_read_are_refused(plugin, source, words):
    plugin("manipulations", source)
    assert message(fields, "manipulations", "x").startswith(f"manipulations/x.py: {words}")


def test_a_constant_is_a_literal_or_the_default(plugin):
    plugin("models", "SMALLEST: int = 15\nA = B = [1]\nC = f()\n")
    assert constant("models", "x", "SMALLEST") == 15
    assert constant("models", "x", "B") == [1]
    assert constant("models", "x", "D", 7) == 7
    assert message(constant, "models", "x", "C").startswith("models/x.py: C is not a plain value")


def test_importances_depend_on_hyperparameters_and_defaults(plugin):
    plugin(
        "methods",
        "IMPORTANCES = {'fisher_{by}': ['training_set', 'deletion_set']}\n"
        "def unlearn(task, *, alpha: float, by: Literal['batch', 'sample'] = 'batch'): ...",
    )
    assert importances_of("x", {"alpha": 1}) == [
        ("fisher_batch", "training_set"),
        ("fisher_batch", "deletion_set"),
    ]
    assert importances_of("x", {"alpha": 1, "by": "sample"})[0] == ("fisher_sample", "training_set")


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (
            "{'fisher_{of}': ['training_set']}",
            "IMPORTANCES may hold {keyword} for its hyperparameters only: by",
        ),
        ("{'fisher': 'training_set'}", "IMPORTANCES must map names of files"),
        ("{'fisher': ['test_set']}", "IMPORTANCES must map names of files"),
        ("['fisher']", "IMPORTANCES must map names of files"),
        ("{fisher: []}", "IMPORTANCES is not a plain value"),
    ],
)
def test_importances_that_make_no_sense_are_refused(plugin, declared, words):
    plugin("methods", f"IMPORTANCES = {declared}\ndef unlearn(task, *, by: str = 'batch'): ...")
    assert message(importances_of, "x", {}).startswith(f"methods/x.py: {words}")


def test_measures_and_whose_they_are(plugin):
    plugin(
        "measures",
        "@measure(label='A', owner='developer')\ndef a(seen): ...\n"
        "def helper(seen): ...\n@cache\ndef other(seen): ...\n"
        "@measures.measure(label='B')\ndef b(known): ...\n",
    )
    assert measure_names("x") == {"a": "developer", "b": "referee"}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def a(seen): ...", "no function is marked with @measure(...)"),
        ("@measure(owner='judge')\ndef a(seen): ...", "the owner of a() is not developer or referee"),
        ("@measure(owner=WHO)\ndef a(seen): ...", "the owner of a() is not developer or referee"),
    ],
)
def test_measures_that_cannot_be_read_are_refused(plugin, source, words):
    plugin("measures", source)
    assert message(measure_names, "x").startswith(f"measures/x.py: {words}")


# What is read is what Python has


@pytest.mark.parametrize(
    ("package", "name", "function"),
    [
        (package, name, function)
        for package, functions in FUNCTIONS.items()
        for name in plugins.names(package)
        for function in functions
    ],
)
def test_the_projects_own_plugins_are_read_as_python_reads_them(package, name, function):
    module = importlib.import_module(f"redress.plugins.{package}.{name}")
    real = {
        one.name: one.default
        for one in inspect.signature(getattr(module, function)).parameters.values()
        if one.kind is one.KEYWORD_ONLY and (package, one.name) != ("discoveries", "margins")
    }
    read = keywords(package, name, function)
    assert list(read) == list(real)
    assert defaults(read) == {
        key: value for key, value in real.items() if value is not inspect.Parameter.empty
    }


@pytest.mark.parametrize("name", plugins.names("manipulations"))
def test_the_projects_own_manipulations_are_read_as_python_reads_them(name):
    (made,) = (
        node
        for node in ast.parse((plugins.HERE / f"manipulations/{name}.py").read_text()).body
        if isinstance(node, ast.ClassDef)
    )
    kind = getattr(importlib.import_module(f"redress.plugins.manipulations.{name}"), made.name)
    assert list(fields("manipulations", name)) == list(kind.__dataclass_fields__)


@pytest.mark.parametrize("file", plugins.names("measures"))
def test_the_projects_own_measures_are_read_as_python_reads_them(file):
    module = importlib.import_module(f"redress.plugins.measures.{file}")
    real = {thing.name: thing.owner for thing in vars(module).values() if isinstance(thing, Measure)}
    assert measure_names(file) == real
