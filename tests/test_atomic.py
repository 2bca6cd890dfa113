"""Outputs are there whole or not at all. What the commands make of it is in test_cli.py."""

from __future__ import annotations

import os

import pytest

from lasport.atomic import filling, replacing, require_fillable, require_writable
from lasport.errors import UsageError


def test_file_appears_only_when_the_block_is_done(tmp_path):
    target = tmp_path / "report.json"
    target.write_text("old")
    with replacing(target) as partial:
        partial.write_text("new")
        partial.with_name("left behind").write_text("by whoever wrote")
        assert partial.name == target.name
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_failing_block_changes_nothing(tmp_path):
    target = tmp_path / "report.json"
    target.write_text("old")

    def write_half() -> None:
        with replacing(target) as partial:
            partial.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_permissions_are_the_users_choice(tmp_path):
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "report.json") as partial:
            partial.write_text("new")
    finally:
        os.umask(before)
    assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o640


def test_link_stays_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "report.json", tmp_path / "link.json"
    link.symlink_to(target)
    with replacing(link) as partial:
        partial.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_relative_path_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    require_writable("report.json", ["net.pkl"])
    with replacing("report.json") as partial:
        partial.write_text("new")
    assert list(tmp_path.iterdir()) == [tmp_path / "report.json"]


def test_read_only_directory_is_refused(tmp_path, monkeypatch):
    # Asked of the system, and not tried: whoever runs tests as root may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(UsageError, match="cannot be written to"):
        require_writable(tmp_path / "report.json")


def test_device_is_not_replaced():
    with pytest.raises(UsageError, match="no regular file"):
        require_writable(os.devnull)


def test_directory_appears_only_when_the_block_is_done(tmp_path):
    target = tmp_path / "evidence"
    with filling(target) as partial:
        (partial / "report.json").write_text("new")
        assert not target.exists()
    assert (target / "report.json").read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_failing_block_leaves_no_directory(tmp_path):
    def fill_half() -> None:
        with filling(tmp_path / "evidence") as partial:
            (partial / "report.json").write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill_half()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_directory_is_filled(tmp_path):
    (tmp_path / "evidence").mkdir()
    with filling(tmp_path / "evidence") as partial:
        (partial / "report.json").write_text("new")
    assert (tmp_path / "evidence" / "report.json").read_text() == "new"


def test_a_directory_with_the_sign_is_replaced_whole(tmp_path):
    target = tmp_path / "evidence"
    target.mkdir()
    (target / "sign").touch()
    (target / "old").touch()
    with filling(target, "sign") as partial:
        (partial / "new").touch()
        assert (target / "old").exists()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_places_that_take_no_directory_are_refused(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    for name, reason in {
        "file": "no directory",
        "full": "not empty",
        "none/new": "there is no directory",
    }.items():
        with pytest.raises(UsageError, match=reason):
            require_fillable(tmp_path / name, "sign")
        with pytest.raises(UsageError, match=reason), filling(tmp_path / name):
            pytest.fail("the block ran")
    assert (tmp_path / "full" / "something").exists()
