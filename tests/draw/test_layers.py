from __future__ import annotations

import re

import pytest

from draw.stores import BOTH, MANY, MIB, TWO, A, B, C, D, image, layer
from pyctr_lab import BadInput
from pyctr_lab.draw import layers
from pyctr_lab.draw.layers.drawing import spread
from pyctr_lab.draw.layers.words import layer_map


def test_the_title_says_what_sharing_spares() -> None:
    assert layers(TWO).title == "2 images need 317 MiB, not 600 MiB: they share a and b"
    assert layers(TWO[:1]).title == "web:1 is 3 layers, 301 MiB"
    assert layers([image("x:1", C), image("y:1", D)]).title == "2 images share no layer: 34 MiB"


@pytest.mark.parametrize(
    ("removed", "said"),
    [("web:1", "Removing web:1 frees 18 MiB of its 301 MiB: web:2 still holds a and b"),
     ("web:2", "Removing web:2 frees 16 MiB of its 299 MiB: web:1 still holds a and b"),
     (BOTH, "Removing web:1 and web:2 frees all of its 317 MiB: no other image holds it")],
)  # fmt: skip
def test_a_removal_frees_what_no_other_image_holds(removed: str, said: str) -> None:
    assert layers(TWO, removed).title == said


def test_images_that_are_not_drawn_hold_their_layers_all_the_same() -> None:
    held = layer("x", 9 * MIB, "web:1", "elsewhere:3")
    said = layers([image("web:1", held)], "web:1").title
    assert said == "Removing web:1 frees nothing: elsewhere:3 still holds all of it"
    assert ">+1</text>" in layers([image("web:1", held)]).svg


def test_heights_are_to_scale_and_what_is_freed_is_dashed() -> None:
    picture = layers(TWO, "web:1")
    stack = re.findall(r'<rect x="156" y="[\d.]+" width="96" height="([\d.]+)" rx="2" (.*?)/>', picture.svg)
    a, b, c, d = (float(height) for height, _ in stack)
    assert a / b == pytest.approx(A.size / B.size, rel=0.01) and c / d == pytest.approx(C.size / D.size, rel=0.01)
    assert ['dasharray="4 3"' in rest for _, rest in stack] == [False, False, True, False]
    assert picture.svg.count("250 KiB") == 0 and "18 MiB freed" in picture.svg and "18 MiB freed" in picture.alt_text


def test_one_content_that_is_stored_twice_is_said() -> None:
    said = layers(MANY).alt_text
    assert "have the same content, compressed differently: stored 2 times." in said
    assert "Thinner than 1 px, drawn as 1: 15 layers." in layers(MANY, "web:1").svg


def test_names_that_do_not_fit_beside_their_layers_move_apart() -> None:
    assert spread([10, 20, 100, 101], 17) == [3, 20, 84, 101]
    assert spread([], 17) == []


@pytest.mark.parametrize(
    ("images", "removed", "said"),
    [([], "", "at least 1"), (TWO[0], "", "a layer map's images is a list"), (TWO, "web:9", "none of the images drawn"),
     (TWO * 2, "", "1 to 6 different images, not 4"), (TWO, [5], "a removed image is text")],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(images: object, removed: object, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        layer_map(images, removed)  # type: ignore[arg-type]
