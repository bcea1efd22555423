"""Grids are expanded in order, and every candidate has one file name of its own."""

from hypothesis import given, settings
from hypothesis import strategies as st

from redress.formats.candidates import candidate_name, canonical, expand


def test_the_last_name_varies_fastest():
    assert expand({"b": [1, 2], "a": [3, 4]}) == [
        {"a": 3, "b": 1},
        {"a": 4, "b": 1},
        {"a": 3, "b": 2},
        {"a": 4, "b": 2},
    ]


def test_a_single_value_needs_no_list():
    assert expand({"alpha": [1, 2], "steps": 50}) == [{"alpha": 1, "steps": 50}, {"alpha": 2, "steps": 50}]
    assert expand({"name": "batch", "flag": True}) == [{"name": "batch", "flag": True}]


def test_a_list_of_grids_is_one_after_the_other():
    assert expand([{"a": [1, 2]}, {"b": 3}, {}]) == [{"a": 1}, {"a": 2}, {"b": 3}, {}]


def test_an_empty_grid_is_one_candidate_with_defaults():
    assert expand({}) == [{}]
    assert candidate_name({}) == "default"


def test_the_number_of_candidates_is_the_product_of_the_lists():
    assert len(expand({"a": [1, 2, 3], "b": [1, 2], "c": 0, "d": [1, 2, 3, 4]})) == 24


def test_names_are_as_documented():
    assert candidate_name({"gamma_over_alpha": 0.5, "alpha": 10}) == "alpha=10,gamma_over_alpha=0.5"
    assert candidate_name({"importance": "per_sample", "flag": True}) == "flag=true,importance=per_sample"
    assert candidate_name({"alpha": 0.001}) == "alpha=0.001"
    assert candidate_name({"alpha": 1e-7}) == "alpha=1e-07"


def test_numbers_that_are_equal_have_one_name():
    assert candidate_name({"a": 10.0}) == candidate_name({"a": 10}) == "a=10"
    assert candidate_name({"a": -0.0}) == candidate_name({"a": 0}) == "a=0"
    assert type(canonical({"a": 10.0})["a"]) is int
    assert candidate_name({"a": True}) != candidate_name({"a": 1})


names = st.from_regex("[a-z_]{1,6}", fullmatch=True)
# What config lets through: see `value` in the schema.
words = st.from_regex("[A-Za-z][A-Za-z0-9_.-]{0,5}", fullmatch=True).filter(
    lambda w: w not in ("true", "false")
)
numbers = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False, width=32)
candidates = st.dictionaries(names, numbers | words | st.booleans(), max_size=4)


def identity(candidate):
    """What makes two candidates one, said without names: True is not 1, but 1.0 is."""
    return {key: (isinstance(value, bool), value) for key, value in candidate.items()}


@settings(deadline=None)
@given(candidates, candidates)
def test_two_candidates_have_one_name_only_if_they_are_one(first, second):
    same_name = candidate_name(first) == candidate_name(second)
    assert same_name == (identity(first) == identity(second))


@settings(deadline=None)
@given(names, numbers, numbers)
def test_two_values_of_one_hyperparameter_share_a_name_only_if_equal(name, first, second):
    assert (candidate_name({name: first}) == candidate_name({name: second})) == (first == second)


@settings(deadline=None)
@given(candidates)
def test_a_name_can_be_a_file_and_does_not_depend_on_the_order_of_keys(candidate):
    name = candidate_name(candidate)
    assert "/" not in name
    assert not name.startswith(".")
    assert name == candidate_name(dict(reversed(candidate.items())))
    assert canonical(canonical(candidate)) == canonical(candidate)
