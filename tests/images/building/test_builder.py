from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from pyctr_lab.errors import BadInput, Gone
from pyctr_lab.images import Image, Images
from pyctr_lab.images.building import builder
from pyctr_lab.images.building.builder import BuildFailed
from pyctr_lab.images.building.steps import BaseImage, CopyFiles, ImageSetting, RunCommand
from pyctr_lab.images.process import ImageWords


class Said(list[str]):
    """What a build says."""

    @property
    def cached(self) -> int:
        """How many layers were there before."""
        return self.count("cached\n")

    @property
    def text(self) -> str:
        return "".join(self)


def build(images: Images, text: str, context: Path | None = None, **args: str) -> tuple[Image, Said]:
    said = Said()
    return images.build(f"{text}\n", name="built", context=context, args=args, progress=said.append), said


def entries(images: Images, image: Image, layer: int = -1) -> dict[str, tarfile.TarInfo]:
    """What is in a layer's archive; a plain tar, or our own tests would not read it."""
    with images.store.layout.open(image.manifest.layers[layer]) as file, tarfile.open(fileobj=file) as tar:
        return {entry.name: entry for entry in tar}


def run(images: Images, *words: str) -> str:
    lab = images.lab
    recipe = images.recipe("built", lab.recipe(), ImageWords())
    return lab.run(images.command("built", words or None, ImageWords()), recipe=recipe, timeout=60).stdout


def settings(images: Images, text: str) -> dict[str, Any]:
    return build(images, text)[0].config.settings


# --- settings
BASE = {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]}


@pytest.mark.parametrize(
    ("lines", "changed"),
    [
        ("ENV a=b", {"Env": [*BASE["Env"], "a=b"]}),
        ("ENV a=b\nENV a=$a$a c=$a", {"Env": [*BASE["Env"], "a=bb", "c=b"]}),
        ("ENV PATH=/x:$PATH", {"Env": [BASE["Env"][0].replace("=", "=/x:", 1)]}),
        ("ARG v=1\nENV a=$v", {"Env": [*BASE["Env"], "a=1"]}),
        ("ENV v=2\nARG v=1\nENV a=$v", {"Env": [*BASE["Env"], "v=2", "a=2"]}),
        ("LABEL a=b\nLABEL a=c d=e", {"Labels": {"a": "c", "d": "e"}}),
        ("WORKDIR /a\nWORKDIR b/../c", {"WorkingDir": "/a/c"}),
        ("WORKDIR a", {"WorkingDir": "/a"}),
        ("USER www:5", {"User": "www:5"}),
        ("EXPOSE 80 8000-8001/udp", {"ExposedPorts": {"80/tcp": {}, "8000/udp": {}, "8001/udp": {}}}),
        ("VOLUME /a /b", {"Volumes": {"/a": {}, "/b": {}}}),
        ("CMD ls -l", {"Cmd": ["/bin/sh", "-c", "ls -l"]}),
        ('CMD ["ls", "-l"]', {"Cmd": ["ls", "-l"]}),
        ('SHELL ["/bin/ash", "-ec"]\nCMD ls', {"Shell": ["/bin/ash", "-ec"], "Cmd": ["/bin/ash", "-ec", "ls"]}),
        ('ENTRYPOINT ["ls"]', {"Entrypoint": ["ls"], "Cmd": None}),
        ('CMD ["-l"]\nENTRYPOINT ["ls"]', {"Entrypoint": ["ls"], "Cmd": ["-l"]}),
        ("HEALTHCHECK CMD true", {"Healthcheck": {"Test": ["CMD-SHELL", "true"]}}),
        ("STOPSIGNAL SIGINT", {"StopSignal": "SIGINT"}),
    ],
)
def test_a_setting_changes_the_configuration(images: Images, lines: str, changed: dict[str, Any]) -> None:
    wanted = {name: value for name, value in {**BASE, **changed}.items() if value is not None}
    assert settings(images, f"FROM busybox\n{lines}") == wanted


def test_the_history_has_a_line_for_each_step(images: Images, context: Path) -> None:
    (context / "a").touch()
    image, _ = build(images, "FROM busybox\nARG v=1\nENV a=b\nCOPY a /\nRUN true\nCMD true", context)
    found = [(each["created_by"], each.get("empty_layer", False)) for each in image.config.content["history"]]
    assert found == [
        ("busybox", False),  # as the base says
        ("ENV a=b", True),
        ("COPY a /", False),
        ("RUN |1 v=1 /bin/sh -c true", False),
        ("CMD true", True),
    ]
    assert {each["created"] for each in image.config.content["history"]} == {"1970-01-01T00:00:00Z"}


def test_a_history_goes_on_where_the_base_has_one(images: Images) -> None:
    images.build("FROM busybox\nRUN true\nENV a=b\n", name="base")
    image, _ = build(images, "FROM base\nRUN echo on")
    history = image.config.content["history"]
    assert [each["created_by"].split()[0] for each in history] == ["busybox", "RUN", "ENV", "RUN"]
    assert sum(not each.get("empty_layer") for each in history) == len(image.manifest.layers) == 3


# --- arguments
@pytest.mark.parametrize(
    ("lines", "args", "value"),
    [
        ("FROM busybox\nARG v", {}, ""),
        ("FROM busybox\nARG v=d", {}, "d"),
        ("FROM busybox\nARG v=d", {"v": "g"}, "g"),
        ("ARG v=outer\nFROM busybox", {}, ""),
        ("ARG v=outer\nFROM busybox\nARG v", {}, "outer"),
        ("ARG v=outer\nFROM busybox\nARG v=inner", {}, "inner"),
        ("ARG v=outer\nFROM busybox\nARG v", {"v": "g"}, "g"),
        ("FROM busybox\nARG a=b\nARG v=$a$a", {}, "bb"),
    ],
)
def test_an_argument_has_the_value_that_docker_gives_it(
    images: Images, lines: str, args: dict[str, str], value: str
) -> None:
    image, _ = build(images, f"{lines}\nENV got=$v", **args)
    assert image.config.environment["got"] == value


def test_an_argument_names_the_base(images: Images) -> None:
    image, _ = build(images, "ARG base=none\nFROM ${base}", base="busybox")
    assert image.config.diff_ids == images.store.image("busybox").config.diff_ids


def test_a_base_is_found_by_its_digest(images: Images) -> None:
    busybox = images.store.image("busybox")
    for name in (busybox.digest, f"busybox@{busybox.digest}"):
        assert build(images, f"FROM {name}")[0].config.diff_ids == busybox.config.diff_ids


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM none", "Containerfile:1: there is no image 'none'"),
        (f"FROM sha256:{'0' * 64}", "Containerfile:1: there is no image"),
        ("RUN true", "Containerfile:1: a build begins with FROM"),
        ("ARG a", "a build begins with FROM"),
        ("FROM scratch\nFROM scratch", "Containerfile:2: a second FROM"),
        ("FROM scratch\nCOPY a /", "Containerfile:2: there is no context"),
        ("FROM scratch\nENV a=${", "Containerfile:2: "),
        ("FROM scratch\nEXPOSE 0", "Containerfile:2: '0' is no port"),
        ("FROM scratch\nEXPOSE 90-80", "Containerfile:2: '90-80' is no port"),
        ("FROM busybox\nUSER none\nRUN id", "Containerfile:3: 'none' is no user"),
    ],
)
def test_a_line_that_cannot_be_taken_is_named(images: Images, text: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        build(images, text)
    assert str(refused.value).startswith(said) and "\n" not in str(refused.value)


def test_an_argument_without_its_line_is_refused(images: Images) -> None:
    with pytest.raises(BadInput, match="no ARG names typo"):
        build(images, "FROM scratch\nARG v", typo="1")


# --- COPY
def test_what_is_copied_is_there_and_the_owners_are_root(images: Images, context: Path) -> None:
    (context / "sub/deep").mkdir(parents=True, mode=0o700)
    (context / "sub/deep/x").write_text("x")
    (context / "sub/deep/x").chmod(0o4751)
    (context / "a b").write_text("a")
    (context / "sub/l").symlink_to("/etc/passwd")
    lines = 'WORKDIR /w\nCOPY sub .\nCOPY ["a b", "/new/folder/"]\nCOPY sub/deep/x y'
    image, _ = build(images, f"FROM scratch\n{lines}", context)
    found = entries(images, image, 0)
    assert {name: (entry.mode, entry.uid, entry.gid, entry.mtime) for name, entry in found.items()} == {
        "w": (0o755, 0, 0, 0),
        "w/deep": (0o700, 0, 0, 0),
        "w/deep/x": (0o4751, 0, 0, 0),
        "w/l": (0o777, 0, 0, 0),
    }
    assert list(found) == sorted(found) and found["w/l"].linkname == "/etc/passwd"
    assert list(entries(images, image, 1)) == ["new", "new/folder", "new/folder/a b"]
    assert list(entries(images, image, 2)) == ["w", "w/y"]


def test_folders_and_links_of_the_image_stay(images: Images, context: Path) -> None:
    (context / "f").write_text("f")
    (context / "tree/tmp").mkdir(parents=True)
    (context / "tree/tmp/t").touch()
    (context / "tree/lib").mkdir()
    (context / "tree/lib/l").touch()
    base = "FROM busybox\nRUN mkdir -p /usr/lib && ln -s usr/lib /lib && chmod 700 /usr\n"
    image, _ = build(images, f"{base}COPY tree /\nCOPY f /lib/\nCOPY f /tmp\nCOPY f /lib/g", context)
    found = entries(images, image, 2)
    assert set(found) == {"tmp", "tmp/t", "usr", "usr/lib", "usr/lib/l"}
    assert found["tmp"].mode == 0o1777 and found["usr"].mode == 0o700
    assert set(entries(images, image, 3)) == {"usr", "usr/lib", "usr/lib/f"}
    assert set(entries(images, image, 4)) == {"tmp", "tmp/f"}
    assert run(images, "sh", "-c", "cd /lib && ls; ls -l / | grep -c ' lib -> usr/lib'") == "f\ng\nl\n1\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("COPY f g /to", "no folder"),
        ("COPY * /to", "no folder"),
        ("COPY folder /etc/passwd", "no folder of the image"),
        ("COPY f /etc/passwd/", "no folder"),
        ("COPY f /etc/passwd/a", "no folder"),
        ("COPY bin/ /", "is a folder of the image"),
        ("COPY --chown=none f /", "no user"),
        ("COPY ../f /", "out of the context"),
    ],
)
def test_what_cannot_be_copied_is_refused(images: Images, context: Path, line: str, said: str) -> None:
    for name in ("f", "g", "folder/f", "bin/etc"):
        (context / name).parent.mkdir(exist_ok=True)
        (context / name).touch()
    with pytest.raises(BadInput, match=said) as refused:
        build(images, f"FROM busybox\n{line}", context)
    assert str(refused.value).startswith("Containerfile:2: ")


OWNERS = [("5", (5, 5)), ("5:6", (5, 6)), ("nobody:tty", (65534, 5)), ("tester", (7, 7))]


@pytest.mark.parametrize(("owner", "ids"), OWNERS)
def test_files_belong_to_whom_the_line_names(images: Images, context: Path, owner: str, ids: tuple[int, int]) -> None:
    (context / "f").touch()
    lines = f"RUN echo tester:x:7:8::/:/bin/sh >> /etc/passwd\nCOPY --chown={owner} f /new/"
    found = entries(images, build(images, f"FROM busybox\n{lines}", context)[0])
    assert {(found[name].uid, found[name].gid) for name in ("new", "new/f")} == {ids}


def test_add_unpacks_an_archive_and_says_so(images: Images, context: Path) -> None:
    with tarfile.open(context / "a.tar.gz", "w:gz") as tar:
        for name, kind in (("./d", tarfile.DIRTYPE), ("d/f", tarfile.REGTYPE), ("h", tarfile.LNKTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.uid, entry.size = kind, 9, 2 * (kind == tarfile.REGTYPE)
            entry.linkname = "d/f" if kind == tarfile.LNKTYPE else ""
            tar.addfile(entry, io.BytesIO(b"hi"))
    (context / "plain").write_text("no archive")
    image, said = build(images, "FROM busybox\nADD a.tar.gz plain /to/\nCOPY a.tar.gz /", context)
    found = entries(images, image, 1)
    assert set(found) == {"to", "to/plain", "to/d", "to/d/f", "to/h"} and found["to/h"].linkname == "to/d/f"
    assert (found["to/d/f"].uid, found["to/plain"].uid) == (9, 0)
    assert "a.tar.gz into /to" in said.text and set(entries(images, image, 2)) == {"a.tar.gz"}
    assert run(images, "cat", "/to/h") == "hi"


def test_an_archive_that_leads_out_is_refused(images: Images, context: Path) -> None:
    with tarfile.open(context / "a.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("../x"))
    with pytest.raises(Exception, match=r"^Containerfile:2: .*\.\./x"):
        build(images, "FROM scratch\nADD a.tar /", context)


def test_a_file_that_changes_meanwhile_is_no_layer(
    images: Images, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (context / "f").write_text("short")
    of = builder.content_key
    monkeypatch.setattr(builder, "content_key", lambda found: (of(found), (context / "f").write_text("longer"))[0])
    with pytest.raises(BadInput, match="changed while"):
        build(images, "FROM scratch\nCOPY f /", context)
    assert not list(images.store.layout.blobs.glob(".new-*"))


# --- RUN
def test_a_program_runs_in_the_image_so_far(images: Images, context: Path) -> None:
    if images.lab.ids == 1:
        pytest.skip("this lab has one id: no other user can run in it")
    (context / "f").write_text("from the context\n")
    text = """FROM busybox
ARG colour=blue
ENV GREETING=hello
COPY f /data/
USER nobody
WORKDIR /work
RUN pwd; cat /data/f; echo $GREETING $colour; id -u; hostname; grep -c : /proc/net/dev
USER root
RUN ["sh", "-c", "echo made > /data/made; rm /data/f; rm -r /var"]
CMD cat /data/made
"""
    image, said = build(images, text, context)
    shown = said.text.partition("-c : /proc/net/dev\n")[2].partition("8/")[0].split()
    assert shown == ["/work", "from", "the", "context", "hello", "blue", "65534", "build", "1"]
    assert run(images) == "made\n" and "colour" not in json.dumps(image.config.settings)
    assert run(images, "sh", "-c", "ls /data; test -e /var || echo gone; pwd") == "made\ngone\n/work\n"


def test_a_layer_has_what_was_written_and_nothing_of_the_container(images: Images) -> None:
    own = "echo 1.2.3.4 h > /etc/hosts; rm /etc/resolv.conf; touch /dev/x"
    image, _ = build(images, f"FROM busybox\nRUN {own}; echo a > /new; echo x > /etc/made")
    found = entries(images, image)
    assert set(found) - {".", ""} == {"new", "etc", "etc/made"}
    assert {entry.mtime for entry in found.values()} == {0} and not any(entry.uname for entry in found.values())


def signalling(images: Images, number: int, said: list[str]) -> Any:
    """Sends a signal to the program when it has written a line: it waits for that."""

    def progress(text: str) -> None:
        said.append(text)
        if text == "first\n":
            (pid,) = images.lab.processes() - {images.lab.launcher.machine_pid}
            os.kill(pid, number)

    return progress


WAITING = "trap 'echo second; exit' USR1; echo first; while true; do sleep 0.05; done"


def test_output_comes_as_it_is_written(images: Images) -> None:
    said: list[str] = []
    steps = [BaseImage("busybox"), RunCommand(WAITING)]
    images.build(steps, name="built", progress=signalling(images, signal.SIGUSR1, said))
    assert said[2:] == ["first\n", "second\n"]


def test_a_program_that_fails_ends_the_build(images: Images) -> None:
    before = images.store.names()
    with pytest.raises(BuildFailed) as failed:
        images.build("FROM busybox\nRUN echo one; echo two >&2; exit 3\n", name="failing")
    assert str(failed.value) == "Containerfile:2: exit status 3 (two)"
    assert failed.value.status == 3 and failed.value.output == "one\ntwo"
    assert images.store.names() == before and no_upper(images)


def test_a_program_that_is_killed_ends_the_build(images: Images) -> None:
    with pytest.raises(BuildFailed, match=r"^step 2: killed by SIGKILL"):
        steps = [BaseImage("busybox"), RunCommand(f"{WAITING}; true")]
        images.build(steps, name="failing", progress=signalling(images, signal.SIGKILL, []))
    assert no_upper(images)


def test_a_program_that_is_not_there_ends_the_build(images: Images) -> None:
    with pytest.raises(BuildFailed, match=r"^Containerfile:2: .*nothing.*No such file"):
        build(images, 'FROM busybox\nRUN ["nothing"]')
    assert no_upper(images)


def no_upper(images: Images) -> bool:
    """Whether nothing is left of what containers wrote."""
    return os.listdir(images.trees.folder / "uppers") == [".lock"]


# --- the cache
SIX = "FROM busybox\nENV a=1\nRUN echo one > /one\nCOPY f /f\nRUN cat /f > /two\nCMD cat /two"


def test_all_is_cached_and_no_worker_starts(images: Images, context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (context / "f").write_text("first")
    image, _ = build(images, SIX, context)
    monkeypatch.setattr(subprocess, "Popen", None)
    monkeypatch.setattr(images.trees, "show", None)
    again, cached = build(images, SIX, context)
    assert (again.digest, cached.cached) == (image.digest, 3)


@pytest.mark.parametrize(
    ("change", "cached"),
    [
        (lambda text, f: text, 3),
        (lambda text, f: text.replace("CMD cat", "CMD ls"), 3),
        (lambda text, f: text.replace("cat /f >", "cat f >"), 2),
        (lambda text, f: (f.write_text("fourth line"), text)[1], 1),
        (lambda text, f: (f.chmod(0o600), text)[1], 1),
        (lambda text, f: text.replace("COPY f /f", "COPY f /f2\nCOPY f /f"), 1),
        (lambda text, f: text.replace("a=1", "a=2"), 0),
        (lambda text, f: (os.utime(f, (5, 5)), text)[1], 3),
    ],
    ids=["nothing", "the last", "the fifth", "content of the fourth", "its mode", "one more", "the second", "a time"],
)
def test_what_follows_a_change_is_made_anew(images: Images, context: Path, change: Any, cached: int) -> None:
    (context / "f").write_text("unlike others")
    (context / "f").chmod(0o644)
    build(images, SIX, context)
    _, said = build(images, change(SIX, context / "f"), context)
    assert said.cached == cached


def test_an_argument_that_a_program_sees_is_part_of_the_key(images: Images) -> None:
    text = "FROM busybox\nRUN true\nARG v\nRUN echo $v > /v"
    build(images, text, v="1")
    assert [build(images, text, v=value)[1].cached for value in ("1", "2", "1")] == [2, 1, 2]
    assert run(images, "cat", "/v") == "1\n"


def test_another_base_of_the_same_name_is_another_key(images: Images) -> None:
    found = []
    for value in ("1", "2", "1"):
        images.build(f"FROM busybox\nENV v={value}\n", name="base")
        found.append(build(images, "FROM base\nRUN echo $v > /of-base")[1].cached)
    assert found == [0, 0, 1] and run(images, "cat", "/of-base") == "1\n"


def test_an_empty_cache_builds_the_same_image(images: Images, context: Path) -> None:
    """Whatever the time of day, and the times of the files."""
    (context / "f").write_text("the same")
    first, _ = build(images, SIX, context)
    for entry in (images.store.folder / "cache").iterdir():
        entry.unlink()
    os.utime(context / "f", (1, 1))
    second, said = build(images, SIX, context)
    assert said.cached == 0 and second.digest == first.digest


def test_the_time_is_what_source_date_epoch_says(
    images: Images, context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (context / "f").touch()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    image, _ = build(images, "FROM busybox\nCOPY f /\nRUN touch -d @500 /old; touch /new", context)
    assert image.config.content["created"] == "2001-09-09T01:46:40Z"
    assert entries(images, image, 1)["f"].mtime == 10**9
    found = entries(images, image, 2)
    assert (found["old"].mtime, found["new"].mtime) == (500, 10**9)
    with pytest.raises(BadInput, match="number of seconds"):
        build(images, "FROM scratch", SOURCE_DATE_EPOCH="today")


def test_a_layer_that_was_removed_is_made_anew(images: Images) -> None:
    text = "FROM busybox\nRUN echo removed > /x"
    image, _ = build(images, text)
    images.store.layout.path(image.config.diff_ids[-1]).unlink()
    again, said = build(images, text)
    assert said.cached == 0 and again.digest == image.digest


def test_a_layer_that_is_removed_meanwhile_is_noticed(images: Images) -> None:
    text = "FROM busybox\nRUN echo meanwhile > /x\nCMD true\n"
    layer = images.store.layout.path(build(images, text)[0].config.diff_ids[-1])
    with pytest.raises(BadInput, match="removed from the store"):
        images.build(text, name="half", progress=lambda said: layer.unlink() if "CMD" in said else None)
    assert "half:latest" not in images.store.names()


def test_a_damaged_entry_of_the_cache_counts_for_nothing(images: Images) -> None:
    text = "FROM busybox\nRUN echo damaged > /x"
    build(images, text)
    for entry in (images.store.folder / "cache").iterdir():
        entry.write_text("[")
    assert build(images, text)[1].cached == 0


# --- steps of a notebook
def test_steps_are_taken_as_lines_are(images: Images, context: Path) -> None:
    (context / "f").write_text("notebook")
    steps = [BaseImage("busybox"), ImageSetting("ENV", {"a": "b"}), CopyFiles(["f"], "/$a"), RunCommand("cat /b > /c")]
    image = images.build(steps, name="built", context=context)
    assert run(images, "cat", "/c") == "notebook"
    text = "FROM busybox\nENV a=b\nCOPY f /$a\nRUN cat /b > /c"
    assert build(images, text, context)[0].digest == image.digest
    with pytest.raises(BuildFailed, match=r"^step 2: exit status 1"):
        images.build([BaseImage("busybox"), RunCommand("false")], name="built")


# --- ends
BUILD = """
import sys
from pathlib import Path
from pyctr_lab import Lab
from pyctr_lab.images import Images
from pyctr_lab.images.store import ImageStore

with Lab() as lab:
    images = Images(lab, ImageStore(Path(sys.argv[1])))
    images.build(sys.argv[2], name=sys.argv[3], progress=lambda text: print(text, flush=True))
"""


def start(images: Images, text: str, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(images.store.folder), text, name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def until(process: subprocess.Popen[str], said: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if said in line:
            return
    raise AssertionError(f"the build ended before it said {said!r}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_build_that_is_cut_leaves_nothing_half_visible(images: Images, number: int) -> None:
    text = f"FROM busybox\nRUN echo kept-{number}\nRUN echo waits; touch /half; sleep 1000\n"
    process = start(images, text, "cut")
    until(process, "waits")
    process.send_signal(number)
    process.wait(60)
    assert process.stdout and not process.stdout.close()
    assert "cut:latest" not in images.store.names()
    image, said = build(images, text.replace("sleep 1000", "true"))
    assert said.cached == 1 and set(entries(images, image)) >= {"half"}
    images.trees._shown = False  # as the next lab does
    images.trees.show()
    assert no_upper(images)


def test_two_builds_at_once_make_the_same(images: Images) -> None:
    text = "FROM busybox\nRUN echo both > /x; sleep 0.5\n"
    both = [start(images, text, name) for name in ("left", "right")]
    assert [process.communicate(timeout=120) and process.returncode for process in both] == [0, 0]
    left, right = (images.store.image(name) for name in ("left", "right"))
    assert left.digest == right.digest


def test_a_closed_lab_builds_nothing(images: Images) -> None:
    from pyctr_lab import Lab

    with Lab(private=True) as lab:
        other = Images(lab, images.store)
        other.trees.show()
    with pytest.raises(Gone, match=r"Containerfile:2: .*closed"):
        other.build("FROM busybox\nRUN echo never-run\n", name="never")
