from __future__ import annotations

from dataclasses import replace

import pytest

from pyctr_lab.draw.isolation_map import alt_text, rows, title
from pyctr_lab.kernel.proc import IdRange
from pyctr_lab.runtime.view import Interface, Ipc, Process

from ..conftest import mount


def table(inside, outside, **options):
    return {row.kind: row for row in rows.wall_rows(inside, outside, **options)}


def test_rows_in_their_order(view):
    assert list(table(view(), view())) == ["uts", "pid", "mnt", "net", "user", "ipc", "cgroup", "time"]


def test_a_wall_is_another_inode(view):
    found = table(view(own="uts net"), view())
    assert [kind for kind, row in found.items() if row.wall] == ["uts", "net"]


def test_copy_only_where_a_namespace_begins_as_one(view):
    found = table(view(own="uts mnt net ipc"), view())
    assert [kind for kind, row in found.items() if row.copy] == ["uts", "mnt"]
    assert not table(view(own="uts", hostname="demo"), view())["uts"].copy


def test_a_wall_between_two_that_look_alike_says_what_it_does(view):
    found = table(view(own="net ipc cgroup", ipc=Ipc(), cgroup="/"), view(ipc=Ipc(), cgroup="/"), changed=("cgroup",))
    assert found["net"].tag == "its own, looks alike" and found["ipc"].tag == "its own, empty"
    assert found["cgroup"].tag == "changed now: its own"
    assert table(view(), view())["net"].tag == "", "without a wall there is nothing to say"


def test_every_mount_is_counted_on_both_sides_and_what_the_host_lacks_stands_first(view):
    again = (*view().mounts, mount("/proc", "proc"), mount("/mnt", "tmpfs"))
    row = table(view(own="mnt", mounts=again), view())["mnt"]
    assert (len(row.outside), len(row.inside)) == (5, 7)
    assert row.inside[:3] == ("/ ext4", "/mnt tmpfs", "/proc proc, over another")
    assert "/proc proc, covered" in row.inside
    wide = rows.cut_lines(row.inside, 4)
    assert len(wide) - 1 + int(wide[-1].split()[1]) == 7


def test_a_proc_of_the_outer_namespace_still_lists_its_processes(view):
    def seen(device, **other):
        return view(mounts=(mount("/"), replace(mount("/proc", "proc"), device=device)), **other)

    own = seen("0:5", own="pid", processes=(Process(1, "demo"),))
    assert table(own, seen("0:5"))["pid"].inside == ("1 demo", "/proc still lists the host's 4")
    assert table(seen("0:9", own="pid", processes=own.processes), seen("0:5"))["pid"].inside == ("1 demo",)
    data = rows.MapData(own, seen("0:5"), "demo", changed=("pid",))
    assert title(data) == "“demo” counts 1 process, but its /proc still lists the host's 4"
    assert "1 process, but /proc still lists those of the host" in alt_text(data)


def test_tag_says_what_is_new_before_anything_else(view):
    found = table(
        view(own="uts"), view(), changed=("uts", "net"), left_open={"uts": "no", "time": "you switched 5 off"}
    )
    assert found["uts"].tag == "changed now: a copy"
    assert found["net"].tag == "changed now"
    assert found["time"].tag == "you switched 5 off"


def test_identity_is_told_in_the_hosts_numbers(view):
    host = view()
    inside = view(own="user", uid_map=(IdRange(0, 101000, 1),))
    assert rows.identity_line(inside, host) == "uid 0 root → 1000 on host"
    assert rows.identity_line(view(uid=65534, uid_map=()), host) == "uid 65534 nobody, no map yet"
    assert rows.identity_line(view(uid_map=(IdRange(0, 7, 1),)), host) == "uid 0 root"  # the host has no name for it


def test_identity_is_told_even_where_both_maps_read_alike(view):
    one_id = (IdRange(0, 1000, 1),)  # a user without subordinate ids: 0 is 0 on the host, and one and the same outside
    assert rows.identity_line(view(own="user", uid_map=one_id), view(uid_map=one_id)) == "uid 0 root → 0 on host"
    assert rows.identity_line(view(uid_map=one_id), view(uid_map=one_id)) == "uid 0 root"


def test_identity_is_told_in_the_machines_numbers_too(view):
    inside = view(own="user", uid_map=(IdRange(0, 101000, 1),))
    assert rows.side_lines("user", inside)[1] == "101000 on your machine"
    assert (
        len(rows.side_lines("user", view(uid_map=())))
        == len(rows.side_lines("user", view(uid_map=(IdRange(0, 0, 1),))))
        == 2
    )


def test_interfaces(view):
    assert rows.interface_line(Interface("lo", False)) == "lo  DOWN"
    assert rows.interface_line(Interface("br0", True, ("10.0.0.1",))) == "br0  10.0.0.1"
    assert rows.side_lines("net", view(interfaces=())) == ("none",)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (3661, "1 h 1 min"), (86_400, "1 d"), (31_557_600, "1 year"), (3.2e8, "10 years 51 d")],
)
def test_uptime_words(seconds, words):
    assert rows.uptime_words(seconds) == words


def test_hundreds_are_counted_not_listed():
    many = [f"{n} sh" for n in range(300)]
    assert rows.cut_lines(many, 4) == ["0 sh", "1 sh", "2 sh", "… 297 more"]
    assert rows.cut_lines_inline(many, 2) == ["0 sh", "1 sh  … 298 more"]


def test_where_there_is_no_view_nothing_is_claimed(view):
    assert all(row.wall is None and not row.inside for row in table("ended", view()).values())
