"""The conversation as data: each request once, in order, without secrets, and cut in lines for a picture."""

from __future__ import annotations

from servers import PASSWORD, USER, Make

from pyctr_lab.images.layout import Layout
from pyctr_lab.images.registry import Registry
from pyctr_lab.images.registry.conversation import shown_path


def test_a_push_is_listed_request_by_request(plain: str, repository: str, make: Make, layout: Layout) -> None:
    registry = Registry(plain, at_once=1)
    image = make(1000)
    registry.push(layout, image, repository, "1")
    found = registry.conversation.exchanges
    blob = [("HEAD", 404), ("POST", 202), ("PUT", 201)]
    assert [(each.method, each.status) for each in found] == [*blob, *blob, ("PUT", 201)]
    assert [each.begun for each in found] == sorted(each.begun for each in found)
    assert all(each.path.startswith(f"/v2/{repository}/") and each.seconds > 0 for each in found)
    assert found[-1].sent == image.size and str(found[-1]).endswith(f"/manifests/1  201  sent {image.size}  received 0")
    registry.push(layout, image, repository, "2")
    again = registry.conversation.exchanges[len(found) :]
    assert [(each.method, each.cached) for each in again] == [("HEAD", True), ("HEAD", True), ("PUT", False)]
    digest = again[0].path.rpartition("/")[2]
    assert str(again[0]).endswith(f"/blobs/{digest[:19]}  200 cached  sent 0  received 0") and len(digest) == 71


def test_no_secret_is_kept(tokened: str, repository: str, make: Make, layout: Layout) -> None:
    registry = Registry(tokened, username=USER, password=PASSWORD)
    registry.push(layout, make(1000), repository, "1")
    said = "\n".join(map(repr, registry.conversation.exchanges))
    assert "/token" in said and "uploads" in said
    assert PASSWORD not in said and "_state" not in said and USER not in said and "Bearer" not in said


def test_what_is_shown_of_an_address() -> None:
    origin = "https://a:5000"
    for url, shown in (
        ("https://a:5000/v2/x/uploads/1?_state=secret&digest=sha256%3A12", "/v2/x/uploads/1?digest=sha256:12"),
        ("https://b/y?X-Signature=secret", "https://b/y"),
        ("https://me:secret@b/y", "https://b/y"),
        ("https://a:5000/v2/_catalog?n=5&last=x", "/v2/_catalog?n=5&last=x"),
    ):
        assert shown_path(url, origin) == shown
