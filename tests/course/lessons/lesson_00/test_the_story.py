"""What the lesson says beside its pictures stands in them."""

from __future__ import annotations

import json
import re
from pathlib import Path

LESSON = Path(__file__).parents[4] / "notebooks" / "00_start_here.ipynb"


def test_the_call_that_explains_the_manuals_sections_is_that_of_the_last_step() -> None:
    cells = json.loads(LESSON.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    called = re.search(r"last of the steps above made the call `(\w+)`, often written `\1\(2\)`", text)
    story = next(cell for cell in cells if "".join(cell["source"]).startswith("draw.story"))
    shown = "".join(story["outputs"][0]["data"]["text/plain"])
    assert called and f"({called[1]}(" in shown.rsplit("; ", 1)[-1], "the map names no call, the story does"
