"""Push and pull against Debian's docker-registry, with skopeo as a second opinion."""

from __future__ import annotations

from pathlib import Path

import pytest
from faulty import Proxy, Rule
from servers import Make, need, verify
from skopeo import skopeo

from pyctr_lab.errors import BadInput, LabError
from pyctr_lab.images.descriptors import INDEX, MANIFEST, BadImage, Descriptor, ImageManifest, encode_json
from pyctr_lab.images.layout import NAME, Layout
from pyctr_lab.images.registry import BlobProgress, Registry, RegistryError


def test_what_was_pushed_is_pulled_with_the_same_bytes(
    plain: str, repository: str, make: Make, layout: Layout, other: Layout
) -> None:
    image = make(0, 1, 1000, 700_000)
    registry = Registry(plain)
    assert registry.push(layout, image, repository, "1") == image
    assert registry.pull(other, repository, "1") == image
    assert registry.pull(other, repository, image.digest) == image
    assert registry.head(repository, "1") == image == registry.head(repository, image.digest)
    assert {path.name for path in other.blobs.iterdir()} == {path.name for path in layout.blobs.iterdir()}
    verify(other)


def test_lists_are_whole_and_sorted(plain: str, repository: str, make: Make, layout: Layout,
                                    monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    registry = Registry(plain)
    image = make(10)
    for name in ("b", "a", "c"):
        registry.push(layout, image, f"{repository}/{name}", "10")
        registry.push(layout, image, f"{repository}/{name}", "9")
    monkeypatch.setattr("pyctr_lab.images.registry.client.PAGE", 1)  # the catalogue comes in many pages
    found = registry.catalogue()
    assert found == sorted(found) and {f"{repository}/{name}" for name in "abc"} <= set(found)
    assert len([each for each in registry.conversation.exchanges if "_catalog" in each.path]) >= 3
    assert registry.tags(f"{repository}/a") == ["10", "9"]


def test_a_deleted_manifest_is_gone(plain: str, repository: str, make: Make, layout: Layout, other: Layout) -> None:
    registry = Registry(plain)
    image = make(10)
    registry.push(layout, image, repository, "1")
    registry.delete(repository, "1")
    for action in (registry.head, lambda name, tag: registry.pull(other, name, tag), registry.delete):
        with pytest.raises(RegistryError, match="404") as why:
            action(repository, "1")
        assert why.value.status == 404 and "\n" not in str(why.value)
    assert registry.tags(repository) == []


def test_a_shared_layer_is_sent_and_fetched_once(
    plain: str, proxy: Proxy, repository: str, make: Make, layout: Layout, other: Layout
) -> None:
    size, new = 400_000, 30_000
    first = make(size)
    second = make(new, shared=ImageManifest.read(layout.read(first)).layers)
    registry = Registry(proxy.address)
    registry.push(layout, first, repository, "1")
    registry.pull(other, repository, "1")
    sent, received, up, down = (
        *(registry.conversation.sent, registry.conversation.received),
        *(proxy.up, proxy.down),
    )
    assert sent > size and received > size
    registry.push(layout, second, repository, "2")
    registry.pull(other, repository, "2")
    assert new <= registry.conversation.sent - sent < new + 4000
    assert new <= registry.conversation.received - received < new + 4000
    assert proxy.up - up < new + 16_000 and proxy.down - down < new + 16_000  # the proxy's count has headers, too
    assert any(each.cached and each.method == "HEAD" for each in registry.conversation.exchanges)
    assert any(each.cached and each.status == 0 for each in registry.conversation.exchanges)


def test_a_blob_of_another_repository_is_mounted(
    plain: str, repository: str, make: Make, layout: Layout, other: Layout
) -> None:
    image = make(200_000)
    Registry(plain).push(layout, image, f"{repository}/one", "1")
    registry = Registry(plain)
    registry.push(layout, image, f"{repository}/two", "1", mount_from=f"{repository}/one")
    registry.push(layout, image, f"{repository}/three", "1")  # it has seen them in the second one
    assert registry.conversation.sent == 2 * image.size
    mounts = [each for each in registry.conversation.exchanges if "mount=" in each.path]
    assert len(mounts) == 4 and all(each.cached and each.status == 201 for each in mounts)
    assert registry.pull(other, f"{repository}/three", "1") == image


def test_a_mount_from_where_it_is_not_sends_it(plain: str, repository: str, make: Make, layout: Layout) -> None:
    image = make(2000)
    registry = Registry(plain)
    registry.push(layout, image, repository, "1", mount_from=f"{repository}/nothing")
    assert registry.head(repository, "1") == image


@pytest.mark.parametrize("status", [401, 403, 404, 405])
def test_a_mount_that_is_forbidden_sends_it(
    status: int, proxy: Proxy, repository: str, make: Make, layout: Layout
) -> None:
    proxy.rules.append(Rule("POST .*mount=", times=100, status=status))
    image = make(2000)
    registry = Registry(proxy.address)
    registry.push(layout, image, repository, "1", mount_from=f"{repository}/other")
    assert registry.head(repository, "1") == image


def test_large_blobs_go_in_pieces(plain: str, repository: str, make: Make, layout: Layout, other: Layout,
                                  monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr("pyctr_lab.images.registry.transfers.PIECE", 100_000)
    registry = Registry(plain)
    image = make(350_000, 100_000, 100_001)
    registry.push(layout, image, repository, "1")
    methods = [each.method for each in registry.conversation.exchanges]
    assert methods.count("PATCH") == 4
    assert registry.pull(other, repository, "1") == image


def test_progress_ends_at_the_total(plain: str, repository: str, make: Make, layout: Layout, other: Layout) -> None:
    image = make(600_000, 5)
    events: list[BlobProgress] = []
    registry = Registry(plain, progress=events.append)
    for action in (lambda: registry.push(layout, image, repository), lambda: registry.pull(other, repository)):
        events.clear()
        action()
        last = {event.blob: event for event in events}
        assert len(last) == 3 and all(event.done == event.total for event in last.values())
        assert len([event for event in events if event.total == 600_000]) >= 3


@pytest.mark.parametrize(("raised", "seen"), [(ZeroDivisionError, ZeroDivisionError), (BrokenPipeError, LabError),
                                             (KeyboardInterrupt, KeyboardInterrupt)])  # fmt: skip
def test_an_error_of_the_callback_ends_the_transfer(
    raised: type[BaseException], seen: type[BaseException], plain: str, repository: str, make: Make, layout: Layout,
    other: Layout, pauses: list[float],
) -> None:  # fmt: skip
    def refuse(event: BlobProgress) -> None:
        raise raised

    image = make(700_000, 10)
    with pytest.raises(seen):
        Registry(plain, progress=refuse).push(layout, image, repository)
    Registry(plain).push(layout, image, repository)
    with pytest.raises(seen):
        Registry(plain, progress=refuse).pull(other, repository)
    assert pauses == []
    verify(other)
    assert Registry(plain).pull(other, repository) == image


def index_of(layout: Layout, *entries: Descriptor, media_type: str = INDEX) -> Descriptor:
    listed = [each.as_json() for each in entries]
    return layout.write(encode_json({"schemaVersion": 2, "mediaType": media_type, "manifests": listed}), media_type)


def for_platform(image: Descriptor, name: str, **annotations: str) -> Descriptor:
    platform = dict(zip(("os", "architecture", "variant"), name.split("/"), strict=False))
    return Descriptor(image.media_type, image.digest, image.size, annotations, platform)


def test_of_an_index_the_right_platform_is_pulled(
    plain: str, repository: str, make: Make, layout: Layout, other: Layout
) -> None:
    amd, arm, attestation = make(1000), make(1001), make(20)
    inner = index_of(layout, for_platform(arm, "linux/arm64/v8"), for_platform(attestation, "unknown/unknown"))
    outer = index_of(layout, for_platform(amd, "linux/amd64"), inner)
    registry = Registry(plain)
    registry.push(layout, outer, repository, "1")
    for name, image in (("linux/arm64", arm), ("linux/amd64", amd)):
        found = registry.pull(other, repository, "1", platform=name)
        assert (found.digest, found.media_type) == (image.digest, MANIFEST)
    assert not other.path(attestation.digest).exists()
    with pytest.raises(BadImage, match="nothing for linux/s390x"):
        registry.pull(other, repository, "1", platform="linux/s390x")
    assert registry.head(repository, "1") == outer


def test_another_platform_than_the_wanted_one_is_refused(
    plain: str, repository: str, make: Make, layout: Layout, other: Layout
) -> None:
    registry = Registry(plain)
    registry.push(layout, make(10), repository)
    with pytest.raises(BadImage, match="not for linux/s390x"):
        registry.pull(other, repository, platform="linux/s390x")


def test_skopeo_reads_what_we_push_and_we_read_what_it_pushes(
    plain: str, repository: str, make: Make, layout: Layout, other: Layout, tmp_path: Path
) -> None:
    need("skopeo")
    image = make(100_000, 5000)
    registry = Registry(plain)
    registry.push(layout, image, repository, "1")
    source, target = f"docker://{plain}/{repository}:1", f"docker://{plain}/{repository}/copy:2"
    words = ("copy", "--preserve-digests")
    skopeo(tmp_path, *words, "--src-tls-verify=false", source, f"oci:{tmp_path}/copied:1")
    copied = Layout(tmp_path / "copied")
    assert [each.digest for each in copied.manifests] == [image.digest]
    assert {path.name for path in copied.blobs.iterdir()} == {path.name for path in layout.blobs.iterdir()}
    skopeo(tmp_path, *words, "--dest-tls-verify=false", f"oci:{tmp_path}/copied:1", target)
    assert registry.pull(other, f"{repository}/copy", "2").digest == image.digest
    verify(copied, other)


def test_the_form_of_docker_is_pulled_as_it_is(
    plain: str, repository: str, make: Make, layout: Layout, other: Layout, tmp_path: Path
) -> None:
    need("skopeo")
    with layout.changing() as listed:
        image = make(5000)
        listed.append(Descriptor(image.media_type, image.digest, image.size, {NAME: "1"}))
    words = ("copy", "--format", "v2s2", "--dest-tls-verify=false")
    skopeo(tmp_path, *words, f"oci:{layout.folder}:1", f"docker://{plain}/{repository}:1")
    registry = Registry(plain)
    found = registry.pull(other, repository, "1")
    assert found == registry.head(repository, "1") and "docker" in found.media_type
    assert registry.push(other, found, f"{repository}/again", "1") == found
    verify(other)


def test_wrong_arguments_are_refused_before_anything_is_sent(layout: Layout, make: Make) -> None:
    registry, image = Registry("127.0.0.1:1"), make(1)
    for action in (
        lambda: registry.pull(layout, "../x"),
        lambda: registry.pull("layout", "x"),  # type: ignore[arg-type]
        lambda: registry.push("layout", image, "x"),  # type: ignore[arg-type]
        lambda: registry.push(layout, image.digest, "x"),  # type: ignore[arg-type]
        lambda: registry.pull(layout, "x", "a b"),
        lambda: registry.pull(layout, "x", platform="amd64"),
        lambda: registry.push(layout, image, "X"),
        lambda: registry.push(layout, image, "x", "sha256:" + "0" * 64),
        lambda: registry.push(layout, image, "x", mount_from="../y"),
        lambda: registry.tags("x?y"),
        lambda: registry.delete("x", "."),
        lambda: registry.head(None),  # type: ignore[arg-type]
        lambda: Registry("a/b"),
        lambda: Registry("127.0.0.1:1", password="x"),
        lambda: Registry("127.0.0.1:1", username="a:b", password="x"),
        lambda: Registry("127.0.0.1:1", timeout=0),
        lambda: Registry("127.0.0.1:1", at_once=0),
        lambda: Registry("127.0.0.1:1", progress=5),  # type: ignore[arg-type]
    ):
        with pytest.raises(BadInput) as why:
            action()
        assert "\n" not in str(why.value)
    assert registry.conversation.exchanges == ()


def test_an_image_that_lacks_a_blob_is_refused_before_anything_is_sent(layout: Layout, make: Make) -> None:
    registry, image = Registry("127.0.0.1:1"), make(100)
    layout.path(ImageManifest.read(layout.read(image)).layers[0].digest).unlink()
    with pytest.raises(BadImage, match="not there"):
        registry.push(layout, image, "x")
    assert registry.conversation.exchanges == ()
