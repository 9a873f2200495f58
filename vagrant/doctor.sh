#!/bin/sh
# ./lab vm doctor: report what prevents a machine on this computer, and the remedy. Each finding is a line; the exit
# status is 1 if something prevents it, 0 with notes only.
#
# Files are read below PYCTR_DOCTOR_ROOT (empty: this computer) and commands found on PATH, so that a test can fake both.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${PYCTR_DOCTOR_ROOT:-}
memory=${PYCTR_MEMORY:-2048} port=${PYCTR_PORT:-8888} nodes=${PYCTR_NODES:-1}
wanted=${PYCTR_PROVIDER:-${VAGRANT_DEFAULT_PROVIDER:-}}
all_providers='libvirt virtualbox parallels vmware_desktop qemu'
disk=8000 # MB: a box and the 5 GB that a machine fills
hinders=0

case ${1-} in
    '') ;;
    *) echo 'usage: ./lab vm doctor   (PYCTR_PROVIDER, PYCTR_MEMORY, PYCTR_PORT are minded)' && exit 2 ;;
esac

# ------------------------------------------------------------------------------------------------------------ output

line() { printf '%-8s  %-14s  %s\n' "$1" "$2" "$3"; }

ok() { line ok "$1" "$2"; }

way_out() { printf '%-8s  %-14s  way out: %s\n' '' '' "$1"; }

note() { line note "$1" "$2" && way_out "$3"; }

hinder() {
    hinders=$((hinders + 1))
    line HINDERS "$1" "$2"
    way_out "$3"
}

has() { command -v "$1" >/dev/null 2>&1; }

system=$(uname -s)
processor=$(uname -m)
is_linux() { [ "$system" = Linux ]; }
is_macos() { [ "$system" = Darwin ]; }
is_arm() { case $processor in arm64 | aarch64) true ;; *) false ;; esac }

# ----------------------------------------------------------------------------------------------- Vagrant, providers

check_system() {
    case $system in
        Linux)
            ! grep -qi microsoft "$root/proc/version" 2>/dev/null ||
                note system "this is Linux inside Windows (WSL)" "run vagrant in Windows itself: PowerShell, in vagrant/"
            ;;
        Darwin) ;;
        *) note system "$system is known to this doctor only from outside" "vagrant/README.md has a table for Windows" ;;
    esac
}

check_vagrant() {
    if ! has vagrant; then
        hinder vagrant "not installed" "$(how_to_install_vagrant)"
        return
    fi
    version=$(vagrant --version 2>/dev/null | sed 's/[^0-9]*//')
    case $version in
        '') hinder vagrant "does not start" "vagrant --version shows why; install it again" ;;
        0.* | 1.* | 2.[012].*) hinder vagrant "$version is too old" "2.3 or newer; $(how_to_install_vagrant)" ;;
        *) ok vagrant "$version" ;;
    esac
    plugins=$(vagrant plugin list 2>/dev/null)
}

how_to_install_vagrant() {
    if is_macos; then
        echo "brew install --cask vagrant, or the package of HashiCorp"
    elif has apt-get; then
        echo "./lab packages vm (Debian's, with libvirt), or HashiCorp's package"
    else
        echo "your distribution's package vagrant, or HashiCorp's"
    fi
}

has_plugin() { printf '%s\n' "${plugins-}" | grep -q "^$1 "; }

# What a provider lacks, as "what|way out"; nothing if it is whole.
lacks_libvirt() {
    has virsh || { echo "libvirt is missing|./lab packages vm, or your distribution's libvirt and QEMU" && return; }
    has_plugin vagrant-libvirt ||
        { echo "the plugin is missing|vagrant plugin install vagrant-libvirt (Debian's package: vagrant-libvirt)" && return; }
    virsh --quiet --connect qemu:///system list >/dev/null 2>&1 || echo "libvirt does not answer you|$(libvirt_silent)"
}

libvirt_silent() {
    if [ -S "$root/run/libvirt/libvirt-sock" ] || [ -S "$root/var/run/libvirt/libvirt-sock" ]; then
        echo "join its group: sudo usermod --append --groups libvirt $(id -un); then log out and in"
    else
        echo "start it: sudo systemctl start libvirtd (or virtqemud)"
    fi
}

lacks_virtualbox() { has VBoxManage || echo "VirtualBox is missing|install it; on Apple's processors 7.1 or newer"; }

lacks_parallels() {
    has prlctl || { echo "Parallels Desktop is missing|install it (Pro or Business)" && return; }
    has_plugin vagrant-parallels || echo "the plugin is missing|vagrant plugin install vagrant-parallels"
}

lacks_vmware_desktop() {
    has vmrun || [ -d "$root/Applications/VMware Fusion.app" ] ||
        { echo "VMware is missing|install VMware Workstation or Fusion, and the Vagrant VMware Utility" && return; }
    has_plugin vagrant-vmware-desktop || echo "the plugin is missing|vagrant plugin install vagrant-vmware-desktop"
}

lacks_qemu() {
    if is_arm; then binary=qemu-system-aarch64; else binary=qemu-system-x86_64; fi
    has $binary || { echo "$binary is missing|install QEMU (brew install qemu)" && return; }
    has_plugin vagrant-qemu || echo "the plugin is missing|vagrant plugin install vagrant-qemu"
}

# A chosen provider must be complete. Otherwise any complete one will do; if there is none, print what each lacks.
check_providers() {
    provider='' lacking=''
    has vagrant || return 0
    for name in ${wanted:-$all_providers}; do
        case " $all_providers " in *" $name "*) ;; *)
            hinder provider "'$name' is not one the course knows" "PYCTR_PROVIDER: one of $all_providers"
            continue
            ;;
        esac
        lack=$("lacks_$name")
        if [ -z "$lack" ]; then
            ok "$name" "is here"
            provider=${provider:-$name}
        else
            lacking="$lacking$name|$lack
"
        fi
    done
    [ -z "$provider" ] && [ -n "$lacking" ] || return 0
    [ -n "$wanted" ] || hinder provider "none is whole; one is enough:" "one of these lines"
    printf '%s' "$lacking" | while IFS='|' read -r name what how; do
        if [ -n "$wanted" ]; then hinder "$name" "$what" "$how"; else note "$name" "$what" "$how"; fi
    done
    hinders=$((hinders + 1)) # the loop counts in a subshell
}

# ------------------------------------------------------------------------------------------------- virtualisation

check_virtualisation() {
    if is_macos; then
        check_hv
    elif is_linux; then
        check_flags && check_kvm
    fi
}

check_hv() {
    if [ "$(sysctl -n kern.hv_support 2>/dev/null)" = 1 ]; then
        ok virtualisation "offered by the processor and by macOS"
    else
        hinder virtualisation "macOS offers none (kern.hv_support is not 1)" \
            "a Mac since about 2010 has it; inside another machine, switch nested virtualisation on there"
    fi
}

# Without help of the processor QEMU does everything itself, twenty times slower; VirtualBox and others do nothing.
check_flags() {
    is_arm && return 0
    if grep -qE '^flags.* (vmx|svm)( |$)' "$root/proc/cpuinfo" 2>/dev/null; then return 0; fi
    if grep -qE '^flags.* hypervisor( |$)' "$root/proc/cpuinfo" 2>/dev/null; then
        what="this computer is itself a virtual machine, and passes no virtualisation on"
        how="switch nested virtualisation on in the outer one"
    else
        what="the processor shows none: switched off in the firmware"
        how="switch on Intel VT-x or AMD-V (SVM) in the firmware's settings (BIOS/UEFI), then start anew"
    fi
    if emulates; then
        note virtualisation "$what; software emulation is used, about 20 times slower" "$how"
    else
        hinder virtualisation "$what" "$how; or libvirt, which can emulate: PYCTR_PROVIDER=libvirt"
    fi
    return 1
}

emulates() { case ${provider:-$wanted} in libvirt | qemu | '') true ;; *) false ;; esac }

check_kvm() {
    case ${provider:-$wanted} in virtualbox | vmware_desktop | parallels) ok virtualisation "offered by the processor" && return ;; esac
    kvm=$root/dev/kvm
    if [ ! -e "$kvm" ]; then
        note virtualisation "the processor offers it, but there is no /dev/kvm; software emulation is used" \
            "sudo modprobe kvm_intel (or kvm_amd); if that fails, the firmware's settings forbid it"
    elif [ "$provider" = libvirt ]; then
        ok virtualisation "/dev/kvm is there, and libvirt's daemon opens it"
    elif [ ! -r "$kvm" ] || [ ! -w "$kvm" ]; then
        note virtualisation "/dev/kvm is not yours to open; software emulation is used" \
            "sudo usermod --append --groups kvm $(id -un); then log out and in"
    else
        ok virtualisation "/dev/kvm can be opened"
    fi
}

# Two hypervisors do not share a processor's extension. KVM holds it from Linux 6.12 on as soon as its module is loaded.
check_others() {
    is_linux || { check_hyperv && return; }
    [ "${provider:-$wanted}" = virtualbox ] || { check_vboxdrv && return; }
    loaded=$(sed -nE 's/^(kvm_intel|kvm_amd) .*/\1/p' "$root/proc/modules" 2>/dev/null)
    [ -n "$loaded" ] || return 0
    hold=$(cat "$root/sys/module/kvm/parameters/enable_virt_at_load" 2>/dev/null || echo N)
    users=$(sed -n "s/^$loaded [0-9]* \([0-9]*\) .*/\1/p" "$root/proc/modules")
    [ "$hold" = Y ] || [ "${users:-0}" -gt 0 ] || return 0
    hinder hypervisors "KVM holds the processor's extension, which VirtualBox needs ($loaded)" \
        "end machines of KVM, then: sudo modprobe --remove $loaded kvm; or use libvirt"
}

check_vboxdrv() {
    users=$(sed -n 's/^vboxdrv [0-9]* \([0-9]*\) .*/\1/p' "$root/proc/modules" 2>/dev/null)
    [ "${users:-0}" -gt 2 ] || return 0 # two are its own network modules
    note hypervisors "a machine of VirtualBox seems to run, and holds the processor's extension" "end it first"
}

check_hyperv() {
    has powershell.exe || return 0
    present=$(powershell.exe -NoProfile -Command '(Get-CimInstance Win32_ComputerSystem).HypervisorPresent' | tr -d '\r')
    [ "$present" = True ] || return 0
    note hypervisors "Hyper-V runs, as WSL 2, Docker Desktop or core isolation ask for; VirtualBox is slow beside it" \
        "as administrator: bcdedit /set hypervisorlaunchtype off, then start anew (auto brings it back)"
}

# ------------------------------------------------------------------------------------------- memory, disk, the port

is_number() { case $1 in '' | *[!0-9]* | 0?* | ??????????*) return 1 ;; esac }

check_numbers() {
    is_number "$memory" && is_number "$nodes" && is_number "$port" && [ "$port" -le 65535 ] && return
    hinder settings "PYCTR_MEMORY=$memory, PYCTR_NODES=$nodes, PYCTR_PORT=$port: not all are numbers" \
        "whole numbers; memory in MiB, a port from 1024 to 65535"
    memory=2048 nodes=1 port=8888
}

free_memory() { # MB
    if is_macos; then
        echo $(($(sysctl -n hw.memsize) / 1048576 / 2)) # macOS does not report available memory; half is a fair guess
    else
        awk '/^MemAvailable:/ { print int($2 / 1024) }' "$root/proc/meminfo" 2>/dev/null
    fi
}

check_memory() {
    need=$((memory + (nodes - 1) * memory / 2 + 300))
    free=$(free_memory)
    is_number "$free" || return 0
    if [ "$free" -ge "$need" ]; then
        ok memory "$free MB free, $need needed"
    else
        hinder memory "$free MB free, $need needed" "close programs, or a smaller machine: PYCTR_MEMORY=1024 ./lab vm"
    fi
}

check_disk() {
    images=$here
    [ "$provider" != libvirt ] || images=/var/lib/libvirt/images
    for folder in "${VAGRANT_HOME:-${HOME:-$here}}" "$here" "$images"; do
        while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
        free=$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1024) }')
        if [ "$free" -ge $disk ]; then continue; fi
        hinder disk "$free MB free at $folder, $disk needed" "make room; VAGRANT_HOME=DIR keeps boxes elsewhere"
        return
    done
    ok disk "$free MB free, $disk needed"
}

taken() {
    if is_linux; then
        hex=$(printf '%04X' "$port")
        cat "$root/proc/net/tcp" "$root/proc/net/tcp6" 2>/dev/null |
            awk -v hex=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == hex { found = 1 } END { exit !found }'
    else
        netstat -an 2>/dev/null | grep -i listen | grep -qE "[.:]${port}[[:space:]]"
    fi
}

# Not when it is the course's own machine that has it.
check_port() {
    if ! taken; then
        ok port "$port is free"
    elif [ -n "$(cat "$here"/.vagrant/pyctr-port 2>/dev/null)" ]; then
        note port "$port is taken, perhaps by the course's own machine" "none is needed; ./lab vm address names the port"
    else
        note port "$port is taken" "none is needed: the next free one is used and named; or PYCTR_PORT=9999 ./lab vm"
    fi
}

check_system
check_vagrant
check_providers
check_virtualisation
check_others
check_numbers
check_memory
check_disk
check_port
if [ $hinders = 0 ]; then echo "nothing hinders: ./lab vm brings the machine up"; else echo "something hinders: see above"; fi
[ $hinders = 0 ]
