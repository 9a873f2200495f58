"""The manifest for a platform: the only one that fits, through indexes within indexes."""

from __future__ import annotations

import pytest

from pyctr_lab.errors import BadInput
from pyctr_lab.images.descriptors import INDEX, MANIFEST, BadImage, Descriptor, encode_json, platform_here
from pyctr_lab.images.layout import digest_of
from pyctr_lab.images.platforms import DEEPEST, choose, read_platform

KEYS = ("os", "architecture", "variant")


def entry(name: str, number: int = 0, media_type: str = MANIFEST) -> Descriptor:
    platform = dict(zip(KEYS, name.split("/"), strict=False)) if name else {}
    return Descriptor(media_type, digest_of(f"{name}{number}".encode()), 5, {}, platform)


def index(*listed: Descriptor) -> bytes:
    return encode_json({"schemaVersion": 2, "manifests": [each.as_json() for each in listed]})


def never(descriptor: Descriptor) -> bytes:
    raise AssertionError(f"{descriptor} is no index")


@pytest.mark.parametrize(
    ("listed", "wanted", "right"),
    [
        (["linux/amd64", "linux/arm64", "windows/amd64"], "linux/arm64", 1),
        (["linux/amd64", "unknown/unknown"], "linux/amd64", 0),
        (["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7", 1),
        (["linux/arm64/v8"], "linux/arm64", 0),
        (["linux/arm64"], "linux/arm64/v8", 0),
        (["linux/amd64/v3", "linux/amd64"], "linux/amd64", 1),
        (["linux/arm/v7"], "linux/arm", 0),
        (["linux/arm64", "linux/arm64/v9"], "linux/arm64/v8", 0),
        ([""], "linux/amd64", 0),
        (["", "unknown/unknown"], "linux/amd64", 0),
    ],
)
def test_the_one_that_fits(listed: list[str], wanted: str, right: int) -> None:
    entries = [entry(name) for name in listed]
    assert choose(index(*entries), read_platform(wanted), never) == entries[right]


def test_one_that_is_listed_twice_is_one() -> None:
    one = entry("linux/amd64")
    assert choose(index(one, one), read_platform("linux/amd64"), never) == one


def test_several_are_ambiguous() -> None:
    for listed in ([entry("linux/amd64"), entry("linux/amd64", 1)], [entry("linux/arm/v6"), entry("linux/arm/v7")]):
        wanted = "/".join(str(listed[0].platform[key]) for key in KEYS[:2])
        with pytest.raises(BadImage, match="ambiguous: 2 manifests"):
            choose(index(*listed), read_platform(wanted), never)


def test_none_that_fits_says_what_is_there() -> None:
    with pytest.raises(BadImage, match=r"nothing for linux/s390x .*linux/amd64, linux/arm/v7"):
        choose(index(entry("linux/arm/v7"), entry("linux/amd64")), read_platform("linux/s390x"), never)
    with pytest.raises(BadImage, match="no manifest"):
        choose(index(), read_platform("linux/s390x"), never)
    with pytest.raises(BadImage, match="nothing for"):  # two without a platform
        choose(index(entry(""), entry("", 1)), read_platform("linux/s390x"), never)


def test_indexes_within_indexes() -> None:
    right = entry("linux/arm64")
    raw, contents = index(right), {}
    for _ in range(DEEPEST):
        assert choose(raw, read_platform("linux/arm64"), lambda found: contents[found.digest]) == right
        contents[digest_of(raw)] = raw
        raw = index(entry("linux/amd64"), Descriptor(INDEX, digest_of(raw), len(raw)))
    with pytest.raises(BadImage, match="deep"):
        choose(raw, read_platform("linux/arm64"), lambda found: contents[found.digest])


def test_too_many_indexes_are_refused() -> None:
    inner = entry("", media_type=INDEX)
    with pytest.raises(BadImage, match="deep"):
        choose(index(inner), read_platform("linux/arm64"), lambda _: index(inner))
    wide = index(*(entry("", number, INDEX) for number in range(100)))
    with pytest.raises(BadImage, match="in all"):
        choose(wide, read_platform("linux/arm64"), lambda _: index())


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"manifests": 5}', b'{"manifests": [5]}', b'{"manifests": [{}]}'])
def test_what_is_no_index_is_refused(raw: bytes) -> None:
    with pytest.raises(BadImage):
        choose(raw, read_platform(None), never)


def test_a_platform_as_it_is_written() -> None:
    assert read_platform(None) == platform_here()
    assert read_platform("linux/arm/v7") == {"os": "linux", "architecture": "arm", "variant": "v7"}
    assert read_platform({"os": "linux", "architecture": "amd64"}) == {"os": "linux", "architecture": "amd64"}
    for wrong in ("", "amd64", "linux/", "/amd64", "Linux/amd64", "a/b/c/d", "linux/amd64\n", 5, {}, {"os": "linux"}):
        with pytest.raises(BadInput):
            read_platform(wrong)  # type: ignore[arg-type]
