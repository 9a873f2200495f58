"""What PYCTR_* may be: each wrong value is named in one line, and what follows from the right ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

WRONG = {
    "PYCTR_MEMORY": ("abc", "0", "-1", "1e9", "511", "99999999999", "9" * 2000),
    "PYCTR_CPUS": ("0", "two", "2.5"),
    "PYCTR_PORT": ("70000", "0", "80", "http", "8888;reboot", "8888\n9999"),
    "PYCTR_NODES": ("0", "100", "-3"),
    "PYCTR_UID": ("0", "99999", "student"),
    "PYCTR_PROVIDER": ("vmware", "docker", "x" * 2000),
    "PYCTR_DRIVER": ("tcg",),
    "PYCTR_SHARE": ("sshfs",),
    "PYCTR_SETUP": ("all",),
    "PYCTR_CPU_MODEL": ("qemu64", "kvm32"),
    "PYCTR_GROUPS": ("course; reboot", "nothing"),
    "PYCTR_CA_FILE": ("/no/such/file", "/tmp"),
    "PYCTR_WHEELS": ("/no/such/folder",),
    "PYCTR_DEBS": ("/no/such/folder", "/etc/passwd"),
}
CASES = [(name, value) for name, values in WRONG.items() for value in values]

SAY = """
def say(env)
  asked = PyctrLab::Settings.new(env, Dir.pwd).check
  puts JSON.generate(yield(asked))
rescue PyctrLab::BadValue => error
  puts JSON.generate(error.error_message)
end
"""


@pytest.fixture(scope="module")
def answers(ruby) -> dict[tuple[str, str], str]:
    said = ruby(
        SAY + "JSON.parse(ARGV[0]).each { |name, value| say({ name => value }) { 'taken' } }", json.dumps(CASES)
    )
    return dict(zip(CASES, said, strict=True))


@pytest.mark.parametrize(("name", "value"), CASES, ids=[f"{name}={value[:20]!r}" for name, value in CASES])
def test_a_wrong_value_is_named_in_one_line(answers, name: str, value: str) -> None:
    said = answers[name, value]
    assert said.startswith(f"{name}=")
    assert "\n" not in said
    assert len(said) < 300


def test_what_is_empty_is_as_good_as_unset(ruby) -> None:
    shown = "say(env) { |asked| [asked.memory, asked.cpus, asked.port, asked.nodes, asked.box, asked.groups] }"
    unset, empty = ruby(
        SAY + "[{}, JSON.parse(ARGV[0])].each { |env| " + shown + " }", json.dumps(dict.fromkeys(WRONG, ""))
    )
    assert unset == empty == [2048, 2, 8888, 1, None, None]


def test_an_emulated_processor_is_alone_unless_somebody_asks(ruby) -> None:
    script = "[{}, { 'PYCTR_CPUS' => '4' }].each { |env| say(env) { |asked| asked.cpus(emulated: true) } }"
    assert ruby(SAY + script) == [1, 4]


def test_each_provider_shares_the_folder_its_own_way(ruby) -> None:
    script = (
        SAY + "%w[libvirt virtualbox vmware_desktop parallels].each { |name| say({}) { |it| it.folder_for(name) } }"
    )
    kinds = [folder.get("type") for folder in ruby(script)]
    assert kinds == ["virtiofs", None, None, None]


def test_a_folder_can_be_left_unshared(ruby) -> None:
    assert ruby(SAY + "say({ 'PYCTR_SHARE' => 'none' }) { |asked| asked.folder_for('libvirt') }") == [None]


def test_bundles_are_used_where_they_lie(ruby, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    script = SAY + "say({ 'PYCTR_WHEELS' => ARGV[0] }) { |asked| asked.wheels }"
    assert ruby(script, tmp_path / "wheels") == [str(tmp_path / "wheels")]


def test_an_emulated_processor_is_one_that_numpy_and_kvm_can_use(ruby) -> None:
    shown = "say({ 'PYCTR_CPU_MODEL' => model }) { |asked| [asked.cpu_model, asked.cpu_features] }"
    default, other = ruby(SAY + "['', 'Nehalem'].each { |model| " + shown + " }")
    assert default[0] == "Opteron_G3" and {"sse4.2", "ssse3", "npt"} <= default[1].keys()
    assert other == ["Nehalem", {}]
