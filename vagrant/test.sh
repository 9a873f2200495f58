#!/bin/sh
# ./lab test vm: the machine of the course, for real. A box from Debian's packages, `vagrant up` (libvirt, processor
# emulated), JupyterLab in a browser through the forwarded port, provisioning twice, the kernel's tests and the lessons
# inside as an ordinary user under pure cgroup v2, an end and a new beginning; then nothing is left behind.
#
# A machine without the means skips it and says why; where CI=true, that is a failure.
set -eu
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
course=$(dirname "$here")
began=$(date +%s)
passed=0 failed=0 place=''

usage() {
    cat <<'END_OF_USAGE'
./lab test vm [--keep DIR] [--box FILE]
  --keep DIR    keep the box and the logs in DIR
  --box FILE    a box made by vagrant/build-box.sh --setup test, instead of a new one
END_OF_USAGE
}

clock() { now=$(($(date +%s) - began)) && printf '%02d:%02d' $((now / 60)) $((now % 60)); }

say() { printf 'vm: [%s] %s\n' "$(clock)" "$*"; }

die() {
    say "$*"
    exit 1
}

# The last line, also for who counts tests.
close() {
    printf '%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
}

# ------------------------------------------------------------------------------------------------------- the means

# The first thing in the way, if there is one.
hindrance() {
    if [ "$(uname -s)" != Linux ]; then
        echo "it needs Linux, and this is $(uname -s)"
    elif [ "$(id -u)" != 0 ]; then
        echo "only root can build a box and start libvirt"
    elif [ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ]; then
        echo "boxes are built on Debian's amd64 so far"
    elif [ ! -c /dev/net/tun ]; then
        echo "there is no /dev/net/tun, so no network for a machine"
    elif [ "$(df -Pm /var/tmp | awk 'NR == 2 { print $4 }')" -lt 12000 ]; then
        echo "less than 12 GB are free in /var/tmp"
    elif [ "$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)" -lt 3500 ]; then
        echo "less than 3.5 GB of memory are free"
    fi
}

need_means() {
    why=$(hindrance)
    [ -n "$why" ] || return 0
    if [ "${CI:-}" = true ]; then
        say "cannot be skipped here: $why"
        failed=1
    else
        echo '0 passed, 0 failed, 1 skipped'
        printf 'vm: skipped: %s\n' "$why"
        exit
    fi
    close
    exit
}

# ----------------------------------------------------------------------------------------------------------- steps

# step TITLE COMMAND...: what it says goes to a log, of which the end is shown if it fails. Then all ends.
step() {
    title=$1
    shift
    log=$place/logs/$(printf '%02d' $((passed + 1)))-$(echo "$title" | tr -cs 'a-zA-Z0-9\n' - | cut -c 1-40).log
    start=$(date +%s)
    say "$title ..."
    beat "$log" &
    heart=$!
    status=0
    # In a shell of its own: there `set -e` holds, and what it sets comes back by files.
    (set -eu; "$@") >"$log" 2>&1 </dev/null &
    work=$!
    wait $work || status=$?
    kill $heart 2>/dev/null || :
    wait $heart 2>/dev/null || :
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        say "$title: passed ($(($(date +%s) - start)) s)$(gist "$log")"
    else
        failed=1
        tail -n 40 "$log"
        say "$title: FAILED ($(($(date +%s) - start)) s)"
        exit 1
    fi
}

# What its last line counts, if it does.
gist() { # LOG
    tail -n 1 "$1" | grep -oE '[0-9]+ passed.*|nothing to change' | sed 's/^/: /; s/ =*$//'
}

beat() { # LOG
    while sleep 30 && kill -0 $$ 2>/dev/null; do
        said=$(tail -c 400 "$1" 2>/dev/null | tr '\r' '\n' | tail -n 1 | tr -cd '[:print:]' | cut -c 1-110)
        say "  ${said:-still at it}"
    done
}

# -------------------------------------------------------------------------------------------------------- services

libvirt_here() { virsh --quiet --connect qemu:///system list >/dev/null 2>&1; }

start_libvirt() {
    libvirt_here && echo "libvirt runs already" && return
    : >"$place/started"
    virtlogd --daemon --pid-file "$place/virtlogd.pid"
    libvirtd --daemon --pid-file "$place/libvirtd.pid"
    until libvirt_here; do
        kill -0 "$(cat "$place/libvirtd.pid")"
        sleep 0.2
    done
}

# Nothing else may be theirs, so by their numbers. An ended one that nobody has buried yet is ended.
stop_libvirt() {
    for name in libvirtd virtlogd; do
        [ -s "$place/$name.pid" ] || continue
        pid=$(cat "$place/$name.pid")
        kill "$pid" 2>/dev/null || continue
        while ps -o stat= -p "$pid" | grep -qv Z; do sleep 0.2; done
    done
    [ -e "$place/started" ] || return 0
    for filter in iptables ip6tables; do remove_chains $filter; done
    cat "$place/ip_forward" >/proc/sys/net/ipv4/ip_forward
}

# libvirt puts chains of its own into the packet filter, and leaves them there.
remove_chains() { # iptables, or ip6tables
    for table in filter nat mangle; do
        "$1-save" -t $table | sed -n 's/^-A \(.* -j LIBVIRT_[A-Z]*\)$/-D \1/p' |
            while read -r rule; do
                # shellcheck disable=SC2086 # a rule is words
                "$1" -t $table $rule
            done
        for what in -F -X; do
            "$1-save" -t $table | sed -n 's/^:\(LIBVIRT_[A-Z]*\) .*/\1/p' |
                while read -r chain; do "$1" -t $table $what "$chain"; done
        done
    done
}

# Rules and chains, of the packet filter as it is.
rules() { for filter in iptables ip6tables; do $filter-save | grep -E '^(-A|:[^ ]+ -)' | sed "s/^/$filter /"; done; }

# All that could be left behind, one thing a line. Asked of libvirt while it runs.
things() {
    for kind in list net-list pool-list; do
        virsh --quiet --connect qemu:///system $kind --all --name 2>/dev/null | sed "s/^/$kind /; /^$kind *$/d"
    done
    virsh --quiet --connect qemu:///system pool-list --name 2>/dev/null | while read -r pool; do
        [ -z "$pool" ] || virsh --quiet --connect qemu:///system vol-list "$pool" | awk '{ print "volume", $1 }'
    done
    ip -brief link | awk '$1 ~ /^(virbr|vnet)/ { print "link", $1 }'
    ls -d "$HOME"/.vagrant.d/boxes/* 2>/dev/null || :
    pgrep -a 'qemu-system|virtiofsd|dnsmasq' | cut -d ' ' -f 2- | grep -F -e libvirt -e "$place" || :
}

# ---------------------------------------------------------------------------------------------------- the machine

in_machine() { vagrant ssh --no-tty course --command "$1"; }

as_root() { in_machine "sudo $1"; }

# The host's own bundle of certificates, if the host was told of one: a proxy may stand before the package registries.
find_ca() {
    for file in "${PYCTR_CA_FILE:-}" "${PIP_CERT:-}" "${REQUESTS_CA_BUNDLE:-}" "${SSL_CERT_FILE:-}"; do
        [ -z "$file" ] || [ ! -s "$file" ] || { echo "$file" && return; }
    done
}

make_bundle() {
    "$here/vm" bundle --tests --output "$place/bundle"
    du -sh "$place/bundle/wheels" "$place/bundle/debs"
}

build() {
    # shellcheck disable=SC2046 # words
    "$here/build-box.sh" --output "$place" --name "$PYCTR_BOX" --setup test --kernel 'mitigations=off' \
        --wheels "$place/bundle/wheels" --debs "$place/bundle/debs" $(find_ca | sed 's/^/--ca /')
}

add_box() { vagrant box add --provider libvirt --name "$PYCTR_BOX" "$box"; }

up() {
    vagrant up --timestamp --provider libvirt
    in_machine 'cat /etc/os-release; uname -r; stat -f -c %T /sys/fs/cgroup' | tee "$place/machine"
    grep -q cgroup2fs "$place/machine"
    as_root 'cat /etc/pyctr-lab/address' | tr -d '\r' >"$place/address"
    grep -q token= "$place/address"
}

guest_tests() { as_root "/opt/pyctr_lab/vagrant/guest-tests.sh $*"; }

browse() {
    PYCTR_ADDRESS=$(cat "$place/address") "$course/.venv/bin/python" -m pytest -p no:cacheprovider \
        "$course/tests/vagrant/in_the_machine.py"
}

# A change time (ctime) cannot be set: whatever was written, replaced, or given another owner or mode shows, also if the
# content is as it was. Not those of a live JupyterLab and of the machine's own diary.
listing() {
    as_root "find /boot /etc /home /opt /root /srv /usr /var/lib -xdev -path /home/student -prune -o \
        -path /home/vagrant -prune -o -path /var/lib/systemd -prune -o -path /var/lib/private -prune -o \
        -printf '%p %i %C@ %m %U %G %s\n' | sort; systemctl show -p MainPID pyctr-lab"
}

provision_again() {
    listing >"$place/before"
    vagrant provision | tee "$place/again"
    listing >"$place/after"
    wc -l "$place/before"
    diff "$place/before" "$place/after"
    grep 'nothing to change' "$place/again" | sed 's/.*provision: //'
}

begin_again() {
    before=$(sha256sum <"$PYCTR_WORK/00_start_here.ipynb")
    vagrant destroy --force
    vagrant status --machine-readable | grep ',state,not_created'
    cut_network
    up
    mend_network
    [ "$before" = "$(sha256sum <"$PYCTR_WORK/00_start_here.ipynb")" ]
    as_root "cat /home/student/pyctr-lab-course/00_start_here.ipynb" | sha256sum >"$place/inside"
    [ "$before" = "$(cat "$place/inside")" ]
}

# The machine reaches this host, and nothing behind it.
cut_network() { iptables -I FORWARD -i virbr+ -j REJECT -m comment --comment "$PYCTR_BOX"; }

mend_network() { iptables -D FORWARD -i virbr+ -j REJECT -m comment --comment "$PYCTR_BOX"; }

destroy() {
    vagrant destroy --force
    vagrant box remove --all --force "$PYCTR_BOX"
}

# ------------------------------------------------------------------------------------------------------- the end

remove_volumes() {
    for pool in $(virsh --quiet --connect qemu:///system pool-list --name); do
        virsh --quiet --connect qemu:///system vol-list "$pool" | awk '{ print $1 }' | grep -F "$PYCTR_BOX" |
            while read -r volume; do virsh --quiet --connect qemu:///system vol-delete "$volume" --pool "$pool"; done
    done
    for kind in net pool; do
        virsh --quiet --connect qemu:///system $kind-list --all --name | while read -r name; do
            if [ -z "$name" ] || grep -qx "$kind-list $name" "$place/things"; then continue; fi
            virsh --quiet --connect qemu:///system $kind-destroy "$name" || :
            virsh --quiet --connect qemu:///system $kind-undefine "$name"
        done
    done
}

nothing_left() {
    remove_volumes
    things >"$place/left"
    diff "$place/things" "$place/left"
    stop_libvirt
    rules >"$place/rules.left"
    diff "$place/rules" "$place/rules.left"
    [ "$(cat "$place/ip_forward")" = "$(cat /proc/sys/net/ipv4/ip_forward)" ]
}

# What runs in the background does not hear an interrupt.
end_tree() { # PID
    for child in $(pgrep -P "$1"); do end_tree "$child"; done
    kill "$1" 2>/dev/null || :
}

# Also when something failed or was interrupted.
clean_up() {
    trap '' INT TERM HUP
    [ -z "${work:-}" ] || end_tree "$work"
    [ -z "${heart:-}" ] || end_tree "$heart"
    if [ -e "$place/up" ]; then
        say "cleaning up"
        vagrant destroy --force >/dev/null 2>&1 || :
        mend_network 2>/dev/null || :
        remove_volumes >/dev/null 2>&1 || :
    fi
    stop_libvirt
    [ -z "$keep" ] || { mkdir -p "$keep" && cp -r "$place/logs" "$place"/*.box "$keep" 2>/dev/null; } || :
    # Vagrant's tunnels write a last line when they are gone.
    rm -rf "$place" 2>/dev/null || { sleep 1 && rm -rf "$place"; }
    say "the whole took $(clock)"
    close
}

prepare() {
    place=$(mktemp -d /var/tmp/pyctr-vm.XXXXXX)
    trap clean_up EXIT
    trap 'exit 130' INT TERM HUP
    mkdir "$place/logs"
    cat /proc/sys/net/ipv4/ip_forward >"$place/ip_forward"
    rules >"$place/rules"
    export VAGRANT_HOME="$place/vagrant.d" VAGRANT_DOTFILE_PATH="$place/machine.d" VAGRANT_CWD="$here"
    export VAGRANT_DEFAULT_PROVIDER=libvirt VAGRANT_CHECKPOINT_DISABLE=1 TMPDIR=/var/tmp
    export PYCTR_PROVIDER=libvirt PYCTR_DRIVER=qemu PYCTR_SETUP=test PYCTR_WORK="$place/work"
    export PYCTR_BOX="pyctr-test-${place##*.}"
    ca=$(find_ca)
    [ -z "$ca" ] || export PYCTR_CA_FILE="$ca"
}

keep='' box=''
while [ $# -gt 0 ]; do
    case $1 in
        --help) usage && exit ;;
        --keep | --box)
            [ $# -ge 2 ] || { usage >&2 && exit 2; }
            if [ "$1" = --keep ]; then keep=$2; else box=$(realpath "$2"); fi
            shift
            ;;
        *) usage >&2 && exit 2 ;;
    esac
    shift
done

need_means
"$course/lab" packages vm
"$course/lab" setup --tests
prepare
step "start libvirt" start_libvirt
things >"$place/things"
if [ -z "$box" ]; then
    step "fetch what a machine takes, once" make_bundle
    step "build a box from Debian's packages, set up from the bundle with the network cut" build
    box=$place/$PYCTR_BOX-libvirt.box
fi
step "add the box" add_box
: >"$place/up"
step "vagrant up" up
step "JupyterLab through the forwarded port, a lesson in the browser" browse
step "provision a second time" provision_again
# Those that count what hundreds of containers leave take minutes here, and ask the machine's size and not its kernel.
step "the kernel's tests inside, as student under cgroup v2" \
    guest_tests tests/kernel tests/steps tests/runtime -k "'not hundreds_alive and not runs_leave_everything'"
step "the lessons inside" guest_tests --nbval notebooks
step "destroy, and a new machine without a network: the changed notebook is there" begin_again
step "destroy" destroy
step "nothing is left behind" nothing_left
