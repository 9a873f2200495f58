"""The doctor, on machines made of a few files: each known trouble is named, with its one command."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyctr_lab.cgroups import Tree, places
from pyctr_lab.cgroups.places import GRANT_V2, LIMITED, Delegation, Place
from pyctr_lab.course import cli_doctor, doctor
from pyctr_lab.course.doctor import Diagnosis, ExaminedMachine, networks
from pyctr_lab.course.doctor.equipment import PACKAGES, interpreter
from pyctr_lab.course.doctor.trials import TrialStart
from pyctr_lab.course.syllabus import NUMBERS, lessons_with

PROC = "22 1 0:21 / /proc rw,relatime - proc proc rw\n"
GROUPS = "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
HEALTHY = {
    "/proc/sys/kernel/osrelease": "6.12.0-1-amd64\n",
    "/proc/self/mountinfo": PROC + GROUPS,
    "/proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable:   8000000 kB\n",
    "/proc/self/cgroup": "0::/user\n",
    "/etc/subuid": "learner:100000:65536\n",
    "/etc/subgid": "learner:100000:65536\n",
    "/dev/kvm": "",
    "/sys/fs/cgroup/user/cgroup.procs": "",
}


def allowed(argv: Sequence[str]) -> tuple[int, str]:
    return 0, ""


def refused(said: str) -> Any:
    return lambda argv: (1, said)


def given(style: str, controllers: Sequence[str], offered: Sequence[str] = LIMITED) -> Delegation:
    place = Place(Tree(2, tuple(controllers), "/cg", "/"), "/cg", tuple(controllers))
    return Delegation(style, (place,) if controllers else (), None, frozenset(offered), ("/cg/memory",))


def machine(tmp_path: Path, files: dict[str, str] | None = None, **differences: Any) -> ExaminedMachine:
    for name, text in {**HEALTHY, **(files or {})}.items():
        place = tmp_path / name.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    made = ExaminedMachine(root=tmp_path, ask=allowed, which=lambda name: f"/usr/bin/{name}", uid=1000, user="learner",
                   system="linux", python="/usr/bin/python3", free_bytes=lambda: 50 << 30,
                   delegation=lambda: given("v2", LIMITED), started=lambda: TrialStart(ids=65536),
                   mapped=lambda: (65536, ""), entered=lambda found: "", lacking=lambda: (),
                   open_files=lambda: (1024, 4096), tried_networks=dict)  # fmt: skip
    return replace(made, **differences)


def troubles(examined: ExaminedMachine) -> dict[str, Diagnosis]:
    return {each.name: each for each in doctor.examine(examined) if each.state != "fine"}


def test_a_healthy_machine_blocks_nothing(tmp_path: Path) -> None:
    examined = doctor.examine(machine(tmp_path))
    assert (troubles(machine(tmp_path)), examined.blocked) == ({}, ())
    assert examined.title == "This machine can do every lesson that there is"


@pytest.mark.parametrize(
    ("files", "said", "why", "fix"),
    [
        ({"/proc/sys/user/max_user_namespaces": "0\n"}, "unshare 268435456 28", "max_user_namespaces",
         "sudo sysctl -w user.max_user_namespaces=15000"),
        ({"/proc/sys/kernel/unprivileged_userns_clone": "0\n"}, "unshare 268435456 1", "unprivileged_userns_clone",
         "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
        ({"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}, "unshare 67108864 1", "AppArmor",
         'sudo sh -c "tee /etc/apparmor.d/pyctr-lab'),
        ({"/.dockerenv": ""}, "unshare 268435456 1", "seccomp", "docker run --security-opt seccomp=unconfined"),
        ({}, "unshare 268435456 1", "refused by the kernel or a security module", "dmesg | tail"),
    ],
)  # fmt: skip
def test_who_forbids_user_namespaces_is_named(
    tmp_path: Path, files: dict[str, str], said: str, why: str, fix: str
) -> None:
    found = troubles(machine(tmp_path, files, ask=refused(said)))["user namespaces"]
    assert why in found.why
    assert found.fix.startswith(fix)
    assert (found.state, found.blocks) == ("missing", NUMBERS)


def test_a_switch_that_forbids_nothing_is_not_blamed(tmp_path: Path) -> None:
    restricted = {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}
    assert "user namespaces" not in troubles(machine(tmp_path, restricted)), "found by trying, not by a sysctl"


def test_the_apparmor_profile_is_for_the_courses_own_interpreter(tmp_path: Path) -> None:
    restricted = {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}
    fix = troubles(machine(tmp_path, restricted, ask=refused("unshare 67108864 1")))["user namespaces"].fix
    profile = fix.split("\n")
    assert f"profile pyctr-lab {Path('/usr/bin/python3').resolve()} flags=(unconfined) {{" in profile
    assert "  userns," in profile
    assert subprocess.run(["sh", "-n"], input=fix, text=True).returncode == 0


def test_a_covered_proc_is_found_in_mountinfo(tmp_path: Path) -> None:
    covered = {
        "/proc/self/mountinfo": PROC + GROUPS + "31 22 0:30 / /proc/kcore rw - tmpfs tmpfs rw\n",
        "/.dockerenv": "",
    }
    found = troubles(machine(tmp_path, covered, ask=refused("mount proc 1")))
    assert "1 place of it covered (/proc/kcore)" in found["/proc"].why
    assert found["/proc"].fix.startswith("docker run --security-opt systempaths=unconfined")
    assert "no fresh /proc" in found["user namespaces"].why
    assert troubles(machine(tmp_path, covered, uid=0))["/proc"].state == "limited", "root gets round it"
    assert "/proc" not in troubles(machine(tmp_path, covered)), "tried, and it can be mounted: an NFS server's, say"


@pytest.mark.parametrize(
    ("release", "state"),
    [("4.4.0-19041-Microsoft", "missing"), ("5.15.90.1-microsoft-standard-WSL2", "fine"), ("6.12.0", None)],
)
def test_windows_linux_is_told_by_its_release(tmp_path: Path, release: str, state: str | None) -> None:
    findings = doctor.examine(machine(tmp_path, {"/proc/sys/kernel/osrelease": release}))
    assert next((each.state for each in findings if each.name == "WSL"), None) == state


def test_off_linux_and_old_linux(tmp_path: Path) -> None:
    assert troubles(machine(tmp_path, system="darwin"))["Linux"].blocks == NUMBERS
    old = troubles(machine(tmp_path, {"/proc/sys/kernel/osrelease": "5.4.0-generic"}))["Linux"]
    assert (old.state, old.blocks) == ("limited", ("03",))


def one_id(why: str = "newuidmap ended with 1") -> Any:
    return lambda: (0, why)


def test_subordinate_ids(tmp_path: Path) -> None:
    none = troubles(machine(tmp_path, {"/etc/subuid": ""}, mapped=one_id()))["user ids"]
    span = "165536-231071"  # behind the one that /etc/subgid gives away already
    assert none.fix == f"sudo usermod --add-subuids {span} --add-subgids {span} learner"
    both = "learner:100000:65536\nlearner:300000:65536\n"
    empty = machine(tmp_path, {"/etc/subuid": both, "/etc/subgid": ""}, mapped=one_id())
    assert troubles(empty)["user ids"].state == "limited"
    ranges = {"/etc/subuid": HEALTHY["/etc/subuid"]}
    lacks = lambda name: None if name == "newuidmap" else name  # noqa: E731
    assert troubles(machine(tmp_path, ranges, which=lacks, mapped=one_id()))["user ids"].fix == (
        "sudo apt-get install uidmap"
    )


def test_a_range_that_is_not_mapped_when_it_is_tried_is_not_fine(tmp_path: Path) -> None:
    refused = troubles(machine(tmp_path, mapped=one_id("newuidmap: write failed")))["user ids"]
    assert "tried, and refused (newuidmap: write failed)" in refused.why and refused.fix == ""
    bound = {"/proc/self/status": "Name:\tpython3\nNoNewPrivs:\t1\n"}
    assert "no_new_privs" in troubles(machine(tmp_path, bound, mapped=one_id()))["user ids"].why


def test_a_user_without_an_entry_is_told_no_command_that_wants_one(tmp_path: Path, monkeypatch: Any) -> None:
    unknown = machine(tmp_path, {"/etc/subuid": ""}, uid=1234567, user="1234567", mapped=one_id())
    assert "without a passwd entry" in troubles(unknown)["user ids"].why
    monkeypatch.setattr("os.access", lambda path, mode: not str(path).endswith("dev/kvm"))
    assert {troubles(unknown)[name].fix for name in ("user ids", "/dev/kvm")} == {""}


def test_where_there_is_no_sudo_root_is_asked_by_su(tmp_path: Path) -> None:
    lacks = lambda name: None if name in ("sudo", "strace") else name  # noqa: E731
    restricted = {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n"}
    found = troubles(machine(tmp_path, restricted, which=lacks, ask=refused("unshare 67108864 1")))
    assert found["programs"].fix == 'su -c "apt-get install strace"'
    fix = found["user namespaces"].fix
    assert fix.startswith('su -c "tee /etc/apparmor.d/pyctr-lab')
    assert subprocess.run(["sh", "-n"], input=fix, text=True).returncode == 0
    assert troubles(machine(tmp_path, which=lacks, uid=0))["programs"].fix == "apt-get install strace"


@pytest.mark.parametrize(
    ("limits", "fix"),
    [((64, 4096), "ulimit -n 1024"), ((64, 100), "sudo prlimit --pid $$ --nofile=1024"), ((1024, 1024), None)],
)
def test_few_open_files_are_named(limits: tuple[int, int], fix: str | None, tmp_path: Path) -> None:
    found = troubles(machine(tmp_path, open_files=lambda: limits)).get("open files")
    assert (found and found.fix.partition("   #")[0]) == fix
    assert not found or (f"up to {limits[0]}" in found.why and not found.blocks)


def test_newer_calls_that_are_refused_are_named_with_what_is_done_instead(tmp_path: Path) -> None:
    found = troubles(machine(tmp_path, lacking=lambda: ("clone3", "mount_setattr")))["newer calls"]
    assert (found.state, found.blocks) == ("limited", ())
    assert "no clone3 (Linux 5.3): containers are made by fork and unshare" in found.why
    assert "no mount_setattr (Linux 5.12): read-only folders are remounted" in found.why


def test_a_group_that_no_process_enters_is_named(tmp_path: Path) -> None:
    found = groups(tmp_path, given("v2", LIMITED), entered=lambda found: "/cg/x: Permission denied")
    assert found.state == "limited" and "no process enters a group of ours: /cg/x: Permission denied" in found.why


def test_elsewhere_than_on_debian_a_package_manager_is_asked_for(tmp_path: Path) -> None:
    fedora = machine(tmp_path, which=lambda name: None if name in ("strace", "apt-get") else name)
    fix = troubles(fedora)["programs"].fix
    assert fix == "install, with your system's package manager (Debian's names): strace"


def test_a_home_that_is_not_there_is_said(tmp_path: Path) -> None:
    def nowhere() -> int:
        raise FileNotFoundError("/nonexistent")

    assert "/nonexistent" in troubles(machine(tmp_path, free_bytes=nowhere))["disk"].why


def test_slow_starts_are_named_and_block_nothing(tmp_path: Path) -> None:
    slow = TrialStart(ids=65536, slow="memory may not be executable: Operation not permitted")
    found = troubles(machine(tmp_path, started=lambda: slow))["starts"]
    assert (found.state, found.blocks) == ("limited", ()) and "memory may not be executable" in found.why


def test_a_container_that_does_not_start_blocks_all(tmp_path: Path) -> None:
    found = troubles(machine(tmp_path, started=lambda: TrialStart(refused="mount = -1 EPERM")))["starts"]
    assert (found.state, found.blocks) == ("missing", NUMBERS) and "mount = -1 EPERM" in found.why


def groups(tmp_path: Path, found: Delegation, **differences: Any) -> Diagnosis:
    examined = doctor.examine(machine(tmp_path, delegation=lambda: found, **differences))
    return next(each for each in examined if each.name == "cgroups")


@pytest.mark.parametrize(
    ("style", "version"), [("v2", "version 2"), ("v1", "version 1"), ("hybrid", "versions 1 and 2, side by side")]
)
def test_all_that_can_be_limited_is_named(tmp_path: Path, style: str, version: str) -> None:
    found = groups(tmp_path, given(style, LIMITED))
    assert (found.state, found.fix) == ("fine", "")
    assert found.why == f"{version}; tried: can be limited: cpu, memory, pids, io, cpuset"


def test_who_is_the_user_outside_may_lift_his_limits_on_version_1(tmp_path: Path) -> None:
    """Unless version 2 is mounted so that it protects a group, or root has opened the lab."""
    old = Place(Tree(1, ("memory",), "/cg", "/"), "/cg", ("memory",))
    hybrid = Delegation("hybrid", (old,), None, frozenset(LIMITED), ("/cg/memory",))
    found = troubles(machine(tmp_path, delegation=lambda: hybrid))["limits hold"]
    assert found.why.startswith("version 1: a program in a container can lift its own limits") and not found.blocks
    assert "limits hold" not in troubles(machine(tmp_path, delegation=lambda: hybrid, uid=0))
    bare = machine(tmp_path, {"/proc/self/mountinfo": PROC + GROUPS.replace(",nsdelegate", "")})
    assert "without nsdelegate" in troubles(bare)["limits hold"].why


def test_what_cannot_be_limited_is_named_with_its_reason_and_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "has_user_manager", lambda: True)
    some = groups(tmp_path, given("v2", ["memory", "pids"], ["memory", "pids", "cpu", "cpuset"]))
    assert some.state == "limited"
    for_user, for_root = some.fix.split("\n")
    assert for_user == GRANT_V2, "cpu comes with a scope of the user's own"
    assert "user@.service.d/delegate.conf" in for_root and "log in again" in for_root, "cpuset does not"
    assert "io and cpuset need one file written by root" in some.why
    assert "can be limited: memory, pids; not cpu, cpuset (no cgroup with it is delegated" in some.why
    assert "not io (this kernel does not offer it)" in some.why
    nothing = groups(tmp_path, given("hybrid", []))
    assert "can be limited: nothing" in nothing.why and nothing.fix == given("hybrid", []).grant
    in_a_scope = groups(tmp_path, given("v2", ["cpu", "memory", "pids"], LIMITED))
    assert "delegate.conf" in in_a_scope.fix and "\n" not in in_a_scope.fix, "the scope has given what it can"
    old = groups(tmp_path, given("v2", ["cpu", "memory", "pids"], ["cpu", "memory", "pids"]))
    assert old.fix == "", "no command makes a kernel offer more"


def test_without_any_mounted_the_command_mounts_them(tmp_path: Path) -> None:
    assert groups(tmp_path, given("none", [], [])).fix == given("none", [], []).grant


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_program_names_its_package_and_lessons(tmp_path: Path, name: str) -> None:
    lacking = machine(tmp_path, which=lambda asked: None if asked == name else asked)
    found = troubles(lacking)["programs"]
    package, lessons = PACKAGES[name], lessons_with(program=name)
    assert (found.fix, found.blocks) == (f"sudo apt-get install {package}", lessons)


def test_roots_own_interpreter(tmp_path: Path) -> None:
    python = tmp_path / "root/bin/python3"
    python.parent.mkdir(parents=True)
    python.write_text("")
    python.parent.parent.chmod(0o700)
    assert "is closed to others" in troubles(machine(tmp_path, uid=0, python="/root/bin/python3"))["interpreter"].why
    assert "interpreter" not in troubles(machine(tmp_path, python="/root/bin/python3"))


def test_a_name_in_a_closed_folder_is_closed_wherever_it_leads(tmp_path: Path) -> None:
    link = tmp_path / "closed/python3"
    link.parent.mkdir(mode=0o700)
    link.symlink_to("/usr/bin/python3")
    here = replace(machine(tmp_path, uid=0, python=str(link)), root=Path("/"))
    assert "is closed to others" in interpreter(here)[0].why


def test_room_and_hardware(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir(exist_ok=True)
    poor = machine(tmp_path, {"/proc/meminfo": "MemAvailable: 200000 kB\n"}, free_bytes=lambda: 100 << 20)
    (tmp_path / "dev/kvm").unlink()
    assert {"memory", "disk", "/dev/kvm"} <= set(troubles(poor))


def test_a_device_that_is_there_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab of root's has none of root's rights; a user may be missing in the group."""
    examined = machine(tmp_path, uid=0)
    (tmp_path / "dev/kvm").chmod(0o660)
    assert "root's is not root outside" in troubles(examined)["/dev/kvm"].why
    (tmp_path / "dev/kvm").chmod(0o666)
    assert "/dev/kvm" not in troubles(examined)
    monkeypatch.setattr("os.access", lambda path, mode: not str(path).endswith("dev/kvm"))
    assert troubles(machine(tmp_path))["/dev/kvm"].fix.startswith("sudo usermod --append --groups kvm learner")


def test_nothing_at_all_is_no_traceback(tmp_path: Path) -> None:
    empty = machine(tmp_path / "made", which=lambda name: None, ask=lambda argv: (127, "no such command"))
    examined = doctor.examine(replace(empty, root=tmp_path / "nowhere"))
    assert examined.blocked == NUMBERS
    assert "reset" not in repr(examined)


def test_text_and_html_say_the_same_and_every_cure_has_its_reason(tmp_path: Path) -> None:
    examined = doctor.examine(machine(tmp_path, {"/etc/subuid": ""}, which=lambda name: None))
    for each in examined:
        assert each.why in repr(examined)
        assert each.fix.split("\n")[0].replace("&", "&amp;").replace("'", "&#39;").replace("<", "&lt;") in (
            examined._repr_html_().replace("&#x27;", "&#39;")
        )
        assert not each.fix or (each.state != "fine" and each.why)
    assert examined.title == "Something is missing here for lessons " + ", ".join(NUMBERS)


def test_this_machine_is_examined_without_a_word_on_errors(capsys: pytest.CaptureFixture[str]) -> None:
    status = cli_doctor()
    said = capsys.readouterr()
    assert said.err == ""
    assert status == (1 if "Something is missing" in said.out else 0)
    assert "user namespaces" in said.out


@pytest.mark.parametrize(
    ("part", "name", "without", "fix"),
    [
        ("veth", "network cables", "no container can be connected", "sudo modprobe veth"),
        ("bridge", "bridges", "no network can be made", "sudo modprobe bridge"),
        ("packets", "packet sockets", "the others go on", "sudo modprobe af_packet"),
        ("nft", "packet rules", "the others go on", "sudo apt-get install nftables"),
    ],
)
def test_each_part_of_networks_has_its_remedy(tmp_path: Path, part: str, name: str, without: str, fix: str) -> None:
    found = troubles(machine(tmp_path, tried_networks=lambda: {part: "refused"}))
    assert list(found) == [name] and found[name].why.startswith("tried: refused; ") and without in found[name].why
    assert (found[name].fix, found[name].blocks) == (fix, lessons_with(need=networks.NEED) if "no " in without else ())


def test_the_lesson_about_networks_says_that_it_needs_them() -> None:
    assert "05" not in NUMBERS or "05" in lessons_with(need=networks.NEED), 'syllabus: needs=("networks",)'


def test_networks_are_not_tried_where_no_lab_opens(tmp_path: Path) -> None:
    def tried() -> dict[str, str]:
        raise AssertionError("no lab, no network")

    found = troubles(machine(tmp_path, started=lambda: TrialStart(refused="no"), tried_networks=tried))
    assert list(found) == ["starts"]
