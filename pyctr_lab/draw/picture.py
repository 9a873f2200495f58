"""A picture as a notebook takes it: an image that even an untrusted notebook shows, and its alternative text."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from ..kernel.checks import check_file_name, check_kind
from .svg import clean_text, escape

#: A picture is never shrunk below nine tenths of its size; where there is a small one, it is shown before that.
FIT = (
    "<style>.pc-fit{container-type:inline-size}@container (max-width:880px){"
    ".pc-fit .pc-picture{width:0;height:0}.pc-fit .pc-small{width:auto;height:auto}}</style>"
)


@dataclass(frozen=True)
class Picture:
    """An SVG picture with its alternative text, the paragraph that says the same in words.

    In a notebook it shows itself as an `<img>` whose source is the SVG as data: inline SVG is reduced to its bare
    words where the notebook is not trusted, an image is not. `alt_text` is the image's alternative text and the plain
    form of the output. `title` is the finding, where the picture states one. `small` is the same laid out for a cell
    that is too narrow for it: shown there instead, where style sheets are taken.
    """

    svg: str = field(repr=False)
    alt_text: str
    title: str = ""
    small: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            check_kind(getattr(self, name), str, f"a picture's {name}")

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        """What a notebook stores; see IPython's rich display protocol."""
        return {"text/html": self.html(), "text/plain": str(self)}

    def __str__(self) -> str:
        return clean_text(self.alt_text, limit=20_000)

    def html(self, *, css_class: str = "pc-picture") -> str:
        """The `<img>` element, complete in itself; two where there is a small one, of which one is seen."""
        wide = f'<img class="{escape(css_class)}" alt="{escape(self.alt_text)}" src="{data_uri(self.svg)}">'
        if not self.small:
            return wide
        # No size: where style sheets are taken away, it stays out of sight.
        small = f'<img class="pc-small" alt="" width="0" height="0" src="{data_uri(self.small)}">'
        return f'{FIT}<div class="pc-fit">{wide}{small}</div>'

    def inline(self) -> str:
        """The SVG itself, for live widgets (`ipywidgets.HTML`), where it takes part in the page's theme."""
        return self.svg

    def save(self, path: str | Path) -> Path:
        """Write the SVG to `path`, replacing what was there; returns the path. OSError as the system says."""
        path = check_file_name(path)
        path.write_text(self.svg, encoding="utf-8", errors="replace")
        return path


def data_uri(svg: str) -> str:
    """An SVG as the source of an image. A lone surrogate cannot be encoded; svg.clean leaves none, others might."""
    data = base64.b64encode(svg.encode("utf-8", "replace")).decode("ascii")
    return f"data:image/svg+xml;base64,{data}"
