"""Names of images: each part where it belongs, and in one line why something is none."""

from __future__ import annotations

import pytest

from pyctr_lab.errors import BadInput
from pyctr_lab.images.references import Reference, check_address, check_repository, check_tag, check_version

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("web", ("", "web", "latest", "")),
        ("web:1", ("", "web", "1", "")),
        ("team/web:1.0-rc_2", ("", "team/web", "1.0-rc_2", "")),
        ("127.0.0.1:5000/team/web:1", ("127.0.0.1:5000", "team/web", "1", "")),
        ("127.0.0.1:5000/web", ("127.0.0.1:5000", "web", "latest", "")),
        (f"web@{DIGEST}", ("", "web", "", DIGEST)),
        (f"reg.example/web:1@{DIGEST}", ("reg.example", "web", "1", DIGEST)),
        ("localhost/web", ("localhost", "web", "latest", "")),
        ("localhost:5000/web", ("localhost:5000", "web", "latest", "")),
        ("reg/web", ("", "reg/web", "latest", "")),
        ("docker://reg.example/web:1", ("reg.example", "web", "1", "")),
        ("Reg.Example.org/a/b/c", ("Reg.Example.org", "a/b/c", "latest", "")),
        ("[::1]:5000/web", ("[::1]:5000", "web", "latest", "")),
        ("0/a-b.c_d__e---f", ("", "0/a-b.c_d__e---f", "latest", "")),
        ("web:" + "x" * 128, ("", "web", "x" * 128, "")),
        ("w" * 255, ("", "w" * 255, "latest", "")),
        ("localhost", ("", "localhost", "latest", "")),
    ],
)
def test_the_parts_of_a_name(written: str, parts: tuple[str, ...]) -> None:
    found = Reference.read(written)
    assert (found.registry, found.repository, found.tag, found.digest) == parts
    assert Reference.read(str(found)) == found
    assert found.version == (parts[3] or parts[2])


@pytest.mark.parametrize(
    "written",
    [
        "", " ", "Web", "WEB:1", "team/Web", "..", "../web", "a/../b", "a..b", ".web", "web.", "-web", "web-", "_web",
        "a___b", "a._b", "/web", "web/", "a//b", " web", "web ", "we b", "web:", "web: 1", "web:.1", "web:-1",
        "web:1:2", "web:" + "x" * 129, "web@", "web@sha256:", "web@sha256:12", f"web@{DIGEST.upper()}",
        f"web@{DIGEST}0", f"web@sha512:{'0' * 128}", f"web@{DIGEST}@{DIGEST}", f"{DIGEST[7:]}", "w" * 256, "x" * 2000,
        "a/" * 1000 + "b", "wеb", "ｗeb", "web：1", "web\n", "web:1\n", "web\0", "\ud800", "wéb", "web:é", "web:١", "٣",
        "\u200bweb", "we\u0301b", "127.0.0.1:0/web", "127.0.0.1:65536/web", "127.0.0.1:x/web", "127.0.0.1:/web",
        "-a.b/web", "a..b:1/web", ":5000/web", "user@host/web", "http://host/web", "docker://web", "docker://reg/web",
        "docker://", "docker:///web", "reg:5000/", "host.example/", "a?b", "a#b", "a%2fb", "a\\b", "a;b", "$a", "~a",
        "a/*", "host_x:5/web", "127.0.0.1:5000/" + "w" * 250, None, 5, b"web", ["web"],
    ],
    ids=lambda written: ascii(written)[:30].replace("\\", ""),
)  # fmt: skip
def test_what_is_no_name_is_refused_in_a_line(written: object) -> None:
    with pytest.raises(BadInput) as why:
        Reference.read(written)
    said = str(why.value)
    assert said.isprintable() and len(said) < 300


def test_an_upper_case_name_is_corrected() -> None:
    with pytest.raises(BadInput, match="lower case only: 'team/web'"):
        Reference.read("Team/Web:1")


def test_parts_are_checked_alone() -> None:
    assert check_repository("a/b") == "a/b" and check_tag("1") == "1" and check_address("a:1") == "a:1"
    assert check_version("1") == "1" and check_version(DIGEST) == DIGEST
    for check in (check_repository, check_tag, check_address, check_version):
        for wrong in ("", "a:b:c", "a b", None, 5, "é", "x" * 5000, "[::::]:1", "x" * 64 + ".y.z:1:"):
            with pytest.raises(BadInput):
                check(wrong)
