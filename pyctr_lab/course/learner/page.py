"""A small page of words, in two forms that say the same: plain text, and HTML for a notebook.

The HTML is plain elements (headings, tables, lists), so that it reads in a notebook that is not trusted, where style
sheets are taken away. With styles it follows the visual language: two hues and grey, in both themes.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from html import escape

from ...draw import theme

WIDTH = 100

#: The only numbers in a verdict that differ from run to run: what a sanitising file has to replace.
VOLATILE = re.compile(r"(?<=/proc/)\d+|(?<=:\[)\d+(?=\])|(?<=/pyctr-lab-)\d+|(?<=NSpid )\d+(?: \d+)*")

#: What stands between these marks is code, as in a notebook's own texts.
CODE = re.compile("`([^`\\n]+)`")

STYLE = f"""<style>{theme.STYLE}
.pct{{color:var(--ink);background:var(--paper);border-left:2px solid var(--idle);padding:8px 16px;max-width:920px;
font:14px/1.45 var(--jp-ui-font-family,system-ui),system-ui,sans-serif}}
.pct.wall{{border-left:8px solid var(--wall)}}.pct.news{{border-left:8px double var(--new)}}
.pct h4{{font-size:16px;font-weight:600;margin:0 0 4px;color:var(--ink)}}
.pct.wall h4{{color:var(--wall)}}.pct.news h4{{color:var(--new)}}
.pct p{{margin:4px 0}}.pct ul{{margin:4px 0;padding-left:20px;list-style:none}}
.pct table{{border-collapse:collapse;margin:6px 0 2px;color:var(--ink)}}
.pct tr,.pct tbody tr:nth-child(odd){{background:none}}
.pc.pct table th,.pc.pct table td{{text-align:left;vertical-align:top;padding:3px 12px 3px 0;
border-top:1px solid var(--rule);font-size:13px;background:none;white-space:normal;overflow-wrap:anywhere}}
.pc.pct table th{{color:var(--dim);font-weight:600;white-space:nowrap}}
.pct pre{{font:13px/1.5 ui-monospace,monospace;margin:6px 0;padding:0 0 0 10px;border-left:3px solid var(--rule);
white-space:pre-wrap;color:var(--ink);background:none}}
</style>"""


class Page:
    """Built from top to bottom; each part is added in both forms at once."""

    def __init__(self, title: str, *, kind: str = "idle") -> None:
        self._text = [title]
        self._html = [f"<h4>{worded(title)}</h4>"]
        self._kind = kind

    def line(self, words: str) -> Page:
        """A paragraph."""
        words = " ".join(words.split())
        if words:
            self._text += wrapped(words, "  ")
            self._html.append(f"<p>{worded(words)}</p>")
        return self

    def marks(self, marks: Iterable[tuple[str, str]]) -> Page:
        """A list whose bullets are signs."""
        marks = list(marks)
        if marks:
            self._text += [f"    {sign} {words}" for sign, words in marks]
            self._html.append("<ul>" + "".join(f"<li>{worded(f'{s} {w}')}</li>" for s, w in marks) + "</ul>")
        return self

    def rows(self, rows: Sequence[tuple[str, str]]) -> Page:
        """Named lines: `expected  two containers ...`."""
        rows = [(name, " ".join(words.split())) for name, words in rows]
        if rows:
            self._text += [part for name, words in rows for part in _row(name, words)]
            cells = "".join(f'<tr><th scope="row">{escape(n)}</th><td>{worded(w)}</td></tr>' for n, w in rows)
            self._html.append(f"<table>{cells}</table>")
        return self

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Page:
        """A table with a head; the columns are as wide as their widest word."""
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        for row in (head, *rows):
            line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self._text.append(f"  {line}".rstrip())
        top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        self._html.append(f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>")
        return self

    def code(self, source: str) -> Page:
        """Lines to be copied, as they are."""
        if source:
            self._text += [f"    {line}".rstrip() for line in source.splitlines()]
            self._html.append(f"<pre>{escape(source)}</pre>")
        return self

    def raw(self, html: str) -> Page:
        """A part of the HTML that the text says in its own words elsewhere."""
        self._html.append(html)
        return self

    def text(self) -> str:
        """The page as plain text."""
        return "\n".join(self._text)

    def html(self) -> str:
        """The page as HTML that carries its own style. The element with the style sheet comes first."""
        return f'{STYLE}<div class="pc pct {self._kind}">{"".join(self._html)}</div>'

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()


def worded(words: str) -> str:
    """Words as HTML: escaped, and `code` shown as code."""
    return CODE.sub(r"<code>\1</code>", escape(words))


def wrapped(words: str, head: str) -> list[str]:
    """Lines of at most WIDTH, the later ones indented as far as the head of the first is long.

    Process and inode numbers count as ten characters each, whatever they are: a text that is the same but for them
    has its line breaks at the same places, on every machine.
    """
    numbers = iter(VOLATILE.findall(words))
    even = VOLATILE.sub("\0" * 10, words)
    lines = textwrap.wrap(
        even, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return [re.sub("\0{10}", lambda _: next(numbers), line) for line in lines] or [head.rstrip()]


def _row(name: str, words: str) -> list[str]:
    return wrapped(words, f"  {name:<9} ")
