"""Results are written whole or not at all, and damage is noticed."""

import ast
import hashlib
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from safetensors.numpy import load_file

from redress.formats.errors import DamagedFileError
from redress.formats.files import (
    arrays_to_fill,
    atomic,
    digest_of,
    load_arrays,
    read_json,
    save_arrays,
    sha256,
    write_json,
)
from redress.formats.identity import Identity

SCRIPTS = Path(__file__).parents[1] / "workflow/scripts"

WHO = Identity("digits", "poison", 20, 0)
ARRAYS = {
    "images": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    "labels": np.array([-1, 2**40], dtype=np.int64),
    "scalar": np.array(3.5),
    "empty": np.zeros((0, 4), dtype=np.float32),
    "flags": np.array([True, False]),
}
ABOUT = {"classes": ["0", "é"], "mean": [0.5], "nested": {"none": None}}


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert np.array_equal(found[name], array)


def test_arrays_come_back_as_they_were(tmp_path):
    save_arrays(tmp_path / "a.safetensors", ARRAYS, ABOUT, WHO)
    arrays, about = load_arrays(tmp_path / "a.safetensors", WHO)
    assert_same(arrays, ARRAYS)
    assert {name: about[name] for name in ABOUT} == ABOUT
    assert about["identity"] == {"dataset": "digits", "manipulation": "poison", "n": 20, "seed": 0}


KINDS = st.sampled_from([np.uint8, np.int32, np.int64, np.float32, np.float64, np.bool_])


@settings(deadline=None)
@given(arrays_of.arrays(KINDS, arrays_of.array_shapes(min_dims=0, min_side=0)))
def test_any_array_comes_back(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("arrays") / "a.safetensors"
    save_arrays(path, {"a": array}, {}, WHO)
    found = load_arrays(path, WHO)[0]["a"]
    assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_arrays_that_are_views_come_back(tmp_path):
    views = {"turned": ARRAYS["images"].T, "every other": np.arange(10)[::2], "backwards": np.arange(3)[::-1]}
    save_arrays(tmp_path / "a.safetensors", views, {}, WHO)
    assert_same(load_arrays(tmp_path / "a.safetensors", WHO)[0], views)


def test_saving_twice_gives_the_same_bytes(tmp_path):
    contents = set()
    for i in range(20):
        save_arrays(tmp_path / f"{i}.safetensors", ARRAYS, ABOUT, WHO)
        contents.add((tmp_path / f"{i}.safetensors").read_bytes())
    assert len(contents) == 1


def test_the_digest_sees_names_shapes_and_kinds_as_well_as_bytes():
    array = np.arange(6, dtype=np.int64)
    others = [
        {"b": array},
        {"a": array.reshape(2, 3)},
        {"a": array.view(np.uint64)},
        {"a": array, "b": array},
        {"a": array + 1},
        {},
    ]
    digests = {digest_of(other) for other in others}
    assert len(digests) == 6
    assert digest_of({"a": array}) not in digests
    assert digest_of({"a": array, "b": array}) == digest_of({"b": array, "a": array.copy()})


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "draw.safetensors"
    save_arrays(path, {"a": np.arange(3)}, {"seed": 0, "name": "x"}, WHO)
    return path


def assert_damaged(path):
    with pytest.raises(DamagedFileError) as caught:
        load_arrays(path, WHO)
    message = str(caught.value)
    assert str(path) in message
    assert "delete it" in message
    assert "\n" not in message


def test_a_truncated_file_is_named_wherever_it_ends(saved):
    content = saved.read_bytes()
    for length in range(len(content)):
        saved.write_bytes(content[:length])
        assert_damaged(saved)


def header_length(content):
    return 8 + int.from_bytes(content[:8], "little")


@pytest.mark.parametrize("bit", [0, 7])
def test_a_flipped_bit_in_the_data_is_noticed(saved, bit):
    content = saved.read_bytes()
    for position in range(header_length(content), len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << bit
        saved.write_bytes(damaged)
        assert_damaged(saved)


@pytest.mark.parametrize("bit", [0, 7])
def test_a_flipped_bit_in_the_header_is_noticed(saved, bit):
    content = saved.read_bytes()
    unnoticed = []
    for position in range(header_length(content)):
        damaged = bytearray(content)
        damaged[position] ^= 1 << bit
        saved.write_bytes(damaged)
        try:
            load_arrays(saved, WHO)
        except DamagedFileError:
            continue
        except Exception as error:
            unnoticed.append((position, type(error).__name__))
        else:
            unnoticed.append((position, "nothing"))
    assert unnoticed == []


def test_a_file_that_is_not_there_is_no_damage(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_arrays(tmp_path / "nowhere.safetensors", WHO)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "nowhere.json", WHO)


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe", b"{'a': 1}"])
def test_json_that_is_none_is_named(tmp_path, content):
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"result\.json"):
        read_json(path, WHO)


def test_json_comes_back_as_it_was(tmp_path):
    content = {"a": [1, 0.1, None, True], "b": {"c": "é"}}
    write_json(tmp_path / "deep/er/result.json", content, WHO)
    identity = {"dataset": "digits", "manipulation": "poison", "n": 20, "seed": 0}
    assert read_json(tmp_path / "deep/er/result.json", WHO) == {"identity": identity, **content}
    sealed = json.loads((tmp_path / "deep/er/result.json").read_text())
    text = '{"a": [1, 0.1, null, true], "b": {"c": "\\u00e9"}, "identity": {"dataset": "digits", '
    text += '"manipulation": "poison", "n": 20, "seed": 0}}'
    assert sealed == {"identity": identity, **content, "sha256": hashlib.sha256(text.encode()).hexdigest()}


@pytest.mark.parametrize(
    ("old", "new"), [("0.1", "0.2"), ("true", "NaN"), ('"c"', '"d"'), ("digits", "cifar10")]
)
def test_json_that_was_altered_is_named_with_the_command_that_rebuilds_it(tmp_path, old, new):
    path = tmp_path / "result.json"
    write_json(path, {"a": [1, 0.1, None, True], "b": {"c": "é"}}, WHO)
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(
        DamagedFileError, match=r"result\.json: .*(SHA-256|JSON); .*snakemake --cores 1 .*result\.json"
    ):
        read_json(path, WHO)


def test_json_may_be_laid_out_anew(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"b": 2, "a": 1.5}, WHO)
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4, sort_keys=True))
    assert read_json(path, WHO, "a", "b").items() >= {"a": 1.5, "b": 2}.items()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_json_holds_no_nan_and_a_refused_write_leaves_nothing(tmp_path, number):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "result.json", {"accuracy": number}, WHO)
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_old_file_and_no_temporary_one(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic(path) as temporary:
        temporary.write_text("half of the ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_being_interrupted_leaves_no_temporary_file(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic(tmp_path / "result.json"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "result.json"
    with atomic(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        # Renaming is atomic within a folder; another file system would copy.
        assert temporary.parent == path.parent
        assert temporary.suffix == path.suffix
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hashlib.sha256(b"abc").hexdigest() == sha256(tmp_path / "x")


# No pickle: reading a result must not be able to run code


def test_python_objects_are_not_saved(tmp_path):
    with pytest.raises(Exception, match="object"):
        save_arrays(tmp_path / "a.safetensors", {"a": np.array([None, {}], dtype=object)}, {}, WHO)
    assert list(tmp_path.iterdir()) == []


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("sprung"),))


def test_a_pickle_in_place_of_a_result_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickled = tmp_path / "a.safetensors"
    pickled.write_bytes(pickle.dumps(Trap()))
    assert_damaged(pickled)
    np.save(tmp_path / "b.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    (tmp_path / "b.npy").rename(pickled)
    assert_damaged(pickled)
    assert not (tmp_path / "sprung").exists()


def test_no_script_uses_pickle():
    forbidden = {"pickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
    calls = {"torch.load", "torch.save", "np.load", "np.save", "pd.read_pickle"}
    files = sorted(SCRIPTS.rglob("*.py"))
    assert len(files) > 30
    for file in files:
        text = file.read_text()
        if file.name == "prediction.py":  # writes pickles to compare models, and never reads one
            assert set(re.findall(r"pickle\.\w+", text)) == {"pickle.Pickler"}
            text = text.replace("import pickle\n", "")
        if file.parent.name == "developer" and file.name == "weights.py":  # somebody's, tensors alone
            assert len(re.findall(r"torch\.load\([^)]*weights_only=True\)", text)) == 1
            text = text.replace("torch.load(", "only_tensors(", 1)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                assert forbidden.isdisjoint(alias.name.split(".")[0] for alias in node.names), file
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in forbidden, file
            elif isinstance(node, ast.Attribute):
                assert ast.unparse(node) not in calls, file
                assert node.attr != "to_pickle", file
            elif isinstance(node, ast.keyword):
                assert node.arg != "allow_pickle", file


def test_arrays_that_are_filled_on_disk_are_a_file_like_any_other(tmp_path):
    draws = np.random.default_rng(0)
    arrays = {
        "images": draws.integers(0, 256, (70, 3, 70, 80)).astype(np.uint8),
        "labels": draws.integers(0, 9, 70),
        "digests": draws.integers(0, 2**63, 70).astype(np.uint64),
    }
    shapes = {name: (array.dtype.type, array.shape) for name, array in arrays.items()}
    identity = Identity("mine")
    with arrays_to_fill(tmp_path / "filled", shapes, {"classes": ["a", "b"]}, identity) as filled:
        for name, array in arrays.items():
            filled[name][:] = array
    seal = save_arrays(tmp_path / "saved", arrays, {"classes": ["a", "b"]}, identity)
    plain = load_file(tmp_path / "filled")
    for mapped in (False, True):
        read, about = load_arrays(tmp_path / "filled", identity, mapped=mapped)
        assert about["seal"] == seal
        assert all(np.array_equal(read[name], plain[name]) for name in plain.keys() | arrays.keys())
        assert isinstance(read["images"], np.memmap) == mapped
    read["images"][:] = 0  # of the copy alone
    assert load_arrays(tmp_path / "filled", identity)[1]["seal"] == seal
    with pytest.raises(KeyError), arrays_to_fill(tmp_path / "never", shapes, {}, identity):
        raise KeyError
    assert sorted(path.name for path in tmp_path.iterdir()) == ["filled", "saved"]
    content = bytearray((tmp_path / "filled").read_bytes())
    content[-1] ^= 1
    (tmp_path / "filled").write_bytes(content)
    with pytest.raises(DamagedFileError, match="does not match"):
        load_arrays(tmp_path / "filled", identity, mapped=True)
