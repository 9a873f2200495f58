"""What the pictures of lesson 06 are made from, by hand: the usual cases and the extreme ones."""

from __future__ import annotations

from hashlib import sha256

from pyctr_lab.draw import layers, overlay, registry
from pyctr_lab.images import ImageLayers, LayerFile, OverlayChange, OverlayMoment, StoredLayer
from pyctr_lab.images.registry import Exchange

MIB = 1 << 20
HOSTILE = "<script>alert(1)</script>&\u202e" * 4


def digest(of: str) -> str:
    return f"sha256:{sha256(of.encode()).hexdigest()}"


def layer(name: str, size: int, *holders: str, made_by: str = "", content: str = "") -> StoredLayer:
    return StoredLayer(digest(name), digest(content or name), digest(f"chain {name}"), size, holders, made_by, 2 * size)


def image(name: str, *held: StoredLayer) -> ImageLayers:
    return ImageLayers(name, held, digest(f"manifest {name}"), digest(f"config {name}"), 1200)


BOTH = ("web:1", "web:2")
A, B = (
    layer("a", 235 * MIB, *BOTH, made_by="debian"),
    layer("b", 48 * MIB, *BOTH, made_by="RUN apt-get install python3"),
)
C = layer("c", 18 * MIB, "web:1", made_by="COPY app.py /srv/")
D = layer("d", 16 * MIB, "web:2", made_by=HOSTILE)
TWO = [image("web:1", A, B, C), image("web:2", A, B, D)]
TINY = [layer(f"tiny {number}", 200 + number, "web:1", "web:3") for number in range(15)]
MANY = [
    image("web:1", A, *TINY), image("web:2", A, B, D), image("127.0.0.1:5000/team/a-long-name-of-an-image:latest", A),
    image("again:1", A, layer("e", 9 * MIB, "again:1", content="c"), layer("c", 9 * MIB, "again:1")), image("empty:1"),
    image("same:2", A, B, D),
]  # fmt: skip


# --- an overlay
def file(size: int) -> LayerFile:
    return LayerFile("file", size)


def moment(upper: LayerFile | None, b: LayerFile | None, a: LayerFile | None, seen: LayerFile | None) -> OverlayMoment:
    return OverlayMoment({"upper": upper, "layer b": b, "layer a": a}, seen)


NOTHING = moment(None, None, None, None)
MOTD = moment(None, None, file(900), file(900))
READ = OverlayChange("read", "/etc/motd", "cat /etc/motd", MOTD, MOTD)
APPENDED = OverlayChange(
    "append", "/db/data", "echo >> /db/data", moment(None, file(3 * MIB), None, file(3 * MIB)),
    moment(file(3 * MIB + 1), file(3 * MIB), None, file(3 * MIB + 1)),
)  # fmt: skip
DELETED = OverlayChange(
    "delete", "/usr/games/go", "rm /usr/games/go", moment(None, None, file(2 * MIB), file(2 * MIB)),
    moment(LayerFile("whiteout"), None, file(2 * MIB), None),
)  # fmt: skip
NINE = LayerFile("folder", 0, 9)
REPLACED = OverlayChange(
    "replace a folder", "/conf", "rm -r /conf; mkdir /conf", moment(None, NINE, None, NINE),
    moment(LayerFile("opaque folder"), NINE, None, LayerFile("folder")),
)  # fmt: skip
HIDDEN = OverlayChange(
    "a file of it", "/conf/3", "rm -r /conf; mkdir /conf", moment(None, file(2), None, file(2)),
    moment(LayerFile("hidden above"), file(2), None, None),
)  # fmt: skip
CREATED = OverlayChange("create", "/tmp/new", "echo x > /tmp/new", NOTHING, moment(file(2), None, None, file(2)))
REMOVED = OverlayChange("undo", "/tmp/new", "rm /tmp/new", CREATED.after, NOTHING)
STRANGE = OverlayChange(HOSTILE, f"/{HOSTILE}", HOSTILE, DELETED.after, moment(file(2), None, file(2), file(2)))
CHANGES = [READ, APPENDED, DELETED, REPLACED, CREATED]


# --- conversations
def sending(name: str, size: int, begun: float) -> list[Exchange]:
    """A blob that is not there: asked for, announced, sent."""
    path, whole = "/v2/web/blobs/", digest(name)
    return [
        Exchange(begun, "HEAD", path + whole, 404), Exchange(begun + 0.1, "POST", f"{path}uploads/", 202, blob=whole),
        Exchange(begun + 0.2, "PUT", f"{path}uploads/1?digest={whole}", 201, sent=size, blob=whole),
    ]  # fmt: skip


def there(name: str) -> Exchange:
    return Exchange(1.0, "HEAD", f"/v2/web/blobs/{digest(name)}", 200, cached=True)


TAG = Exchange(9.0, "PUT", "/v2/web/manifests/1", 201, sent=700)
FIRST = [*sending("a", 98 * MIB, 1.05), *sending("b", 19 * MIB, 1.0), *sending("config web:1", 656, 1.1), TAG]
SECOND = [there("a"), there("b"), *sending("d", 6 * MIB, 2.0), *sending("config web:2", 656, 2.0), TAG]
AGAIN = [
    Exchange(0.0, "GET", "/v2/web/manifests/1", 200, received=700),
    *(Exchange(1.0, "GET", f"/v2/web/blobs/{digest(each)}", cached=True) for each in ("a", "b", "config web:1")),
]
ODD = [
    Exchange(0.0, "GET", "/v2/", 401), Exchange(0.5, "GET", "http://127.0.0.1:5001/token", 200, received=900),
    Exchange(1.0, "POST", f"/v2/web/blobs/uploads/?from=team/base&mount={digest('a')}", 201, cached=True),
    Exchange(1.0, "GET", f"/v2/web/blobs/{digest('b')}"), Exchange(2.0, HOSTILE, f"/v2/{HOSTILE}", 500),
    *(Exchange(3.0, "HEAD", f"/v2/web/blobs/{digest(str(number))}", 404) for number in range(60)),
]  # fmt: skip
TALKS = {"push web:1": FIRST, "push web:2": SECOND}


def pictures():
    """Pictures drawn by hand, by name."""
    return {
        "layers": layers(TWO), "layers, removed": layers(TWO, "web:1"), "layers, both": layers(TWO, BOTH),
        "layers, many": layers(MANY, ["web:1"]), "layers, one": layers(TWO[:1]),
        "layers, none": layers([image("empty:1")]),
        "overlay": overlay(CHANGES), "overlay, one": overlay([APPENDED]), "overlay, read": overlay([READ]),
        "overlay, strange": overlay([HIDDEN, REMOVED, STRANGE, *CHANGES]),
        "registry": registry(TALKS, TWO), "registry, again": registry({"pull web:1": AGAIN}, TWO[:1]),
        "registry, odd": registry({HOSTILE: ODD, "nothing": [], **TALKS}),
    }  # fmt: skip
