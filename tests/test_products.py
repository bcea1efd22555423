"""Tables, figures and the page carry a seal: what was changed after it was made is noticed."""

import pytest

from redress.formats import products
from redress.formats.errors import BadInputError, DamagedFileError
from redress.report.reading import read_table


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "tables" / "selected.csv"
    with products.sealed(path) as temporary:
        temporary.write_text("method,score\neu,0.5\n")
    return path


def test_a_product_as_it_was_made_is_intact_and_read(table):
    assert products.is_intact(table)
    assert read_table(table)["score"].tolist() == [0.5]


@pytest.mark.parametrize("content", ["method,score\neu,0.6\n", "method;score\neu;0.5\n", ""])
def test_a_changed_table_is_named_with_the_command_that_makes_it_again(table, content):
    table.write_text(content)
    with pytest.raises(
        DamagedFileError, match=r"selected.csv: was changed .* snakemake --cores 1 .*selected.csv"
    ):
        read_table(table)


def test_a_product_that_lost_its_seal_is_not_intact(table):
    (table.parent / ".seals" / table.name).unlink()
    assert not products.is_intact(table)
    with pytest.raises(DamagedFileError):
        products.check(table)


@pytest.mark.parametrize("content", [b"", b"no seal\n", b"\xb7" * 64])
def test_a_product_with_a_damaged_seal_is_not_intact(table, content):
    (table.parent / ".seals" / table.name).write_bytes(content)
    assert not products.is_intact(table)


def test_a_readers_own_copy_is_their_business(table, tmp_path):
    own = tmp_path / "mine.csv"
    own.write_text(table.read_text().replace("0.5", "0.7"))
    assert read_table(own)["score"].tolist() == [0.7]


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2,3\n4,5,6,7\n", b"a,b\n\xb7,2\n"])
def test_a_copy_that_is_no_table_is_named(tmp_path, content):
    own = tmp_path / "mine.csv"
    own.write_bytes(content)
    with pytest.raises(BadInputError, match=r"mine.csv: is not a table of values between commas"):
        read_table(own)


def test_a_product_that_fails_while_it_is_made_leaves_the_old_one_as_it_was(table):
    with pytest.raises(RuntimeError), products.sealed(table) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert products.is_intact(table)


def test_only_products_are_removed(tmp_path):
    for name in ("kept.png", "dropped.png", "examples/digits/dropped.pdf"):
        with products.sealed(tmp_path / name) as temporary:
            temporary.write_text(name)
    (tmp_path / "mine.png").write_text("not made here")
    removed = products.remove_others(tmp_path, {str(tmp_path / "kept.png")})
    assert sorted(path.name for path in removed) == ["dropped.pdf", "dropped.png"]
    left = {path.name for path in tmp_path.rglob("*") if path.is_file() and ".seals" not in path.parts}
    assert left == {"kept.png", "mine.png"}
    assert products.is_intact(tmp_path / "kept.png")
