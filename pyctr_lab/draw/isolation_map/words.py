"""The isolation map in words: its title, which states the finding, and its twin, which says all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..runtime.view import View
from .look import TITLE_LIMIT, clean
from .rows import NAMES, Row, Sight, id_on_machine

WORDS = {"uts": "host name", "pid": "processes", "mnt": "mounts", "net": "network", "user": "users", "ipc": "IPC",
         "cgroup": "cgroup", "time": "time"}  # fmt: skip


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def short_name(name: str, limit: int = 24) -> str:
    """A container's name in quotation marks, never so long that it fills a title."""
    shown = clean(name)
    return f"“{shown if len(shown) <= limit else shown[: limit - 1] + '…'}”"


def title(name: str, inside: Sight, outside: Sight, rows: Sequence[Row], focus: str = "") -> str:
    """The finding, in at most 80 characters: of the kind in `focus`, else what has changed, or which walls are up."""
    who = short_name(name)
    if isinstance(inside, str) or isinstance(outside, str):
        side, why = (who, inside) if isinstance(inside, str) else ("the host", str(outside))
        return _limited(f"{side} has ended: nothing is left to see" if why == "ended" else f"{side} is not seen: {why}")
    news = [row for row in rows if (row.kind == focus if focus else row.changed)]
    if news:
        return _with_rest(_news(who, news[0], inside, outside), rows)
    return _limited(_standing(who, rows))


def _limited(text: str) -> str:
    text = clean(text)
    return text if len(text) <= TITLE_LIMIT else text[: TITLE_LIMIT - 1].rstrip() + "…"


def _with_rest(news: str, rows: Sequence[Row]) -> str:
    """The news, and what is still open where that is one or two, or that nothing is; if there is room."""
    shared = [WORDS[row.kind] for row in rows if not row.wall]
    longer = f"{news}; {listed(shared)} still shared" if shared else f"All {len(rows)} walls are up: {news}"
    return longer if len(shared) <= 2 and len(longer) <= TITLE_LIMIT else _limited(news)


def _standing(who: str, rows: Sequence[Row]) -> str:
    up, shared = [row for row in rows if row.wall], [row for row in rows if not row.wall]
    if not up:
        return f"No wall is up: {who} and the host share all {len(rows)} namespaces"
    if not shared:
        return f"All {len(rows)} walls are up: {who} has a world of its own"
    few, verb = (up, "its own") if len(up) <= len(shared) else (shared, "still shared")
    count = f"{len(up)} of {len(rows)} walls {'is' if len(up) == 1 else 'are'} up around {who}"
    longer = f"{count}; {verb}: {listed([WORDS[row.kind] for row in few])}"
    return longer if len(longer) <= TITLE_LIMIT else count


def _news(who: str, row: Row, inside: View, outside: View) -> str:
    if not row.wall:
        return f"No wall here: what {who} changed is the host's own {WORDS[row.kind]}"
    if row.copy:
        return f"{who} has a {row.name if row.name.isupper() else row.name.lower()} namespace of its own: a copy so far"
    sentences = {
        "uts": f"{who} has a host name of its own",
        "pid": f"{who} sees {_processes(len(inside.processes))}, the host sees {len(outside.processes)}",
        "mnt": f"{who} sees {len(inside.mounts)} mounts of its own, the host sees {len(outside.mounts)}",
        "net": f"{who} has a network of its own: {_network(inside)}",
        "user": _identity(who, inside),
        "ipc": f"{who} has IPC objects of its own: {row.inside[0]}",
        "cgroup": f"{who} sees its cgroup as {row.inside[0]}",
        "time": f"{who} has a boot clock of its own: {row.inside[0]}",
    }
    return sentences[row.kind]


def _processes(count: int) -> str:
    return f"{count} process{'es' * (count != 1)}"


def _network(view: View) -> str:
    only_loopback = [each.name for each in view.interfaces] == ["lo"]
    if only_loopback:
        return "one loopback, which is up" if view.interfaces[0].up else "one loopback, and even that is down"
    return f"{len(view.interfaces)} interfaces"


def _identity(who: str, view: View) -> str:
    if not view.uid_map:
        return f"{who} has users of its own, but no ids yet: it is nobody"
    there = id_on_machine(view)
    inside = "root" if view.uid == 0 else f"uid {view.uid}"
    return f"{who} is {inside} inside" + (f", and uid {there} on your machine" if there is not None else "")


def twin(heading: str, when: str, name: str, inside: Sight, rows: Sequence[Row], spent: str) -> str:
    """All that the map shows, in reading order: the finding, the walls, what is new, what is shared, the exceptions."""
    who = short_name(name)
    parts = [f"Isolation map: {heading}."]
    if when:
        parts.append(f"{when[0].upper()}{when[1:]}.")
    up = [row for row in rows if row.wall]
    if all(row.wall is not None for row in rows):
        shared = [row.name for row in rows if not row.wall and not row.left_open]
        parts.append(f"{len(up)} of {len(rows)} walls up" + (f": {listed([row.name for row in up])}." if up else "."))
        parts += [f"Shared with the host: {listed(shared)}."] if shared else []
    parts += [f"Changed now: {listed([row.name for row in rows if row.changed])}."] if _any(rows, "changed") else []
    parts += [f"A copy so far: {listed([row.name for row in up if row.copy])}."] if _any(rows, "copy") else []
    parts += [f"{row.name} left open: {row.left_open}." for row in rows if row.left_open]
    if isinstance(inside, View):
        parts.append(f"Seen inside {who}: {figures(inside, rows)}.")
    return clean(" ".join([*parts, spent]).strip(), limit=4000)


def _any(rows: Sequence[Row], name: str) -> bool:
    return any(getattr(row, name) for row in rows)


def figures(view: View, rows: Sequence[Row]) -> str:
    """What stands behind each wall; what is shared differs from machine to machine and is left to the picture."""
    own = {row.kind: row for row in rows if row.wall}
    told: dict[str, Callable[[], str]] = {
        "uts": lambda: f"host name {clean(view.hostname, 64)}",
        "pid": lambda: _processes(len(view.processes)),
        "mnt": lambda: f"{len(view.mounts)} mounts",
        "net": lambda: listed([line.replace("  ", " ") for line in own["net"].inside[:4]]),
        "user": lambda: ", ".join(own["user"].inside),
        "ipc": lambda: f"IPC objects: {own['ipc'].inside[0]}",
        "cgroup": lambda: f"cgroup {own['cgroup'].inside[0]}",
        "time": lambda: "a boot clock of its own",
    }
    return "; ".join(told[kind]() for kind in NAMES if kind in own) or "what the host sees"
