from __future__ import annotations

from pyctr_lab.draw import finding
from pyctr_lab.draw.rows import rows


def test_listed():
    assert [finding.listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_what_is_still_open_is_said_where_there_is_room(view):
    inside, host = view(own="uts pid mnt net user ipc", hostname="demo"), view()
    table = rows(inside, host, changed=("uts",))
    assert (
        finding.title("demo", inside, host, table) == "“demo” has a host name of its own; cgroup and time still shared"
    )


def test_without_news_the_shorter_side_is_listed(view):
    host = view()
    few, most = view(own="uts net"), view(own="uts pid mnt net user ipc cgroup")
    assert (
        finding.title("d", few, host, rows(few, host))
        == "2 of 8 walls are up around “d”; its own: host name and network"
    )
    assert finding.title("d", most, host, rows(most, host)) == "7 of 8 walls are up around “d”; still shared: time"


def test_a_long_name_leaves_room_for_the_finding():
    assert finding.short_name("n" * 63) == f"“{'n' * 23}…”"
