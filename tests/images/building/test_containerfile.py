from __future__ import annotations

from pathlib import Path

import pytest

from pyctr_lab.errors import BadInput
from pyctr_lab.images.building.containerfile import parse_containerfile, read_steps
from pyctr_lab.images.building.steps import BaseImage, BuildArgument, BuildStep, CopyFiles, ImageSetting, RunCommand

SECOND = 10**9


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("FROM scratch", BaseImage("scratch")),
        ("from busybox:1", BaseImage("busybox:1")),
        ("  FROM\tbusybox@sha256:0", BaseImage("busybox@sha256:0")),
        ("RUN echo  'a  b'", RunCommand("echo  'a  b'")),
        ('RUN ["echo", "$x"]', RunCommand(("echo", "$x"))),
        ("RUN [ -f /x ] && echo", RunCommand("[ -f /x ] && echo")),
        ("RUN echo $((1<<2)) <<<a", RunCommand("echo $((1<<2)) <<<a")),
        ("COPY a b /c/", CopyFiles(("a", "b"), "/c/")),
        ('COPY ["a b", "/c d"]', CopyFiles(("a b",), "/c d")),
        ("COPY --chown=1:$g a /c", CopyFiles(("a",), "/c", "1:$g")),
        ("ADD a.tar /", CopyFiles(("a.tar",), "/", unpack=True)),
        ("ENV a=b", ImageSetting("ENV", {"a": "b"})),
        ("ENV a b c", ImageSetting("ENV", {"a": "b c"})),
        ("ENV a=b c='d e'", ImageSetting("ENV", {"a": "b", "c": "'d e'"})),
        ('ENV f="g h" i=j\\ k', ImageSetting("ENV", {"f": '"g h"', "i": "j\\ k"})),
        ("ENV a=b=c d=", ImageSetting("ENV", {"a": "b=c", "d": ""})),
        ('LABEL "a b"=c', ImageSetting("LABEL", {'"a b"': "c"})),
        ("ARG a", BuildArgument("a")),
        ("ARG a=", BuildArgument("a", "")),
        ("ARG a=$b", BuildArgument("a", "$b")),
        ("WORKDIR /a b", ImageSetting("WORKDIR", "/a b")),
        ("USER www:$g", ImageSetting("USER", "www:$g")),
        ("CMD ls -l", ImageSetting("CMD", "ls -l")),
        ('CMD ["ls", "-l"]', ImageSetting("CMD", ("ls", "-l"))),
        ("ENTRYPOINT []", ImageSetting("ENTRYPOINT", ())),
        ("EXPOSE 80 53/udp", ImageSetting("EXPOSE", ("80", "53/udp"))),
        ('VOLUME ["/a b"]', ImageSetting("VOLUME", ("/a b",))),
        ("VOLUME /a /b", ImageSetting("VOLUME", ("/a", "/b"))),
        ('SHELL ["/bin/ash", "-c"]', ImageSetting("SHELL", ("/bin/ash", "-c"))),
        ("STOPSIGNAL SIGINT", ImageSetting("STOPSIGNAL", "SIGINT")),
        ("HEALTHCHECK NONE", ImageSetting("HEALTHCHECK", {"Test": ("NONE",)})),
        (
            "HEALTHCHECK --interval=1m30s --timeout=500ms --retries=2 CMD wget -q x",
            ImageSetting(
                "HEALTHCHECK",
                {"Test": ("CMD-SHELL", "wget -q x"), "Interval": 90 * SECOND, "Timeout": SECOND // 2, "Retries": 2},
            ),
        ),
        ('HEALTHCHECK CMD ["a"]', ImageSetting("HEALTHCHECK", {"Test": ("CMD", "a")})),
    ],
)
def test_a_line_is_a_step(line: str, step: BuildStep) -> None:
    assert parse_containerfile(line) == (step,)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("FORM scratch", "'FORM' is no instruction"),
        ("MAINTAINER me", "MAINTAINER is not supported"),
        ("ONBUILD RUN a", "ONBUILD is not supported"),
        ("FROM a AS b", "stages"),
        ("FROM a b", "one image"),
        ("FROM --platform=linux/arm64 a", "--platform"),
        ("RUN", "needs a value"),
        ("RUN --mount=type=cache a", "--mount"),
        ("RUN cat <<EOF > x", "<<"),
        ("COPY <<EOF /x", "<<"),
        ("COPY a", "where to"),
        ("COPY --from=b a /", "--from"),
        ("COPY --chown a /", "--chown"),
        ("ADD https://a/b /", "address"),
        ("ADD git@a:b /", "address"),
        ('COPY [1, "/"]', "quotation marks"),
        ("ENV a", "has no value"),
        ("ENV a=b c", "NAME=VALUE"),
        ("ENV =b", "NAME=VALUE"),
        ("ENV a='b", "lacks a '"),
        ("ARG 1=2", "no variable's name"),
        ("SHELL /bin/sh", "list of words"),
        ("RUN []", "list of words"),
        ("HEALTHCHECK ls", "NONE, or CMD"),
        ("HEALTHCHECK --interval=x CMD a", "--interval cannot be 'x'"),
        ("HEALTHCHECK --retries=0 CMD a", "--retries cannot be '0'"),
        ("USER a\0", "NUL"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_its_file(line: str, said: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_containerfile(f"# a comment\n\nFROM scratch\n{line}\n", "web.file")
    assert str(refused.value).startswith("web.file:4: ") and said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_lines_go_on_and_comments_do_not_count() -> None:
    text = "\ufeff# syntax=docker/dockerfile:1\r\nFROM a\nRUN one && \\  \n  # not this \\\n\n   two\n\n# end\n"
    steps = parse_containerfile(text + "RUN three\\\\\nRUN four \\")
    commands = [step.command for step in steps if isinstance(step, RunCommand)]
    assert commands == ["one &&    two", "three\\\\", "four"]
    assert [step.place for step in steps] == [f"Containerfile:{line}" for line in (2, 3, 9, 10)]


def test_the_escape_sign_may_be_another() -> None:
    _, copy = parse_containerfile("# escape=`\nFROM a\nCOPY c:\\ `\n  /`$x\n")
    assert isinstance(copy, CopyFiles) and copy == CopyFiles(("c:\\",), "/`$x")
    assert copy.expanded({"x": "no"}) == CopyFiles(("c:\\",), "/$x")


def test_a_directive_behind_a_comment_is_a_comment() -> None:
    (step,) = parse_containerfile("# about\n# escape=`\nRUN a \\\n b\n")
    assert step == RunCommand("a  b")


def test_one_line_is_several_arguments() -> None:
    assert parse_containerfile("ARG a b=c") == (BuildArgument("a"), BuildArgument("b", "c"))


def test_variables_are_expanded_where_docker_does() -> None:
    lines = "FROM $x\nENV a=$x\nLABEL l$x=$x\nEXPOSE $p\nWORKDIR /$x\nUSER $x\nVOLUME /$x\nCOPY $x /$x\n"
    literal = "RUN $x\nCMD $x\nENTRYPOINT $x\nHEALTHCHECK CMD $x\n"
    shown = [str(step.expanded({"x": "v", "p": "80 81"})) for step in parse_containerfile(lines + literal)]
    assert shown == [
        "FROM v", "ENV a=v", "LABEL lv=v", "EXPOSE 80 81", "WORKDIR /v", "USER v", 'VOLUME ["/v"]', "COPY v /v",
        "RUN $x", "CMD $x", "ENTRYPOINT $x", 'HEALTHCHECK Test=["CMD-SHELL", "$x"]',
    ]  # fmt: skip


# --- what is built
def test_a_text_a_file_and_its_folder_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a\n")
    assert read_steps("FROM a\n") == ((BaseImage("a"),), None)
    assert read_steps(tmp_path) == read_steps(str(tmp_path / "Dockerfile")) == ((BaseImage("a"),), tmp_path)
    assert read_steps([BaseImage("a")]) == ((BaseImage("a"),), None)


def test_what_cannot_be_built_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"FROM caf\xe9\n")
    for wrong, said in ((tmp_path, "No such file"), (tmp_path / "latin", "UTF-8"), ([1], "BuildStep"), (5, "list")):
        with pytest.raises(BadInput, match=said):
            read_steps(wrong)  # type: ignore[arg-type]
