"""An approval is bound to a commit: the full id of the very head that is judged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runback_gate.gate.approval import approved, refusal

HEAD = "9ac3e11d" * 5


def test_an_approval_of_this_very_head() -> None:
    """The full id of the commit that is judged, of either length, and nothing is left to say."""
    for head in (HEAD, "0f" * 32):
        assert approved(head, head)
        assert refusal(head, head) is None


@pytest.mark.parametrize(
    ("approval", "head", "why"),
    [
        (None, HEAD, "not approved"),
        ("", HEAD, "not approved"),
        (" ", HEAD, "not approved"),
        ("", "", "not approved"),
        (None, None, "not approved"),
        (HEAD[:12], HEAD, "the approval is no full commit id"),
        (HEAD[:39], HEAD, "the approval is no full commit id"),
        (HEAD + "0", HEAD, "the approval is no full commit id"),
        (HEAD.upper(), HEAD, "the approval is no full commit id"),
        (HEAD.upper(), HEAD.upper(), "the approval is no full commit id"),
        (HEAD + "\n", HEAD, "the approval is no full commit id"),
        (f" {HEAD}", HEAD, "the approval is no full commit id"),
        (f"{HEAD},{'0' * 40}", HEAD, "the approval is no full commit id"),
        ("main", "main", "the approval is no full commit id"),
        ("٠" * 40, "٠" * 40, "the approval is no full commit id"),
        (HEAD, None, "what is judged has no commit id that an approval could name"),
        (HEAD, "", "what is judged has no commit id that an approval could name"),
        (HEAD, HEAD[:12], "what is judged has no commit id that an approval could name"),
        (HEAD, "0" * 40, "the approval names 9ac3e11d9ac3, not 000000000000: a new push needs a new approval"),
        (HEAD, HEAD + "0" * 24, "the approval names 9ac3e11d9ac3, not 9ac3e11d9ac3: a new push needs a new approval"),
    ],
)
def test_an_approval_of_anything_else(approval: str | None, head: str | None, why: str) -> None:
    """A prefix, a branch, another commit, or no commit at all approves nothing, and the reason is said."""
    assert not approved(approval, head)
    assert (refusal(approval, head) or "").startswith(why)


@given(approval=st.text("0123456789abcdef", max_size=64), head=st.text("0123456789abcdef", max_size=64))
def test_only_the_same_full_id_approves(approval: str, head: str) -> None:
    """Whatever two ids are: one approves the other only if they are one, and whole."""
    assert approved(approval, head) is (approval == head and len(head) in (40, 64))
    assert approved(head, head) is (len(head) in (40, 64))
