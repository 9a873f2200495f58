"""What goes to the machine: the course in one file; the port and the folder that the host gives."""

from __future__ import annotations

import os
import socket
import tarfile
from pathlib import Path

import pytest

MACHINE = """
Shell = Struct.new(:env)
Provisioner = Struct.new(:type, :config)
Vm = Struct.new(:networks, :provisioners)
Ui = Struct.new(:said) { def warn(text) = said << text }
State = Struct.new(:id)
Machine = Struct.new(:provider_name, :state, :env, :config, :ui)
Env = Struct.new(:local_data_path)
def machine(provider, state)
  vm = Vm.new([[:forwarded_port, { id: "ssh", host: 2222 }], [:forwarded_port, { id: "jupyter", host: 8888 }]],
              [Provisioner.new(:file, nil), Provisioner.new(:shell, Shell.new({ "PYCTR_UID" => "7" }))])
  Machine.new(provider, State.new(state), Env.new(Pathname.new(ARGV[0])), Struct.new(:vm).new(vm), Ui.new([]))
end
"""


@pytest.fixture
def packed(ruby, tmp_path: Path) -> tarfile.TarFile:
    """Of a clone with everything that must stay behind, and with odd names that must not."""
    top = tmp_path / "clone"
    for name in (".git/config", ".venv/bin/python", "vagrant/work/mine.ipynb", "vagrant/bundle/wheels/a.whl",
                 "vagrant/bundle-arm64/debs/a.deb",
                 "vagrant/.vagrant/machines/x", "vagrant/a.box", "artefacts/shot.png", "pkg/__pycache__/a.pyc",
                 "lab", "notebooks/00 ünïcode.ipynb", f"deep/{'d' * 90}/{'e' * 90}.txt"):  # fmt: skip
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text("#!/bin/sh\n" if name == "lab" else name)
    (top / "to_nowhere").symlink_to("/etc/passwd")
    ruby("PyctrLab.pack(ARGV[0], ARGV[1])", top, tmp_path / "out" / "course.tar")
    return tarfile.open(tmp_path / "out" / "course.tar")


def test_only_the_course_goes_along(packed: tarfile.TarFile) -> None:
    assert packed.getnames() == [f"deep/{'d' * 90}/{'e' * 90}.txt", "lab", "notebooks/00 ünïcode.ipynb"]


def test_a_script_is_executable_even_if_the_host_knows_no_such_thing(packed: tarfile.TarFile) -> None:
    assert [oct(member.mode) for member in packed] == ["0o644", "0o755", "0o644"]


def test_contents_arrive_whole(packed: tarfile.TarFile) -> None:
    held = packed.extractfile("notebooks/00 ünïcode.ipynb")
    assert held is not None
    assert held.read().decode() == "notebooks/00 ünïcode.ipynb"


def test_nothing_half_written_is_left(packed: tarfile.TarFile) -> None:
    folder = Path(str(packed.name)).parent
    assert [file.name for file in folder.iterdir()] == ["course.tar"]


def taken_port() -> tuple[socket.socket, int]:
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


def test_a_taken_port_is_named_and_the_next_one_used(ruby, tmp_path: Path) -> None:
    listener, port = taken_port()
    script = MACHINE + "m = machine(:libvirt, :not_created); p = PyctrLab.settle_port(m, ARGV[1].to_i)"
    with listener:
        used, said = ruby(script + "; puts [p, m.ui.said].to_json", tmp_path, str(port))[0]
    assert used > port
    assert f"Port {port} of this host is taken" in said[0]
    assert str(used) in said[0]


@pytest.mark.parametrize("state", ["running", "saved"])
def test_a_running_machine_keeps_its_port_and_a_sleeping_one(ruby, tmp_path: Path, state: str) -> None:
    listener, port = taken_port()
    (tmp_path / "pyctr-port").write_text(str(port))
    script = MACHINE + "puts PyctrLab.settle_port(machine(:virtualbox, ARGV[1].to_sym), 8888)"
    with listener:
        assert ruby(script, tmp_path, state) == [port]


@pytest.mark.parametrize(
    ("provider", "door", "tunnel"),
    [("libvirt", "no", "no"), ("virtualbox", "yes", "no"), ("qemu", "yes", "no"), ("parallels", "no", "yes")],
)
def test_the_machine_is_told_the_port_and_how_it_arrives(ruby, tmp_path, provider, door, tunnel) -> None:
    script = MACHINE + "m = machine(ARGV[1].to_sym, :running); PyctrLab.use_port(m, 9001); "
    ports, told = ruby(
        script + "puts [m.config.vm.networks.map { |n| n[1][:host] }, m.config.vm.provisioners[1].config.env].to_json",
        tmp_path,
        provider,
    )[0]
    assert ports == [2222, 9001]
    assert told == {"PYCTR_UID": "7", "PYCTR_PORT": "9001", "PYCTR_DOOR": door, "PYCTR_TUNNEL": tunnel}


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes folders for others")
def test_the_learners_folder_is_the_learners_even_if_root_made_it(ruby, tmp_path: Path) -> None:
    ruby("PyctrLab.make_work_folder(ARGV[0], 1234)", tmp_path / "work")
    assert (tmp_path / "work").stat().st_uid == 1234


def test_workers_that_were_made_are_not_forgotten(ruby, tmp_path: Path) -> None:
    made = tmp_path / "machines" / "worker4" / "libvirt"
    made.mkdir(parents=True)
    (made / "id").write_text("x")
    assert ruby("puts PyctrLab.workers(ARGV[0], 2)", tmp_path) == [4]
    assert ruby("puts PyctrLab.workers(ARGV[0], 1)", tmp_path / "none") == [0]
