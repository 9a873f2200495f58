"""The archive is one that others read."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

from pyctr_lab.machines import cpio
from pyctr_lab.machines.cpio import ArchiveEntry

ENTRIES = [
    cpio.directory("bin"),
    cpio.file("bin/tool", b"#!/bin/sh\n", executable=True),
    cpio.file("odd", b"\0\xff" * 33 + b"x"),
    cpio.file("empty", b""),
    cpio.symlink("bin/alias", "tool"),
    cpio.character_device("console", 5, 1),
]


def read(archive: bytes) -> list[ArchiveEntry]:
    """A reader of its own, written from the format's description."""
    found, place = [], 0
    while True:
        assert archive[place : place + 6] == b"070701" and place % 4 == 0
        fields = [int(archive[start : start + 8], 16) for start in range(place + 6, place + 110, 8)]
        name_end = place + 110 + fields[11]
        start = (name_end + 3) // 4 * 4
        name, content = archive[place + 110 : name_end - 1].decode(), archive[start : start + fields[6]]
        assert archive[name_end - 1] == 0
        if name == "TRAILER!!!":
            return found
        found.append(ArchiveEntry(name, fields[1], content, (fields[9], fields[10])))
        place = (start + fields[6] + 3) // 4 * 4


def test_what_is_written_is_read_back() -> None:
    assert read(cpio.archive(ENTRIES)) == ENTRIES


def test_another_reader_unpacks_it(tmp_path: Path) -> None:
    unpack = ["busybox", "cpio", "-id"]
    subprocess.run(unpack, input=cpio.archive(ENTRIES[:-1]), cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "odd").read_bytes() == ENTRIES[2].content
    assert (tmp_path / "bin/alias").read_bytes() == b"#!/bin/sh\n"
    assert stat.S_IMODE((tmp_path / "bin/tool").stat().st_mode) == 0o755


def test_each_file_has_a_number_of_its_own() -> None:
    """Two with one number would be one file with two names."""
    archive = cpio.archive([cpio.file("a", b"1"), cpio.file("b", b"2")])
    assert archive[6:14] != archive[archive.index(b"070701", 6) + 6 :][:8]


def test_a_name_need_not_be_utf_8() -> None:
    name = os.fsdecode(b"r\xe9sum\xe9")
    content = cpio.archive([cpio.file(name, b"x"), cpio.symlink("link", name)])
    assert b"r\xe9sum\xe9\0" in content and content.count(b"r\xe9sum\xe9") == 2
