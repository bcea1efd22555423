"""What a finished run has left may be damaged, swapped and edited: no table differs without a word."""

import pytest
from hostile import Siege


@pytest.mark.slow
def test_a_dozen_rounds_of_harm_leave_no_table_quietly_different(tmp_path):
    siege = Siege(tmp_path, seed=3)
    siege.run(rounds=12)
    assert siege.differences == []
