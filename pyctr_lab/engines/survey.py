"""Which engines are here, and which walls a container of each has: start one, look at it from outside, stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from ..errors import BadInput, LabError
from ..kernel.checks import check_function, check_list
from ..machines import cache, guest_kernel
from . import ALL, rootfs
from .record import Record, record_of
from .sandbox import WORK, Sandbox

NONE = "no process of the host"


@dataclass
class Survey:
    """`records` of one container of each engine, None where the host has no such process; `missing` has the reasons
    why the others cannot be used here."""

    records: dict[str, Record | None] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def rows(self) -> list[list[str]]:
        """A line for each engine, in words; the first is the heading."""
        found = [["engine", "shares with the host", "capabilities", "system calls", "mounts", "user ids", "limits"]]
        for name, each in self.records.items():
            title = ALL[name].title
            shown = f"{name} ({title})" if title else name
            found.append([shown, *(record_cells(each) if each else [NONE, *["-"] * 5])])
        return found

    def __str__(self) -> str:
        rows = self.rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, *(f"{name}: not here: {why}" for name, why in self.missing.items())])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body = self.rows()
        line = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
        lines = "".join(
            f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(c)}</td>" for c in row[1:]) + "</tr>"
            for row in body
        )
        missing = "".join(f"<li><b>{escape(n)}</b> is not here: {escape(why)}</li>" for n, why in self.missing.items())
        return f"<table><thead><tr>{line}</tr></thead><tbody>{lines}</tbody></table>" + (
            f"<ul>{missing}</ul>" if missing else ""
        )


def record_cells(each: Record) -> list[str]:
    """A record in words."""
    return [
        ", ".join(each.shared) or "nothing",
        str(len(each.capabilities)),
        "filtered" if each.seccomp == 2 else "all",
        str(each.mounts),
        {"full": "as outside", "one id": "one", "a range": "a range", "none": "none"}[each.uid_map],
        ", ".join(each.limits) or "none",
    ]


def survey(names: Iterable[str] | None = None, *, progress: Callable[[str, int, int], object] | None = None) -> Survey:
    """Have each engine (all, or those named) start one container, and read its record. Some seconds in all.

    `progress` is called with the next engine, how many are done, and how many there are. Raises BadInput for a name
    that is no engine's. An engine that fails is in `missing`, with its reason.
    """
    wanted = known_engines(names)
    check_function(progress, "progress")
    with_kernel(wanted)
    found = Survey()
    with Sandbox(f"{__name__}:survey_rows", names=wanted) as sandbox:
        for row in sandbox:
            if "next" in row and progress:
                progress(row["next"], len(found.records) + len(found.missing), len(wanted))
            elif "why" in row:
                found.missing[row["engine"]] = row["why"]
            elif "engine" in row:
                found.records[row["engine"]] = Record.from_json(row["record"]) if row["record"] else None
    return found


def known_engines(names: Iterable[str] | None) -> list[str]:
    """The names, or all. Raises BadInput for one that is no engine's."""
    wanted = list(ALL) if names is None else check_list(names, "engines")
    for name in wanted:
        if not isinstance(name, str) or name not in ALL:
            raise BadInput(f"there is no engine {name!r:.40}", hint=f"there are {', '.join(ALL)}")
    if not wanted:
        raise BadInput("no engine was named", hint=f"there are {', '.join(ALL)}")
    return list(dict.fromkeys(wanted))


def with_kernel(names: Iterable[str]) -> None:
    """Download a guest's kernel if need be: a sandbox has no network. Without one QEMU reports that there.

    Make the cache folder: a sandbox can write to it only if it exists, and keeps there whether KVM works.
    """
    if "qemu" in names:
        with suppress(LabError):
            guest_kernel.find_kernel()
        with suppress(LabError, OSError):
            cache.cache_folder().mkdir(parents=True, exist_ok=True)


def survey_rows(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a survey, made in the sandbox: one for each engine."""
    tree = rootfs.make_rootfs(Path(WORK) / "rootfs", files=0)
    for name in names:
        yield {"next": name}
        engine = ALL[name](Path(WORK) / name, tree)
        here = engine.available()
        if not here:
            yield {"engine": name, "why": f"{here.why} ({here.hint})"}
            continue
        try:
            with ExitStack() as stack:
                stack.enter_context(engine)
                instance = engine.start()
                stack.callback(instance.stop)
                found = None if instance.pid is None else asdict(record_of(instance.pid, len(instance.pids)))
                yield {"engine": name, "record": found}
        except (LabError, OSError) as why:
            yield {"engine": name, "why": str(why)}
