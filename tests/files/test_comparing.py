"""Two requirements of one package: the same, at odds, or neither."""

from __future__ import annotations

import pytest

from patcher.files.comparing import excludes, same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("b==1", "b>=2"),
        ("b<2", "b>=2"),
        ("b~=1.4", "b>=2"),
        ("b!=2.*", "b==2.1"),
        ("b>1,<1.1", "b<=1"),
        ("b===foo", "b>=1"),
        ("b==1.0rc1", "b<1"),
    ],
)
def test_no_version_meets_both(one: str, other: str) -> None:
    assert excludes(one, other)
    assert excludes(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("b", "b>=2"),
        ("b<=2", "b>=2"),
        ("b>1,<1.1", "b!=1.0.5"),
        ("b!=2.*", "b>=2"),
        ("b>2", "b<=2.0.1"),
        ("b==2.1.0+cu118", "b>=2"),
        ("b==1", "b==1.0"),
        ("b[x]==1; os_name == 'nt'", "b==1"),
        ("b @ https://x.org/b.whl", "b>=1"),
        ("", "b>=1"),
    ],
)
def test_some_version_meets_both_or_nobody_can_tell(one: str, other: str) -> None:
    assert not excludes(one, other)
    assert not excludes(other, one)


def test_the_same_whatever_the_marker() -> None:
    assert same("b >= 2", "b>=2; os_name == 'nt'")
    assert not same("b>=2", "b>=2.0.1")
    assert not same("b[x]", "b")
    assert not same("b ==", "b ==")
