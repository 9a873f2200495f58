"""6.2, 6.5 and 6.6: deeds with the learner's own images and volumes, in other ways than the solution's."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from pyctr_lab import Lab, Unsupported
from pyctr_lab.course import exercises
from pyctr_lab.course.grading import whole
from pyctr_lab.course.lessons.kit import images as kit

pytestmark = pytest.mark.skipif(not shutil.which("busybox"), reason="images are of busybox")


def test_62_a_secret_is_found_wherever_it_lies(lab: Lab) -> None:
    ground = exercises.start("6.2", lab)
    values, context = whole(ground).values, Path(ground.facts["context"])
    seal = context / "seal"
    seal.write_text(f"{hashlib.sha256((context / 'token').read_bytes()).hexdigest()}  token\n")
    seal.chmod(int(values["mode"], 8))
    lines = f"FROM busybox\nCOPY seal {values['path']}\nUSER {values['uid']}:7\n"
    for more, where in ((f"ENV T={values['token']}\n", "configuration"), ("COPY token /t\n", "layer")):
        lab.images.build(lines + more, name=values["name"], context=context)
        verdict = exercises.check("6.2")
        assert [each.met for each in verdict.requirements] == [True] * 4 + [False], verdict
        assert f"the token is in its {where}" in str(verdict)
    lab.images.build(lines, name=values["name"], context=context)
    assert exercises.check("6.2").passed
    lab.images.build(lines.replace("busybox", "scratch"), name=values["name"], context=context)
    assert "do not begin with those of busybox" in str(exercises.check("6.2"))
    exercises.reset("6.2")
    assert values["name"] not in {image.name.partition(":")[0] for image in lab.images.ls()} and not context.exists()


def test_65_the_id_of_an_image_pins_too_and_what_has_ended_does_not_run(lab: Lab) -> None:
    ground = exercises.start("6.5", lab)
    image = lab.images.store.image(ground.facts["tested"])
    lab.run(["true"], image=image.digest)
    assert exercises.check("6.5").state.failed
    program = lab.start(["sleep", "1000"], image=image.id)
    assert exercises.check("6.5").passed
    program.kill()
    program.wait()
    verdict = exercises.check("6.5")
    assert verdict.state.failed and "has no process of the lab" in str(verdict)


def test_65_a_tag_that_was_put_back_can_be_given_back(lab: Lab) -> None:
    ground = exercises.start("6.5", lab)
    tag, names = whole(ground).values["tag"], ground.facts["names"]
    lab.images.tag(ground.facts["tested"], tag)
    lab.start(["sleep", "1000"], image=tag)
    verdict = exercises.check("6.5")
    assert verdict.misconception == "M4" and "lab.images.tag(digest, name)" in " ".join(str(verdict).split())
    lab.images.tag(names[tag], tag)
    assert exercises.check("6.5").passed


def test_65_a_reset_takes_its_names_and_blobs_and_no_others(lab: Lab) -> None:
    lab.images.tag("busybox", "kept")
    ground = exercises.start("6.5", lab)
    blobs = {blob.digest for name in ground.facts["names"] for blob in lab.images.store.image(name).blobs}
    exercises.reset("6.5")
    assert not set(ground.facts["names"]) & lab.images.store.names().keys()
    left = {f"sha256:{name}" for name in kit.blob_names(lab.images.store.layout)}
    assert left >= {blob.digest for blob in lab.images.store.image("kept").blobs}
    assert left & blobs == {layer.digest for layer in lab.images.store.image("kept").manifest.layers}
    lab.images.rm("kept")


def test_66_the_draft_may_have_another_name_and_a_file_beside_the_volume_does_not_count(lab: Lab) -> None:
    ground = exercises.start("6.6", lab)
    volume, place = ground.values["volume"], ground.values["place"]
    text = ground.held["first"].run(["cat", "/root/draft"]).stdout.strip()
    ground.held["first"].kill()
    recipe = lab.images.volumes.recipe(lab.recipe(image="busybox"), {volume: place})
    aside = lab.start(["sh", "-c", f"echo {text} > /root/draft; sleep 1000"], recipe=recipe)
    assert exercises.check("6.6").misconception == "M1"
    lab.run(["sh", "-c", f"echo {text} > {place}/any-name"], recipe=recipe)
    assert exercises.check("6.6").passed
    assert not Path(f"/proc/{aside.machine_pid}/root{place}/draft").exists()
    exercises.reset("6.6")
    assert volume not in lab.images.volumes.names() and not aside.alive


def test_without_busybox_the_remedy_is_said(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    exercises.reset("6.5")
    monkeypatch.setattr(kit.shutil, "which", lambda name: None)
    with pytest.raises(Unsupported, match=r"\./lab packages machine"):
        exercises.start("6.5", lab)
