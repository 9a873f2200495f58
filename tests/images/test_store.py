"""The store beside a second process, after sudden death at any moment, on a full disk, and of a newer version."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from making import Made, archive

from pyctr_lab.errors import BadInput, Busy, LabError, Unsupported
from pyctr_lab.images import layout
from pyctr_lab.images.descriptors import BadImage
from pyctr_lab.images.sources import import_image
from pyctr_lab.images.store import ImageStore
from pyctr_lab.images.upkeep import verify_store

ROOT = Path(__file__).parents[2]
LAYERS = [archive({f"file{number}": bytes(100) * number}) for number in range(1, 4)]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    made = Made(tmp_path / "layout")
    return made.tag(made.image(*LAYERS))


def blobs(store: ImageStore) -> set[str]:
    return {path.name for path in store.layout.blobs.iterdir()}


# --- names
def test_an_image_is_found_by_name_tag_digest_and_id(store: ImageStore, made: Made) -> None:
    image = import_image(store, f"oci:{made.folder}", "some/name:1")
    by_id = (image.digest, image.id, image.digest[7:], image.id[7:20], image.id[:20])
    for name in ("some/name:1", f"some/name@{image.digest}", *by_id):
        assert store.image(name).digest == image.digest
    for name in ("some/name", "name:1", "0" * 12, image.id[7:10]):
        with pytest.raises(BadInput, match="there is no image"):
            store.image(name)
    assert repr(image) == f"Image('some/name:1', 3 layers, {image.digest[:19]})"


def test_a_name_moves_to_the_newest(store: ImageStore, made: Made) -> None:
    import_image(store, f"oci:{made.folder}", "x")
    two = made.image(LAYERS[0])
    made.listed.clear()
    made.tag(two)
    import_image(store, f"oci:{made.folder}", "x")
    assert store.image("x").digest == two["digest"] and len(store.names()) == 1
    assert store.remove_unreachable()[0] == 4  # manifest, configuration, two layers


def test_a_name_is_not_given_to_an_image_without_its_layers(store: ImageStore, made: Made) -> None:
    image = import_image(store, f"oci:{made.folder}", "x")
    store.layout.path(image.manifest.layers[1].digest).unlink()
    with pytest.raises(BadImage, match="is not there"):
        store.tag("y", image.descriptor)
    assert set(store.names()) == {"x:latest"}
    store.untag("x")
    with pytest.raises(BadInput, match="there is no image"):
        store.untag("x")


# --- versions
def test_a_store_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "store")
    marker = store.folder / "pyctr-lab.json"
    assert json.loads(marker.read_text()) == {"version": 1}
    marker.write_text('{"version": 2}')
    abandoned = store.layout.blobs / ".new-of-the-future"
    abandoned.touch()
    with pytest.raises(Unsupported, match=r"store is a store of version 2, not 1 \(a newer course reads it"):
        ImageStore(tmp_path / "store")
    assert abandoned.exists()


# --- beside a second process
def test_nothing_is_removed_while_an_image_comes(store: ImageStore, made: Made) -> None:
    with store.adding():
        store.layout.write(b"on its way", "x")
        with pytest.raises(Busy, match="another process is adding an image"):
            ImageStore(store.folder).remove_unreachable()
        assert len(blobs(store)) == 1
    assert store.remove_unreachable() == (1, len(b"on its way"))


def test_what_is_being_written_is_not_swept(store: ImageStore) -> None:
    with store.adding(), store.layout.incoming() as blob:
        blob.write(b"x")
        ImageStore(store.folder).layout.sweep()
    assert blobs(store) == {blob.digest[7:]}


def test_an_error_leaves_what_was_there_before(store: ImageStore, made: Made) -> None:
    store.layout.write(b"untagged, but older", "x")
    before = blobs(store)
    with pytest.raises(ZeroDivisionError), store.adding():
        store.layout.write(b"new", "x")
        raise ZeroDivisionError
    assert blobs(store) == before


def test_many_at_once(store: ImageStore, made: Made) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom pyctr_lab.images.store import ImageStore\n"
        "from pyctr_lab.images.sources import import_image\n"
        "for number in range(5): import_image(ImageStore(Path(sys.argv[1])), sys.argv[2], f'n{sys.argv[3]}-{number}')"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(store.folder), f"oci:{made.folder}", str(which)],
                                cwd=ROOT) for which in range(3)]  # fmt: skip
    assert [process.wait(200) for process in running] == [0, 0, 0]
    assert len(store.names()) == 15 and verify_store(store) == []
    assert blobs(store) == {path.name for path in made.blobs.iterdir()}


# --- sudden death
EVENTS = ((os, "rename"), (os, "fsync"), (os, "unlink"), (os, "fchmod"), (fcntl, "flock"), (layout.Incoming, "write"),
          (layout.Incoming, "verify"), (Path, "unlink"))  # fmt: skip


@contextmanager
def dying_at(moment: int) -> Iterator[None]:
    """Let this process die before the event with this number."""
    count = itertools.count(1)

    def watched(original: Callable[..., object]) -> Callable[..., object]:
        def call(*words: object, **more: object) -> object:
            if next(count) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*words, **more)

        return call

    for owner, name in EVENTS:
        setattr(owner, name, watched(getattr(owner, name)))
    yield


def in_child(moment: int, work: Callable[[], object]) -> bool:
    """Do it in a child that dies at a moment; whether it lived on."""
    pid = os.fork()
    if pid == 0:
        with dying_at(moment):
            work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_sudden_death_of_an_import_at_every_moment(tmp_path: Path, made: Made) -> None:
    expected = {path.name for path in made.blobs.iterdir()}
    for moment in itertools.count(1):
        folder = tmp_path / f"store{moment}"
        lived = in_child(moment, lambda: import_image(ImageStore(folder), f"oci:{made.folder}", "x"))  # noqa: B023
        store = ImageStore(folder)
        assert verify_store(store) == [], moment
        assert not list(folder.rglob(".new-*")), moment
        assert blobs(store) <= expected
        import_image(store, f"oci:{made.folder}", "x")
        assert blobs(store) == expected and verify_store(store) == []
        if lived:
            break
    assert moment > 40


def test_sudden_death_of_a_prune_at_every_moment(tmp_path: Path, made: Made) -> None:
    for moment in itertools.count(1):
        store = ImageStore(tmp_path / f"store{moment}")
        import_image(store, f"oci:{made.folder}", "x")
        kept = made.blobs / store.image("x").digest[7:]
        store.layout.write(b"unused", "x")
        store.layout.write(b"unused, too", "x")
        lived = in_child(moment, store.remove_unreachable)
        assert verify_store(store) == [] and kept.name in blobs(store)
        store.remove_unreachable()
        assert blobs(store) == {path.name for path in made.blobs.iterdir()}
        if lived:
            break
    assert moment > 3


# --- a full disk
FULL = """
import sys
from pathlib import Path
from pyctr_lab.errors import LabError
from pyctr_lab.images.sources import import_image
from pyctr_lab.images.store import ImageStore
from pyctr_lab.images.upkeep import verify_store
try:
    import_image(ImageStore(Path(sys.argv[1], "store")), sys.argv[2], "x")
    print("done")
except (LabError, OSError) as why:
    print(why)
if Path(sys.argv[1], "store/oci-layout").exists():
    found = verify_store(ImageStore(Path(sys.argv[1], "store")))
    print(found, [str(path) for path in Path(sys.argv[1]).rglob(".new-*")])
"""
AGAIN = 'mount -t tmpfs -o size=$1 none $0 && "$2" -c "$3" $0 $4; mount -o remount,size=64m $0; "$2" -c "$3" $0 $4'


PAGES = [pytest.param(pages, marks=[pytest.mark.complete] * (pages % 8 != 1)) for pages in range(1, 41, 2)]


@pytest.mark.parametrize("pages", PAGES)
def test_a_full_disk_at_any_moment(tmp_path: Path, pages: int) -> None:
    """The image takes about 35 pages of a tmpfs; more of it fits from test to test."""
    made = Made(tmp_path / "layout")
    noise = [os.urandom(30_000) for _ in range(3)]
    made.tag(made.image(*(archive({"noise": each}) for each in noise)))
    place = tmp_path / "small"
    place.mkdir()
    words = [str(place), f"{pages * 4}k", sys.executable, FULL, f"oci:{made.folder}"]
    argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", AGAIN, *words]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=280, check=False)
    lines = done.stdout.splitlines()
    assert "Traceback" not in done.stderr, done.stderr
    assert lines[0] == "done" or "No space left on device" in lines[0]
    assert lines[-2:] == ["done", "[] []"]
    assert all(line == "[] []" for line in lines[1:-2]), lines


def test_a_full_disk_says_what_makes_room(store: ImageStore) -> None:
    with pytest.raises(LabError, match=r"No space left on device \(.* prune makes room\)"), store.adding():
        raise OSError(28, "No space left on device")
