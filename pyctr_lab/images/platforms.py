"""Choose the manifest for one platform from an index and from indexes within it. See image-index.md of OCI."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from ..errors import BadInput
from ..kernel.checks import short_repr
from .descriptors import INDEXES, MANIFESTS, BadImage, Descriptor, parse_json, platform_here

DEEPEST = 4  # indexes within each other
MOST_INDEXES = 64  # read for one choice
Platform = Mapping[str, str]
Fetch = Callable[[Descriptor], bytes]


def read_platform(wanted: str | Platform | None) -> dict[str, str]:
    """A platform as `docker --platform` has it, `linux/arm64` or `linux/arm/v7`; None is this machine's."""
    if wanted is None:
        return platform_here()
    if isinstance(wanted, Mapping):
        wanted = "/".join(str(wanted[key]) for key in ("os", "architecture", "variant") if wanted.get(key))
    if not isinstance(wanted, str) or not re.fullmatch(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?", wanted, re.ASCII):
        raise BadInput(f"{short_repr(wanted)} is no platform", hint="OS/ARCHITECTURE, as linux/amd64 or linux/arm/v7")
    return dict(zip(("os", "architecture", "variant"), wanted.split("/"), strict=False))


def choose(index: bytes, platform: Platform, fetch: Fetch) -> Descriptor:
    """The only manifest of an index that fits. `fetch` returns the content of an index within it.

    Attestations are left out: their platform is unknown/unknown. Raises BadImage where none fits, and where several do.
    """
    found = {each.digest: each for each in leaves(index, fetch, [])}.values()
    fitting = [each for each in found if fits(each.platform, platform)]
    if len(fitting) > 1:  # without a variant is the plainest; with the wanted one is meant
        variants = [each for each in fitting if variant(each.platform) == variant(platform)]
        fitting = variants or fitting
    if not fitting and len(found) == 1:
        fitting = [each for each in found if not each.platform]
    if len(fitting) == 1:
        return fitting[0]
    listed = sorted({in_words(each.platform) for each in fitting or found})
    wanted = in_words(platform)
    if fitting:
        raise BadImage(f"the image is ambiguous: {len(fitting)} manifests fit {wanted}", hint="name one by its digest")
    raise BadImage(f"the image has nothing for {wanted}", hint=f"it has {', '.join(listed[:8]) or 'no manifest'}")


def leaves(index: bytes, fetch: Fetch, above: list[str], depth: int = 1) -> Iterator[Descriptor]:
    """The manifests of an index and of those within it; `above` counts indexes."""
    for entry in index_entries(index):
        if entry.media_type in INDEXES:
            above.append(entry.digest)
            if depth >= DEEPEST or len(above) > MOST_INDEXES:
                raise BadImage(f"indexes within indexes, more than {DEEPEST} deep or {MOST_INDEXES} in all")
            yield from leaves(fetch(entry), fetch, above, depth + 1)
        elif entry.media_type in MANIFESTS and entry.platform.get("architecture") != "unknown":
            yield entry


def index_entries(index: bytes) -> list[Descriptor]:
    """What an index lists. Raises BadImage."""
    listed = parse_json(index, "an index").get("manifests")
    if not isinstance(listed, list):
        raise BadImage("an index without a list of manifests")
    return [Descriptor.read(each) for each in listed]


def fits(found: Platform, wanted: Platform) -> bool:
    """Whether a manifest's platform is the wanted one; a variant counts where one was wanted."""
    alike = all(found.get(key) == wanted[key] for key in ("os", "architecture"))
    return alike and (not variant(wanted) or variant(found) == variant(wanted))


def variant(platform: Platform) -> str:
    """The variant, or nothing; v8 is the only one of arm64 so far."""
    found = str(platform.get("variant") or "")
    return "" if (platform.get("architecture"), found) == ("arm64", "v8") else found


def in_words(platform: Platform) -> str:
    """A platform as `docker --platform` has it."""
    words = [str(platform[key]) for key in ("os", "architecture", "variant") if platform.get(key)]
    return "/".join(words) or "no platform"
