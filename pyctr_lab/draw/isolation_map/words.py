"""The isolation map in words: its title, which states the finding, and its alternative text, which says all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...runtime.view import View
from ..svg import clean_text
from ..theme import TITLE_LIMIT
from ..wording import cut_title, listed, quoted_name
from .rows import NAMES, MapData, WallRow, id_on_machine, shows_other_proc

WORDS = {"uts": "host name", "pid": "processes", "mnt": "mounts", "net": "network", "user": "users", "ipc": "IPC",
         "cgroup": "cgroup", "time": "time"}  # fmt: skip


def title(data: MapData) -> str:
    """The finding, in at most 80 characters: of the kind in `focus`, else what has changed, or which walls are up."""
    who, inside, outside = quoted_name(data.name), data.inside, data.outside
    if data.finding:
        return cut_title(clean_text(data.finding))
    if isinstance(inside, str) or isinstance(outside, str):
        side, why = (who, inside) if isinstance(inside, str) else (data.beside, str(outside))
        return cut_title(
            clean_text(f"{side} has ended: nothing is left to see" if why == "ended" else f"{side} is not seen: {why}")
        )
    news = [row for row in data.rows if (row.kind == data.focus if data.focus else row.changed)]
    if news:
        return _with_rest(_news(who, news[0], inside, outside, data.beside), data.rows)
    return cut_title(clean_text(_standing(who, data.rows, data.beside)))


def _with_rest(news: str, rows: Sequence[WallRow]) -> str:
    """The news, and what is still open where that is one or two, or that nothing is; if there is room."""
    shared = [WORDS[row.kind] for row in rows if not row.wall]
    longer = f"{news}; {listed(shared)} still shared" if shared else f"All {len(rows)} walls are up: {news}"
    return longer if len(shared) <= 2 and len(longer) <= TITLE_LIMIT else cut_title(clean_text(news))


def _standing(who: str, rows: Sequence[WallRow], beside: str) -> str:
    up, shared = [row for row in rows if row.wall], [row for row in rows if not row.wall]
    if not up:
        return f"No wall is up: {who} and {beside} share all {len(rows)} namespaces"
    if not shared:
        return f"All {len(rows)} walls are up: {who} shares none with {beside}"
    few, verb = (up, "its own") if len(up) <= len(shared) else (shared, "still shared")
    count = f"{len(up)} of {len(rows)} walls {'is' if len(up) == 1 else 'are'} up around {who}"
    longer = f"{count}; {verb}: {listed([WORDS[row.kind] for row in few])}"
    return longer if len(longer) <= TITLE_LIMIT else count


def _news(who: str, row: WallRow, inside: View, outside: View, beside: str) -> str:
    if not row.wall:
        return f"No wall here: what {who} changed is {beside}'s own {WORDS[row.kind]}"
    if row.copy:
        return f"{who} has a {row.name if row.name.isupper() else row.name.lower()} namespace of its own: a copy so far"
    sentences = {
        "uts": f"{who} has a host name of its own",
        "pid": _numbers(who, inside, outside, beside),
        "mnt": f"{who} sees {len(inside.mounts)} mounts of its own, {beside} sees {len(outside.mounts)}",
        "net": f"{who} has a network of its own: {_network(inside)}",
        "user": _identity(who, inside),
        "ipc": f"{who} has IPC objects of its own: {row.inside[0]}{' yet' * (row.inside[0] == 'none')}",
        "cgroup": f"{who} sees its cgroup as {row.inside[0]}",
        "time": f"{who} has a boot clock of its own: {row.inside[0]}",
    }
    return sentences[row.kind]


def _numbers(who: str, inside: View, outside: View, beside: str) -> str:
    if shows_other_proc(inside, outside):
        others = f"{beside}'s {len(outside.processes)}"
        return f"{who} counts {_processes(len(inside.processes))}, but its /proc still lists {others}"
    return f"{who} sees {_processes(len(inside.processes))}, {beside} sees {len(outside.processes)}"


def _processes(count: int) -> str:
    return f"{count} process{'es' * (count != 1)}"


def _network(view: View) -> str:
    only_loopback = [each.name for each in view.interfaces] == ["lo"]
    if only_loopback:
        return "one loopback, which is up" if view.interfaces[0].up else "one loopback, and even that is down"
    return f"{len(view.interfaces)} interfaces"


def _identity(who: str, view: View) -> str:
    if not view.uid_map:
        return f"{who} has users of its own, but no ids yet: it is uid 65534, nobody"
    there = id_on_machine(view)
    inside = "root" if view.uid == 0 else f"uid {view.uid}"
    return f"{who} is {inside} inside" + (f", and uid {there} on your machine" if there is not None else "")


def alt_text(data: MapData) -> str:
    """All that the map shows, in reading order: the finding, the walls, what is new, what is shared, the exceptions."""
    when = clean_text(data.when)
    parts = [f"Isolation map: {title(data)}."]
    parts += [f"{when[0].upper()}{when[1:]}."] if when else []
    parts += [*_walls(data.rows, data.beside), *_news_and_exceptions(data.rows)]
    if isinstance(data.inside, View):
        parts.append(f"Seen inside {quoted_name(data.name)}: {_inside_words(data)}.")
    return clean_text(" ".join([*parts, data.spent]).strip(), limit=4000)


def _walls(rows: Sequence[WallRow], beside: str) -> list[str]:
    """Which walls are up, and what is shared; nothing where there is no view to compare."""
    if any(row.wall is None for row in rows):
        return []
    up = [row.name for row in rows if row.wall]
    shared = [row.name for row in rows if not row.wall and not row.left_open]
    count = f"{len(up)} of {len(rows)} walls up" + (f": {listed(up)}." if up else ".")
    return [count, *([f"Shared with {beside}: {listed(shared)}."] if shared else [])]


def _news_and_exceptions(rows: Sequence[WallRow]) -> list[str]:
    changed = [row.name for row in rows if row.changed]
    copies = [row.name for row in rows if row.wall and row.copy]
    parts = [f"Changed now: {listed(changed)}."] if changed else []
    parts += [f"A copy so far: {listed(copies)}."] if any(row.copy for row in rows) else []
    parts += [f"{row.name}: {row.alike}." for row in rows if row.alike]
    return parts + [f"{row.name} left open: {row.left_open}." for row in rows if row.left_open]


def _inside_words(data: MapData) -> str:
    """What stands behind each wall; what is shared differs from machine to machine and is left to the picture."""
    assert isinstance(data.inside, View)
    view, outside = data.inside, data.outside
    own = {row.kind: row for row in data.rows if row.wall}
    old_proc = isinstance(outside, View) and shows_other_proc(view, outside)
    lines: dict[str, Callable[[], str]] = {
        "uts": lambda: f"host name {clean_text(view.hostname, 64)}",
        "pid": lambda: _processes(len(view.processes)) + f", but /proc still lists those of {data.beside}" * old_proc,
        "mnt": lambda: f"{len(view.mounts)} mounts",
        "net": lambda: listed([line.replace("  ", " ") for line in own["net"].inside[:4]]),
        "user": lambda: ", ".join(own["user"].inside),
        "ipc": lambda: f"IPC objects: {own['ipc'].inside[0]}",
        "cgroup": lambda: f"cgroup {own['cgroup'].inside[0]}",
        "time": lambda: "a boot clock of its own",
    }
    return "; ".join(lines[kind]() for kind in NAMES if kind in own) or f"what {data.beside} sees"
