from __future__ import annotations

import base64
from html.parser import HTMLParser

from pyctr_lab.draw.picture import Picture
from pyctr_lab.draw.svg import svg

ALT_TEXT = 'host <b>"x"</b> & \x00 it\'s'


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_notebook_gets_one_image_and_the_alt_text():
    picture = Picture(svg(8, 8, [], title="t", alt_text=ALT_TEXT), ALT_TEXT)
    bundle = picture._repr_mimebundle_()
    ((tag, attributes),) = Elements(bundle["text/html"]).found
    assert tag == "img"
    assert attributes["alt"] == bundle["text/plain"] == 'host <b>"x"</b> & \ufffd it\'s'
    kind, _, data = attributes["src"].partition(";base64,")
    assert kind == "data:image/svg+xml"
    assert base64.b64decode(data).decode() == picture.inline()


def test_save_writes_the_svg(tmp_path):
    picture = Picture("<svg/>", "nothing")
    assert picture.save(tmp_path / "a.svg").read_text() == "<svg/>"


def test_repr_is_short():
    assert "svg" not in repr(Picture("<svg>" * 1000, "words"))
