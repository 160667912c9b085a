"""Files for our own user alone."""

from __future__ import annotations

import pytest

from switch.private import write_private


def test_a_private_file_is_for_its_owner_alone_and_replaces_what_was_there(tmp_path):
    file = tmp_path / "key"
    file.write_bytes(b"old and longer")
    file.chmod(0o644)
    write_private(file, b"new")
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    file = tmp_path / "key"
    file.write_bytes(b"old")
    (tmp_path / "key.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(file, b"new")
    assert file.read_bytes() == b"old"
