from __future__ import annotations

from pyctr_lab.draw.isolation_map.rows import MapData
from pyctr_lab.draw.isolation_map.words import title


def test_what_is_still_open_is_said_where_there_is_room(view):
    data = MapData(view(own="uts pid mnt net user ipc", hostname="demo"), view(), "demo", changed=("uts",))
    assert title(data) == "“demo” has a host name of its own; cgroup and time still shared"


def test_a_finding_of_its_own_is_the_title(view):
    data = MapData(view(), view(), "demo", finding="Step 3 failed: pivot_root; 0 of 8 walls are up")
    assert title(data) == data.finding


def test_without_news_the_shorter_side_is_listed(view):
    few, most = view(own="uts net"), view(own="uts pid mnt net user ipc cgroup")
    assert title(MapData(few, view(), "d")) == "2 of 8 walls are up around “d”; its own: host name and network"
    assert title(MapData(most, view(), "d")) == "7 of 8 walls are up around “d”; still shared: time"
