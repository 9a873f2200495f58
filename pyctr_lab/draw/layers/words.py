"""What the layer map shows, as data and in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...errors import BadInput
from ...images import ImageLayers, StoredLayer
from ...kernel.checks import check_each, check_list, check_text, short_repr
from ..svg import clean_text
from ..theme import TITLE_LIMIT
from ..wording import counted_noun, cut_title, listed, size_words

MOST_IMAGES = 6
HINT = 'lab.images.layers("web:1", "web:2") returns them'


@dataclass(frozen=True)
class LayerMap:
    """What is drawn: images, and the names of removed ones."""

    images: tuple[ImageLayers, ...]
    removed: tuple[str, ...] = ()

    @property
    def layers(self) -> list[StoredLayer]:
        """Each layer once: those of the first image, the lowest first, then what the next ones add."""
        return list({layer.digest: layer for image in self.images for layer in image.layers}.values())

    @property
    def stored(self) -> int:
        """Bytes, each layer once."""
        return bytes_of(self.layers)

    @property
    def apart(self) -> int:
        """Bytes, if each image had layers of its own."""
        return sum(bytes_of(image.layers) for image in self.images)

    def freed(self, names: Sequence[str]) -> list[StoredLayer]:
        """The layers that no image holds any more when these images are gone."""
        return [layer for layer in self.layers if {*layer.holders} <= {*names}]

    def letter(self, layer: StoredLayer) -> str:
        """What a layer is called here: a, b, c; after z by number."""
        number = [each.digest for each in self.layers].index(layer.digest)
        return chr(ord("a") + number) if number < 26 else str(number + 1)

    def letters(self, layers: Sequence[StoredLayer]) -> str:
        """Several, as a list in words."""
        return listed([self.letter(each) for each in layers])


def bytes_of(layers: Sequence[StoredLayer]) -> int:
    """The bytes of layers, each counted once."""
    return sum({layer.digest: layer.size for layer in layers}.values())


def layer_map(images: Sequence[ImageLayers], removed: str | Sequence[str] = ()) -> LayerMap:
    """The data, checked."""
    images = check_each(images, ImageLayers, "a layer map's images", least=1, hint=HINT)
    listed_names = [removed] if isinstance(removed, str) and removed else check_list(removed or (), "removed images")
    gone = tuple(check_text(each, "a removed image") for each in listed_names)
    names = [image.name for image in images]
    if len(images) > MOST_IMAGES or len({*names}) < len(names):
        raise BadInput(f"a layer map shows 1 to {MOST_IMAGES} different images, not {len(images)}", hint=HINT)
    full = [next((name for name in names if each in (name, name.removesuffix(":latest"))), "") for each in gone]
    for each, name in zip(gone, full, strict=True):
        if not name:
            raise BadInput(f"{short_repr(each)} is none of the images drawn", hint=", ".join(names))
    return LayerMap(images, tuple(full))


def title(images: Sequence[ImageLayers], removed: str | Sequence[str] = ()) -> str:
    """The finding: what is stored once, or what a removal frees."""
    plan = layer_map(images, removed)
    return cut_title(_of_a_removal(plan) if plan.removed else _of_sharing(plan))


def _of_sharing(plan: LayerMap) -> str:
    count = len(plan.images)
    if count == 1:
        return f"{image_label(plan.images[0])} is {counted_noun(len(plan.layers), 'layer')}, {size_words(plan.stored)}"
    shared = plan.letters(_shared(plan))
    if not shared:
        return f"{count} images share no layer: {size_words(plan.stored)}"
    said = f"{count} images need {size_words(plan.stored)}, not {size_words(plan.apart)}"
    return first_that_fits(f"{said}: they share {shared}", said)


def _of_a_removal(plan: LayerMap) -> str:
    gone = [image for image in plan.images if image.name in plan.removed]
    names, held = listed([image_label(image) for image in gone]), [layer for image in gone for layer in image.layers]
    freed = plan.freed(plan.removed)
    kept = [layer for layer in plan.layers if layer in held and layer not in freed]
    if not kept:
        return f"Removing {names} frees all of its {size_words(bytes_of(held))}: no other image holds it"
    others = sorted({holder for layer in kept for holder in layer.holders} - {*plan.removed})
    those = f"{without_registry(others[0])} still holds" if len(others) == 1 else f"{len(others)} images still hold"
    if not freed:
        return f"Removing {names} frees nothing: {those} all of it"
    said = f"Removing {names} frees {size_words(bytes_of(freed))} of its {size_words(bytes_of(held))}"
    return first_that_fits(f"{said}: {those} {plan.letters(kept)}", said)


def first_that_fits(*titles: str) -> str:
    """The first of several titles that is short enough, or the last one."""
    return next((each for each in titles if len(each) <= TITLE_LIMIT), titles[-1])


def image_label(image: ImageLayers) -> str:
    """An image's name without its registry."""
    return without_registry(image.name)


def without_registry(name: str) -> str:
    """`web:1` for `127.0.0.1:5000/web:1`."""
    return clean_text(name.rpartition("/")[2], 24)


def _shared(plan: LayerMap) -> list[StoredLayer]:
    """Layers that two of the images hold; two names of one image are two."""
    return [layer for layer in plan.layers
            if sum(layer in image.layers for image in plan.images) > 1]  # fmt: skip


def alt_text(images: Sequence[ImageLayers], removed: str | Sequence[str] = ()) -> str:
    """All that is drawn, in words: layers, images, what each removal frees."""
    plan = layer_map(images, removed)
    sizes = "; ".join(f"{plan.letter(each)} {size_words(each.size)}" for each in plan.layers)
    parts = [f"Layer map. {title(images, removed)}. Stored once: {sizes}; {size_words(plan.stored)} in all."]
    for image in plan.images:
        freed = plan.freed([image.name])
        said = f"frees {size_words(bytes_of(freed))}, {plan.letters(freed)}" if freed else "frees nothing"
        parts.append(f"{image_label(image)} holds {plan.letters(image.layers) or 'no layer'},"
                     f" {size_words(bytes_of(image.layers))}; its removal {said}.")  # fmt: skip
    if plan.removed:
        freed = plan.freed(plan.removed)
        gone, stay = bytes_of(freed), plan.stored - bytes_of(freed)
        names = listed([without_registry(each) for each in plan.removed])
        parts.append(f"Removed here: {names}; {size_words(gone)} freed, {size_words(stay)} stay.")
    return " ".join([*parts, *notes(plan, 1.0)])


def notes(plan: LayerMap, px: float) -> Iterator[str]:
    """What must be said besides; `px` is the bytes that one px stands for."""
    alike: dict[str, list[StoredLayer]] = {}
    for layer in plan.layers:
        alike.setdefault(layer.diff_id, []).append(layer)
    for several in alike.values():
        if len(several) > 1:
            yield f"{plan.letters(several)} have the same content, compressed differently: stored {len(several)} times."
    thin = [layer for layer in plan.layers if layer.size < px]
    if thin:
        which = plan.letters(thin) if len(thin) <= 6 else f"{len(thin)} layers"
        yield f"Thinner than 1 px, drawn as 1: {which}."
    documents = sum({image.manifest: image.documents for image in plan.images}.values())
    if documents:
        yield f"Not drawn: manifests and configurations, {size_words(documents)}."
    unpacked = sum({layer.chain_id: layer.unpacked for image in plan.images for layer in image.layers}.values())
    if unpacked:
        yield f"Unpacked for containers, beside these: {size_words(unpacked)}."
