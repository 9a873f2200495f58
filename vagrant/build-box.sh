#!/bin/sh
# Make a box for Vagrant from Debian's packages alone: no box registry, no loop device, no running machine. Its root is
# provisioned by the same provision.sh that Vagrant runs, so that the first `vagrant up` finds little to do.
#
# Needs root, and the packages of the group vm in packages.txt (./lab packages vm). The host's own way to Debian's
# archive is used: its sources, if they are of the same suite, and the proxy of apt.conf.
set -eu
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
course=$(dirname "$here")

usage() {
    cat <<'END_OF_USAGE'
vagrant/build-box.sh [OPTIONS]     make a box, and say how to use it
  --output DIR      where the box goes (vagrant/box)
  --name NAME       its name for Vagrant (pyctr-lab)
  --suite SUITE     of Debian (bookworm)
  --provider LIST   libvirt, qemu, virtualbox: one box file for each (libvirt)
  --size GIB        of the disk in the machine (20; the file grows as it is filled)
  --groups LIST     groups of packages.txt (as provision.sh)
  --setup WHAT      course; test: with what the course's own tests need; none: `vagrant up` sets it up (course)
  --wheels DIR      Python packages made on the host: nothing is fetched from inside the box
  --debs DIR        Debian packages, likewise, for the groups; with both, it is set up with the network cut
  --ca FILE         a bundle of certificates to trust
  --sources FILE    apt's sources for the machine
  --kernel WORDS    more words for the kernel's command line
END_OF_USAGE
}

say() { printf 'build-box: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

output=$here/box name=pyctr-lab suite=bookworm providers=libvirt size=20
groups='' setup=course wheels='' debs='' ca=${PYCTR_CA_FILE:-} sources='' kernel=''

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage && exit ;;
            --output | --name | --suite | --provider | --size | --groups | --setup | --wheels | --debs | --ca | \
                --sources | --kernel)
                [ $# -ge 2 ] || die "$1 needs a value; --help says which"
                option=${1#--}
                [ "$option" != provider ] || option=providers
                eval "$option=\$2"
                shift
                ;;
            *) die "unknown option or word: $1; --help says which there are" ;;
        esac
        shift
    done
    case $setup in course | test | none) ;; *) die "--setup is course, test or none, not '$setup'" ;; esac
    case $size in '' | *[!0-9]* | ?????*) die "'$size' is no size: whole GiB" ;; esac
    [ "$size" -ge 6 ] || die "$size GiB are too few: the machine fills 5"
    for provider in $(words "$providers"); do
        case $provider in
            libvirt | qemu | virtualbox) ;;
            *) die "boxes are made for libvirt, qemu and virtualbox, not for $provider" ;;
        esac
    done
}

words() { echo "$1" | tr ',' ' '; }

need() {
    [ "$(id -u)" = 0 ] || die "only root can make the root of a machine; try: sudo $0"
    [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] ||
        die "so far boxes are made on amd64 only; on others use Debian's own box (vagrant up does)"
    missing=$("$course/lab" packages --missing vm | tr '\n' ' ')
    [ -z "$missing" ] || die "missing: $missing; install them: ./lab packages vm"
}

# ---------------------------------------------------------------------------------------------------------- the root

# What boots and is reached: the rest is provisioning's.
base='systemd-sysv dbus libpam-systemd openssh-server sudo python3 python3-venv linux-image-cloud-amd64 initramfs-tools
zstd iproute2 ca-certificates rsync procps kmod udev systemd-resolved less netbase nano'

host_sources() {
    [ -z "$sources" ] || { echo "$sources" && return; }
    for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        if grep -qs "$suite" "$file"; then echo "$file" && return; fi
    done
}

# Proxies and the like; not where things lie on this host.
host_apt_settings() { apt-config dump | grep -E '^Acquire::(http|https|Check-)' || :; }

make_root() {
    host_apt_settings >"$place/apt.conf"
    git_tar
    # shellcheck disable=SC2046,SC2086 # lists of words
    mmdebstrap --quiet --mode=root --variant=minbase --include="$(echo $base | tr ' ' ',')" --aptopt="$place/apt.conf" \
        --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*/*.gz' \
        --customize-hook="'$0' --in-root \"\$1\" '$place'" "$suite" "$place/root" $(host_sources)
}

# What git knows, as it lies here now.
git_tar() {
    if git -C "$course" rev-parse --git-dir >/dev/null 2>&1; then
        git -C "$course" ls-files -z --cached --others --exclude-standard |
            (cd "$course" && xargs -0 ls -d 2>/dev/null) |
            tar -C "$course" -cf "$place/pyctr_lab.tar" --owner=0 --group=0 -T -
    else
        # What is this host's alone stays here: its keys and its learner's work, too.
        tar -C "$course" -cf "$place/pyctr_lab.tar" --owner=0 --group=0 --exclude=./.git --exclude=./.venv \
            --exclude=./vagrant/.vagrant --exclude=./vagrant/work --exclude=./vagrant/box --exclude=./vagrant/bundle \
            --exclude='./vagrant/bundle-*' .
    fi
}

# Called back by mmdebstrap, with the root and the place of the work.
in_root() {
    root=$1 place=$2
    cp --remove-destination /etc/resolv.conf "$root/etc/resolv.conf"
    mkdir "$root/tmp/from"
    mount --bind "$place" "$root/tmp/from"
    trap 'umount "$root/tmp/from"' EXIT
    trap 'exit 130' INT TERM HUP
    # With a bundle there is nothing to fetch, and no way to: the network is cut.
    cut=
    [ ! -d "$place/pyctr-wheels" ] || [ ! -d "$place/pyctr-debs" ] || cut='unshare --net'
    [ "$PYCTR_SETUP" = none ] || PYCTR_FROM=/tmp/from $cut chroot "$root" sh <"$here/provision.sh"
    umount "$root/tmp/from"
    trap - EXIT INT TERM HUP
    rmdir "$root/tmp/from"
    settle "$root"
}

settle() { # ROOT
    echo pyctr-lab >"$1/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 pyctr-lab\n::1 localhost\n' >"$1/etc/hosts"
    echo 'LABEL=pyctr / ext4 errors=remount-ro,noinit_itable 0 0' >"$1/etc/fstab"
    printf '[Match]\nName=e*\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n[DHCPv4]\nClientIdentifier=mac\n' \
        >"$1/etc/systemd/network/80-dhcp.network"
    chroot "$1" systemctl --quiet enable systemd-networkd systemd-resolved
    # Timers and services that would disturb an installation or a measurement.
    chroot "$1" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service
    ln -sf ../run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"
    vagrant_user "$1"
    boot_menu "$1"
    # A root that is still a folder may be lost and made again; a machine's own dpkg waits for its disk.
    sed -i '/^force-unsafe-io$/d' "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
    # Each machine makes its own.
    rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/apt/apt.conf.d/99mmdebstrap"
    : >"$1/etc/machine-id"
    cat >"$1/etc/systemd/system/host-keys.service" <<'UNIT'
[Unit]
Before=ssh.service
ConditionFileNotEmpty=!/etc/ssh/ssh_host_ed25519_key
[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -q -N "" -t ed25519 -f /etc/ssh/ssh_host_ed25519_key
[Install]
WantedBy=multi-user.target
UNIT
    chroot "$1" systemctl --quiet enable host-keys
}

# As every box has it: the key is public, and Vagrant puts another in its place at the first start.
vagrant_user() { # ROOT
    chroot "$1" useradd --create-home --uid 900 --shell /bin/bash vagrant
    echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >"$1/etc/sudoers.d/vagrant"
    chmod 440 "$1/etc/sudoers.d/vagrant"
    mkdir -m 700 "$1/home/vagrant/.ssh"
    cat /usr/share/rubygems-integration/all/gems/vagrant-[0-9]*/keys/vagrant.pub >"$1/home/vagrant/.ssh/authorized_keys"
    chmod 600 "$1/home/vagrant/.ssh/authorized_keys"
    chroot "$1" chown -R vagrant: /home/vagrant
    # No name is looked up of who comes in.
    printf 'UseDNS no\n' >"$1/etc/ssh/sshd_config.d/vagrant.conf"
}

# Debian keeps the links /vmlinuz and /initrd.img at the newest kernel.
boot_menu() { # ROOT
    mkdir -p "$1/boot/grub"
    cat >"$1/boot/grub/grub.cfg" <<MENU
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
set timeout=0
menuentry "Debian" {
    linux /vmlinuz root=LABEL=pyctr ro console=tty0 console=ttyS0,115200 net.ifnames=0 $BOX_KERNEL
    initrd /initrd.img
}
MENU
}

# ---------------------------------------------------------------------------------------------------------- the disk

# One partition, which BIOS and GRUB boot, and a loader that is given kernel and initrd could too.
make_disk() {
    disk=$place/disk.raw
    truncate -s "${size}G" "$disk"
    echo 'start=2048, type=83, bootable' | sfdisk --quiet "$disk"
    # Features that GRUB of this suite cannot read stay off.
    mke2fs -q -t ext4 -L pyctr -E offset=1048576,lazy_itable_init=1 -O ^metadata_csum_seed,^orphan_file \
        -d "$place/root" "$disk" $((size * 1048576 - 1024))k
    rm -rf "$place/root"
    grub-mkimage -O i386-pc -o "$place/core.img" -p '(hd0,msdos1)/boot/grub' \
        biosdisk part_msdos ext2 normal linux configfile serial terminal
    head -c 440 /usr/lib/grub/i386-pc/boot.img | dd of="$disk" conv=notrunc status=none
    dd if="$place/core.img" of="$disk" bs=512 seek=1 conv=notrunc status=none
}

box_file() { # PROVIDER
    box=$place/$1
    mkdir "$box"
    case $1 in
        libvirt | qemu)
            qemu-img convert -O qcow2 -c -o compression_type=zstd "$place/disk.raw" "$box/box.img"
            printf '{"provider": "%s", "format": "qcow2", "virtual_size": %s}\n' "$1" "$size" >"$box/metadata.json"
            ;;
        virtualbox)
            qemu-img convert -O vmdk -o subformat=streamOptimized "$place/disk.raw" "$box/box-disk001.vmdk"
            sed "s/@CAPACITY@/$((size * 1073741824))/; s/@NAME@/$name/" "$here/virtualbox.ovf" >"$box/box.ovf"
            printf '{"provider": "virtualbox"}\n' >"$box/metadata.json"
            ;;
    esac
    : >"$box/Vagrantfile"
    tar -C "$box" -cf "$output/$name-$1.box" .
    rm -rf "$box"
    say "made $output/$name-$1.box ($(du -m "$output/$name-$1.box" | cut -f 1) MB)"
}

# In mount and PID namespaces of their own: the kernel ends all processes with the first, and unmounts with the last.
in_namespaces() { # PLACE OPTION...
    place=$1
    shift
    read_options "$@"
    export PYCTR_GROUPS="$groups" PYCTR_SETUP="$setup" BOX_KERNEL="$kernel" # for what mmdebstrap calls back
    [ -z "$ca" ] || cp "$ca" "$place/pyctr-ca.pem"
    [ -z "$wheels" ] || cp -r "$wheels" "$place/pyctr-wheels"
    [ -z "$debs" ] || cp -r "$debs" "$place/pyctr-debs"
    mkdir -p "$output"
    make_root
    make_disk
    for provider in $(words "$providers"); do box_file "$provider"; done
    say "to use it: vagrant box add --name $name $output/$name-$provider.box; PYCTR_BOX=$name ./lab vm up"
}

# A process that is being killed may still add a file: try for ten seconds.
clean_up() {
    trap '' INT TERM HUP
    [ -z "$work" ] || kill -KILL "$work" 2>/dev/null || :
    [ -z "$work" ] || wait "$work" 2>/dev/null || :
    for _ in $(seq 100); do
        rm -rf "$place" 2>/dev/null && return
        sleep 0.1
    done
    say "$place could not be removed"
}

main() {
    read_options "$@"
    need
    work=''
    place=$(mktemp -u "${TMPDIR:-/var/tmp}/pyctr-box.XXXXXX")
    trap clean_up EXIT
    trap 'exit 130' INT TERM HUP
    mkdir -m 700 "$place"
    # In the background: a shell acts on a signal while it waits, but not while a command runs in the foreground.
    unshare --mount --pid --fork --kill-child --mount-proc "$0" --in-namespaces "$place" "$@" &
    work=$!
    wait "$work"
}

case ${1-} in
    --in-root) shift && in_root "$@" ;;
    --in-namespaces) shift && in_namespaces "$@" ;;
    *) main "$@" ;;
esac
