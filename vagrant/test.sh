#!/bin/sh
# ./lab test vm: the machine of the course, for real. A box from Debian's packages, set up from a bundle; `vagrant up`
# (libvirt, processor emulated), JupyterLab in a browser through the forwarded port, provisioning twice, tests and lessons
# inside as an ordinary user under pure cgroup v2, and nothing left behind. CONTRIBUTING.md says what each form proves.
#
# What takes the network comes first. Then all happens in namespaces of its own, with a libvirt of its own: no network
# leads out of there, this computer's libvirt is not touched, and whatever dies, the kernel takes the rest away.
#
# A computer without the means skips it and says why; where CI=true, that is a failure.
set -eu
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
course=$(dirname "$here")

usage() {
    cat <<'END_OF_USAGE'
./lab test vm [--all | --bare] [--keep DIR] [--box FILE]
                inside: tests marked `machine`, lessons that changed in the newest 30 commits, and two more in rotation
  --all         inside: all tests of the kernel, and all lessons; then a new machine with the learner's changed notebook
  --bare        only this: a machine from a box of bare Debian, which `vagrant up` sets up from the bundle, offline
  --keep DIR    keep the box and the logs in DIR
  --box FILE    a box made by vagrant/build-box.sh --setup test, instead of a new one
END_OF_USAGE
}

clock() { now=$(($(date +%s) - began)) && printf '%02d:%02d' $((now / 60)) $((now % 60)); }

say() { printf 'vm: [%s] %s\n' "$(clock)" "$*"; }

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
        echo '0 passed, 1 failed'
        exit 1
    fi
    echo '0 passed, 0 failed, 1 skipped'
    printf 'vm: skipped: %s\n' "$why"
    exit
}

# ----------------------------------------------------------------------------------------------------------- steps

# step TITLE COMMAND...: what it says goes to a log, of which the end is shown if it fails.
step() {
    title=$1
    shift
    count=$(($(cat "$place/passed" "$place/failed" | wc -l) + 1))
    log=$place/logs/$(printf '%02d' $count).log
    start=$(date +%s)
    say "$title ..."
    beat "$log" &
    heart=$!
    status=0
    # In a shell of its own, where `set -e` holds; what it finds out comes back by files.
    (set -eu; "$@") >"$log" 2>&1 </dev/null &
    work=$!
    wait $work || status=$?
    end_tree $heart
    wait $heart 2>/dev/null || :
    if [ $status = 0 ]; then
        echo "$title" >>"$place/passed"
        say "$title: passed ($(($(date +%s) - start)) s)$(gist "$log")"
    else
        echo "$title" >>"$place/failed"
        first_failure "$log"
        shown "$log" | tail -n 60
        say "$title: FAILED ($(($(date +%s) - start)) s)"
    fi
}

# Where the next step stands on what came before.
need_all() { [ ! -s "$place/failed" ] || exit 1; }

# Without the pictures of progress, which overwrite themselves.
shown() { tail -c 20000 "$1" | tr '\r' '\n' | grep -v 'Progress: '; }

# Where pytest begins to tell of what failed: its end lists names and durations only.
first_failure() { # LOG
    tr '\r' '\n' <"$1" | sed -n '/^=* FAILURES =*$/,/^=* slowest /p' | head -n 80
}

# What its last line counts, if it does.
gist() { # LOG
    tail -n 1 "$1" | grep -oE '[0-9]+ passed.*|nothing to change' | sed 's/^/: /; s/ =*$//'
}

beat() { # LOG
    while sleep 30; do
        said=$(shown "$1" 2>/dev/null | tail -n 1 | tr -cd '[:print:]' | cut -c 1-110)
        say "  ${said:-still at it}"
    done
}

# What runs in the background does not hear an interrupt.
end_tree() { # PID
    for child in $(pgrep -P "$1"); do end_tree "$child"; done
    kill "$1" 2>/dev/null || :
}

# ------------------------------------------------------------------------------------------------- with a network

# The host's own bundle of certificates, if set: package registries may be reached through a proxy.
find_ca() {
    for file in "${PYCTR_CA_FILE:-}" "${PIP_CERT:-}" "${REQUESTS_CA_BUNDLE:-}" "${SSL_CERT_FILE:-}"; do
        [ -z "$file" ] || [ ! -s "$file" ] || { echo "$file" && return; }
    done
}

make_bundle() {
    "$here/vm" bundle --tests --output "$place/bundle"
    du -sh "$place/bundle/wheels" "$place/bundle/debs"
}

# Words for a kernel whose processor is emulated: it does not compute ahead, and its counter of cycles is the only clock
# that is read without a detour.
emulated='mitigations=off tsc=reliable'

build() {
    # shellcheck disable=SC2046 # words
    "$here/build-box.sh" --output "$place" --name box --setup test --kernel "$emulated" \
        --wheels "$place/bundle/wheels" --debs "$place/bundle/debs" $(find_ca | sed 's/^/--ca /')
}

build_bare() { "$here/build-box.sh" --output "$place" --name box --setup none --kernel "$emulated"; }

# ---------------------------------------------------------------------------------------------- a world of its own

# A libvirt that knows nothing of another one, a loopback, and the devices of this network namespace alone.
make_world() {
    for folder in /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
        mkdir -p "$place/world$folder" "$folder"
        case $folder in
            /etc/*) rsync -a "$folder/" "$place/world$folder/" ;;
            *) rsync -a --include='*/' --exclude='*' "$folder/" "$place/world$folder/" ;;
        esac
        mount --bind "$place/world$folder" "$folder"
    done
    rm -rf /etc/libvirt/qemu/* /etc/libvirt/storage
    # Control groups are no part of a world: libvirt would leave its own on this computer, so it makes none.
    echo 'cgroup_controllers = [ ]' >>/etc/libvirt/qemu.conf
    mkdir -p /run/libvirt "$place/cgroup"
    mount -t tmpfs tmpfs /run/libvirt
    mount --rbind /sys/fs/cgroup "$place/cgroup"
    mount -t sysfs sysfs /sys
    mount --rbind "$place/cgroup" /sys/fs/cgroup
    ip link set lo up
}

libvirt() { virsh --quiet --connect qemu:///system "$@"; }

start_libvirt() {
    virtlogd --daemon --pid-file "$place/virtlogd.pid" # else in /run, which is not only ours
    libvirtd --daemon --pid-file "$place/libvirtd.pid"
    tries=0
    until libvirt list >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 300 ]
        sleep 0.2
    done
    ask_emulator
}

# What QEMU can do is found out once, and kept. Seen once: libvirt and QEMU both waited for the other one to speak.
ask_emulator() {
    tries=0
    until timeout 60 virsh --quiet --connect qemu:///system domcapabilities --virttype qemu >/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 4 ]
        pkill -KILL -f 'machine none' || :
    done
}

# ---------------------------------------------------------------------------------------------------- the machine

in_machine() { vagrant ssh course --no-tty --command "$1" -- -q; }

as_root() { in_machine "sudo $1"; }

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
    whole=
    [ "$form" = short ] || whole=--all
    # shellcheck disable=SC2086 # nothing, or a word
    PYCTR_ADDRESS=$(cat "$place/address") "$course/.venv/bin/python" -m pytest -p no:cacheprovider $whole \
        "$course/tests/vagrant/in_the_machine.py"
}

# A change time (ctime) cannot be set: whatever was written, replaced, or given another owner or mode shows, also if the
# content is as it was. Not those of a live JupyterLab and of the machine's own diary.
listing() {
    as_root "find /boot /etc /home /opt /root /srv /usr /var/lib -xdev -path /home/student -prune -o \
        -path /home/vagrant -prune -o -path /var/lib/systemd -prune -o -path /var/lib/private -prune -o \
        -path /var/lib/logrotate -prune -o \
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

# As those do who know ./lab only.
begin_again() {
    before=$(sha256sum <"$PYCTR_WORK/00_start_here.ipynb")
    "$here/vm" down --destroy
    "$here/vm" status | grep 'not created'
    "$here/vm" | tee "$place/said"
    [ "$(tail -n 1 "$place/said")" = "$("$here/vm" address)" ]
    tail -n 1 "$place/said" | grep '^http://127.0.0.1:.*token='
    [ "$before" = "$(sha256sum <"$PYCTR_WORK/00_start_here.ipynb")" ]
    as_root "cat /home/student/pyctr-lab-course/00_start_here.ipynb" | sha256sum >"$place/inside"
    [ "$before" = "$(cat "$place/inside")" ]
}

# The box's own volume is libvirt's, and stays when a machine is destroyed; so do the network and the pool of Vagrant.
destroy() {
    vagrant destroy --force
    vagrant box remove --all --force "$PYCTR_BOX"
    for volume in $(libvirt vol-list default | awk '{ print $1 }' | grep -F "$PYCTR_BOX"); do
        libvirt vol-delete "$volume" --pool default
    done
}

machine_groups() { find /sys/fs/cgroup -type d -path '*machine*qemu*' -prune -print; }

left() {
    echo "machines: $(libvirt list --all --name)"
    echo "volumes: $(for pool in $(libvirt pool-list --name); do libvirt vol-list "$pool" | awk '{ print $1 }'; done)"
    echo "boxes: $(ls "$VAGRANT_HOME/boxes")"
    echo "processes: $(pgrep -af 'qemu-system|virtiofsd' || :)"
    echo "cards: $(ip -brief link | awk '$1 ~ /^vnet/ { print $1 }')"
    echo "networks: $(libvirt net-list --all --name)"
    echo "control groups: $(machine_groups)"
}

nothing_left() {
    left | tee "$place/left"
    ! grep -v ': *$' "$place/left"
}

# PID 1 of the world: with it all ends that was started there.
inside() {
    export VAGRANT_HOME="$place/vagrant.d" VAGRANT_DOTFILE_PATH="$place/machine.d" VAGRANT_CWD="$here"
    export VAGRANT_DEFAULT_PROVIDER=libvirt VAGRANT_CHECKPOINT_DISABLE=1 TMPDIR=/var/tmp
    export PYCTR_PROVIDER=libvirt PYCTR_DRIVER=qemu PYCTR_SETUP=test PYCTR_WORK="$place/work" PYCTR_BOX=pyctr-test
    if [ "$form" = bare ]; then
        export PYCTR_WHEELS="$place/bundle/wheels" PYCTR_DEBS="$place/bundle/debs"
    else
        export PYCTR_WHEELS=none PYCTR_DEBS=none # the box was set up from them
    fi
    make_world
    step "start libvirt, in a world of its own" start_libvirt
    step "add the box" add_box
    step "vagrant up" up
    need_all
    step "JupyterLab through the forwarded port, a lesson in the browser" browse
    step "provision a second time" provision_again
    case $form in
        short) some_inside ;;
        all) all_inside ;;
    esac
    [ "$form" = bare ] ||
        step "inside, as root under cgroup v2: limits hold" guest_tests --root tests/cgroups/test_limits_hold.py
    step "destroy" destroy
    step "nothing is left behind: machines, volumes, boxes, processes, cards, networks, control groups" nothing_left
    need_all
}

marked='tests/kernel tests/steps tests/cgroups tests/launcher tests/runtime tests/images tests/networks tests/measure' # whose tests may end otherwise inside

numbers() { echo "$1" | sed 's,.*/\(..\)_.*,\1,' | paste -s -d ' '; } # of lessons

some_inside() {
    lessons=$("$course/.venv/bin/python" "$course/tests/rotation.py")
    # One process of pytest: in this machine its start alone takes half a minute.
    # shellcheck disable=SC2086 # words
    step "inside, as student under cgroup v2: tests marked machine, lessons $(numbers "$lessons")" \
        guest_tests -m machine $marked --nbval $lessons
}

all_inside() {
    # Tests that count what hundreds of containers leave ask for size, not for another kernel.
    # shellcheck disable=SC2086 # words
    step "the kernel's tests inside, as student under cgroup v2" \
        "$here/vm" test ${marked% tests/images} \
        tests/measure/test_neighbour.py::test_the_aggregator_starves_the_server_and_a_limit_gives_it_back \
        -k 'not hundreds_alive'
    step "images inside: tests marked machine" guest_tests -m machine tests/images # all 2,000 would take an hour
    step "all lessons inside" guest_tests --nbval notebooks
    step "destroy, and a new machine: the changed notebook is there" begin_again
}

# -------------------------------------------------------------------------------------------------------- outside

# What of this computer could be touched.
computer() {
    cat /proc/sys/net/ipv4/ip_forward
    ip -brief link | awk '{ print $1 }' | sort
    for filter in iptables ip6tables; do $filter-save | grep -E '^(-A|:[^ ]+ -)' || :; done
    machine_groups
    find /etc/libvirt /var/lib/libvirt/images "$HOME/.vagrant.d/boxes" 2>/dev/null | sort || :
}

untouched() {
    computer >"$place/computer.after"
    diff "$place/computer" "$place/computer.after"
    ! pgrep -f "$place/" | grep -vx -e $$ -e "$heart"
}

finish() {
    trap '' INT TERM HUP
    for pid in ${work:-} ${heart:-} ${world:-}; do end_tree "$pid"; done
    wait
    passed=$(wc -l <"$place/passed") failed=$(wc -l <"$place/failed")
    if [ "$1" != 0 ] && [ "$failed" = 0 ]; then failed=1; fi # interrupted
    if [ -n "$keep" ]; then mkdir -p "$keep" && cp -r "$place/logs" "$keep"; fi
    if [ -n "$keep" ] && [ -e "$place/box-libvirt.box" ]; then cp "$place/box-libvirt.box" "$keep"; fi
    rm -rf "$place"
    say "the whole took $(clock)"
    printf '%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
}

outside() {
    need_means
    "$course/lab" packages vm
    "$course/lab" setup --tests
    place=$(mktemp -d /var/tmp/pyctr-vm.XXXXXX)
    trap 'finish $?' EXIT
    trap 'exit 130' INT TERM HUP
    chmod 755 "$place" # QEMU is not root
    mkdir "$place/logs"
    : >"$place/passed"
    : >"$place/failed"
    computer >"$place/computer"
    ca=$(find_ca)
    [ -z "$ca" ] || export PYCTR_CA_FILE="$ca"
    if [ -z "$box" ] || [ "$form" = bare ]; then step "fetch what a machine takes, once" make_bundle; fi
    if [ -z "$box" ]; then
        if [ "$form" = bare ]; then
            step "build a box of bare Debian" build_bare
        else
            step "build a box from Debian's packages, set up from the bundle with the network cut" build
        fi
        need_all
        box=$place/box-libvirt.box
    fi
    unshare --mount --net --pid --fork --kill-child --mount-proc "$0" --inside "$place" "$box" "$began" "$form" &
    world=$!
    wait $world || [ -s "$place/failed" ] || echo "the world of its own" >>"$place/failed"
    world=''
    step "this computer is as it was" untouched
    need_all
}

keep='' box='' form=short began=$(date +%s)
while [ $# -gt 0 ]; do
    case $1 in
        --help) usage && exit ;;
        --inside)
            place=$2 box=$3 began=$4 form=$5
            inside
            exit
            ;;
        --all | --bare) form=${1#--} ;;
        --keep | --box)
            [ $# -ge 2 ] || { usage >&2 && exit 2; }
            if [ "$1" = --keep ]; then keep=$2; else box=$(realpath "$2"); fi
            shift
            ;;
        *) usage >&2 && exit 2 ;;
    esac
    shift
done
outside
