"""Facts about the parts of a run."""

from __future__ import annotations

import pytest

from runback_gate.gate.shard import parse_shard


@pytest.mark.parametrize(("text", "shard"), [("1/1", (1, 1)), ("2/3", (2, 3)), ("1000/1000", (1000, 1000))])
def test_a_part_of_a_run(text: str, shard: tuple[int, int]) -> None:
    """`i/n` names part i of n."""
    assert parse_shard(text) == shard


@pytest.mark.parametrize("text", ["", "1", "0/1", "2/1", "1/1001", "-1/2", "1/2/3", " 1/2", "1/2\n", "١/٢", "00001/2"])
def test_what_is_no_part(text: str) -> None:
    """Nothing else is a part of a run."""
    with pytest.raises(ValueError, match="is no part of a run"):
        parse_shard(text)
