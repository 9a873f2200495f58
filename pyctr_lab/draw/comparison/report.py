"""A page with all that was measured: pictures, tables, the machine, the raw data. It needs nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from ...measure.figures import CrowdRow, MemoryRow, crowd_rows, experiments_made, memory_rows, missing_lines
from ...measure.samples import Results
from .fit import fit
from .memory import memory
from .overhead import overhead
from .startup import startup

STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#57606a;--rule:#d5dbe2;--paper:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e8ecf1;--dim:#a5afba;--rule:#313a45;--paper:#14181d}}
body{margin:0 auto;max-width:1000px;padding:24px;background:var(--paper);color:var(--ink)}
body{font:15px/1.5 system-ui,sans-serif}
h1{font-size:24px}h2{font-size:19px;margin-top:40px}p,li{max-width:75ch}
svg,img{max-width:100%;height:auto}
table{border-collapse:collapse}caption{text-align:left;color:var(--dim);padding-bottom:4px}
.wide{overflow-x:auto;margin:12px 0}
th,td{padding:4px 12px;border-bottom:1px solid var(--rule);text-align:right}
th:first-child,td:first-child{text-align:left}
tbody th{font-weight:normal}a{color:inherit}.wide:focus-visible{outline:2px solid}
"""


def write_report(results: Results, folder: Path) -> Path:
    """Write results.csv and index.html; returns the page's path."""
    data = results.save(folder / "results.csv")
    page = folder / "index.html"
    page.write_text(report_html(results, data.read_bytes()), encoding="utf-8")
    return page


def report_html(results: Results, data: bytes) -> str:
    """The whole page; `data` is the file with the samples, which it carries with it."""
    link = f"data:text/csv;base64,{base64.b64encode(data).decode()}"
    parts = [
        "<h1>Virtual machine or container, measured</h1>",
        f"<p>{len(results.samples)} samples. Nothing was thrown away: "
        f'<a download="results.csv" href="{link}">the raw data</a>. '
        "There, repetition 0 is an engine's first turn, its warm-up; pictures and tables leave it out.</p>",
        machine_html(results),
        *pictures_html(results),
        *tables_html(results),
        *notes_html(results),
    ]
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head = f"{meta}<title>Measured</title><style>{STYLE}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def machine_html(results: Results) -> str:
    """What the figures are true for."""
    rows = "".join(
        f'<tr><th scope="row">{escape(key)}</th><td>{escape(value)}</td></tr>' for key, value in results.machine.items()
    )
    caption = "These figures are true for it, and for no other."
    return f"<h2>The machine</h2>{scrollable(f'<table><caption>{caption}</caption>{rows}</table>', 'The machine')}"


def pictures_html(results: Results) -> Iterator[str]:
    """Those for which there is data."""
    drawn: list[tuple[str, str, Callable[..., Any]]] = [
        ("startup", "Start", startup),
        ("memory", "Memory", memory),
        ("cpu", "While it runs", overhead),
        ("density", "How many fit", fit),
    ]
    for experiment, heading, picture in drawn:
        if results.engines(experiment) and (experiment != "cpu" or results.values("cpu", "exec")):
            yield f"<h2>{heading}</h2>{picture(results).svg}"


def tables_html(results: Results) -> Iterator[str]:
    """Medians and spread of each experiment."""
    for experiment in experiments_made(results):
        if experiment == "density":
            yield from records_html(results, "density: how many were alive", crowd_rows(results))
            continue
        if experiment == "memory":
            caption = "memory: the first, and what the last of some adds, in MiB"
            yield from records_html(results, caption, memory_rows(results))
            continue
        unit = next(results.of(experiment)).unit
        rows = [
            [emulated_name(results, name), str(len(results.values(experiment, name)))]
            + [six_digits(value) for value in results.spread(experiment, name)]
            for name in results.engines(experiment)
        ]
        yield table_html(f"{experiment}, in {unit}", ["engine", "samples", "least", "median", "greatest"], rows)


def emulated_name(results: Results, name: str) -> str:
    """An engine's name; with a word more where its processor was software: no fair race."""
    return f"{name} (emulated)" if results.emulated(name) else name


def records_html(results: Results, caption: str, rows: Sequence[CrowdRow | MemoryRow]) -> Iterator[str]:
    """A table of rows of `measure.figures`, if there are any."""
    if rows:
        shown = [{**asdict(row), "engine": emulated_name(results, row.engine)} for row in rows]
        cells = [["-" if cell is None else str(cell) for cell in row.values()] for row in shown]
        yield table_html(caption, [key.replace("_", " ").replace("mib", "MiB") for key in shown[0]], cells)


def six_digits(value: float) -> str:
    """Six digits, in plain writing where they are many."""
    return f"{value:,.0f}" if value >= 1e5 else f"{value:.6g}"


def scrollable(content: str, label: str) -> str:
    """What may be wider than a narrow screen is moved by itself, with the keyboard too."""
    return f'<div class="wide" role="region" tabindex="0" aria-label="{escape(label)}">{content}</div>'


def table_html(caption: str, head: list[str], rows: list[list[str]]) -> str:
    """A table with its caption."""
    line = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for name, *row in rows
    )
    said = f"<caption>{escape(caption)}</caption>"
    return scrollable(f"<table>{said}<thead><tr>{line}</tr></thead><tbody>{body}</tbody></table>", caption)


def notes_html(results: Results) -> Iterator[str]:
    """What else must be known."""
    said = missing_lines(results) + results.notes
    if said:
        yield "<h2>Notes</h2><ul>" + "".join(f"<li>{escape(each)}</li>" for each in said) + "</ul>"
