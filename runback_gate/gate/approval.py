"""The approval of a loosened gate: it names one commit, and holds for that one alone.

In: what a person approved, and the commit that is judged. Out: whether the one names the other, or why it does not.

    approved("9ac3e11…", head)          # True only for the 40 or 64 digits of this very head
    refusal("9ac3e11…", head)           # 'the approval names 9ac3e11d02f4, not …: a new push needs a new approval'

Why so strict: an approval says that someone has read this very state. One that named a branch, a pull request or the
first digits of a commit would also cover what is pushed afterwards, or what was made to begin with these digits.
"""

from __future__ import annotations

from runback_gate.canonical import is_git_id

_SHOWN = 12


def approved(approval: str | None, head: str | None) -> bool:
    """Whether `approval` is the full commit id of `head`, to the letter."""
    return refusal(approval, head) is None


def refusal(approval: str | None, head: str | None) -> str | None:
    """Why an approval does not hold for this head; None when it does.

    Both are commit ids in full: 40 or 64 lower-case hexadecimal digits. A head without one, such as a folder that is
    under no version control, cannot be approved.
    """
    if approval is None or not approval.strip():
        return "not approved"
    if not is_git_id(approval):
        return "the approval is no full commit id: 40 or 64 lower-case hexadecimal digits"
    if head is None or not is_git_id(head):
        return "what is judged has no commit id that an approval could name"
    if approval != head:
        return f"the approval names {approval[:_SHOWN]}, not {head[:_SHOWN]}: a new push needs a new approval"
    return None
