#!/bin/sh
# Make a Debian machine the home of the course. Run by root: by Vagrant in the machine, by build-box.sh in a box's root
# before anything has booted. What is there already is left as it is, so a second run changes nothing, and says so.
#
#   PYCTR_GROUPS   groups of packages.txt to install; a small machine may take "course" alone
#   PYCTR_SETUP    course, or test: also what the course's own tests need of Python
#   PYCTR_UID      the number of the user student, so that files in a shared folder fit the host's user
#   PYCTR_PORT     the port on the host that leads to JupyterLab: for the address that is printed
#   PYCTR_WORK     where Vagrant mounts the host's folder for the learner's work, if it does
#   PYCTR_ROLE     worker: only the packages, without JupyterLab, for the lesson on orchestration
#   PYCTR_DOOR     yes: the forwarded port arrives at the network card (NAT), not on loopback (tunnel)
#
# Found where Vagrant put them, each optional but the first: the course (/tmp/pyctr_lab.tar), wheels (/tmp/pyctr-wheels)
# and Debian packages (/tmp/pyctr-debs), so that nothing comes from a network, and a CA bundle (/tmp/pyctr-ca.pem).
set -eu
umask 022

all_groups='course machine engines registry network services'
groups=${PYCTR_GROUPS:-$all_groups}
from=${PYCTR_FROM:-/tmp}
course=/opt/pyctr_lab
settings=/etc/pyctr-lab
home=/home/student
work=${PYCTR_WORK:-/pyctr_work}
port=8888 # inside; JupyterLab listens on loopback
changes=0

say() { printf 'provision: %s\n' "$*"; }

die() {
    printf 'provision: %s\n' "$*" >&2
    exit 1
}

changed() {
    changes=$((changes + 1))
    say "$*"
}

# systemd runs here, so this is a live machine and not the root of one to be.
is_live() { [ -d /run/systemd/system ]; }

# ------------------------------------------------------------------------------------------------------------- files

# put FILE MODE: its content from standard input; compared by content and mode.
put() {
    new=$(mktemp)
    cat >"$new"
    if ! cmp -s "$new" "$1" || [ "$(stat -c %a "$1")" != "$2" ]; then
        install -D -m "$2" "$new" "$1"
        changed "wrote $1"
    fi
    rm -f "$new"
}

put_link() { # TARGET LINK
    if [ "$(readlink "$2" || :)" = "$1" ]; then return; fi
    ln -sfn "$1" "$2"
    changed "$2 leads to $1"
}

own() { # OWNER FILE
    if [ "$(stat -c %U "$2")" = "$1" ]; then return; fi
    chown "$1:" "$2"
    changed "$2 belongs to $1"
}

# ------------------------------------------------------------------------------------------------- the course's tree

# What ./lab and Python make in a tree is no difference.
same_tree() { diff -rq -x '.venv*' -x __pycache__ -x '*.egg-info' "$1" "$2" >/dev/null 2>&1; }

course_tree() {
    if [ ! -f "$from/pyctr_lab.tar" ]; then
        [ -x "$course/lab" ] || die "there is no course: neither $from/pyctr_lab.tar nor $course"
        return
    fi
    # Not beside the old one: what changes nothing leaves no mark on that folder either.
    new=$(mktemp -d "${TMPDIR:-/var/tmp}/pyctr_lab.XXXXXX")
    tar -xf "$from/pyctr_lab.tar" --no-same-owner -C "$new"
    [ -x "$new/lab" ] || { rm -rf "$new" && die "$from/pyctr_lab.tar does not hold the course: no lab at its top"; }
    if same_tree "$new" "$course"; then
        rm -rf "$new"
        return
    fi
    chmod 755 "$new"
    if [ -d "$course" ]; then
        find "$course" -maxdepth 1 -name '.venv*' -exec mv -t "$new" {} +
        rm -rf "$course"
    fi
    mv "$new" "$course"
    changed "unpacked the course into $course"
}

# --------------------------------------------------------------------------------------------------- Debian packages

# A folder of packages is the only archive. It is unsigned ([trusted=yes]): trust comes from its transport.
use_debs() {
    [ -d "$from/pyctr-debs" ] || return 0
    apt=$(mktemp -d)
    mkdir -p "$apt/lists/partial"
    index_debs >"$apt/Packages" && mv "$apt/Packages" "$from/pyctr-debs/Packages"
    chmod -R a+rX "$apt" "$from/pyctr-debs"
    echo "deb [trusted=yes] file:$from/pyctr-debs ./" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<CONF
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$apt/lists";
CONF
    export APT_CONFIG="$apt/apt.conf"
}

index_debs() {
    for deb in "$from"/pyctr-debs/*.deb; do
        dpkg-deb --field "$deb"
        printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "${deb##*/}" "$(stat -c %s "$deb")" \
            "$(sha256sum "$deb" | cut -d ' ' -f 1)"
    done
}

# Engines and services come with units of their own; here lessons start them, when they are the matter.
packages() {
    # shellcheck disable=SC2086 # a list of words
    missing=$("$course/lab" packages --missing guest $groups)
    [ -n "$missing" ] || return 0
    use_debs
    guard=/usr/sbin/policy-rc.d
    if [ ! -e $guard ]; then printf '#!/bin/sh\nexit 101\n' >$guard && chmod 755 $guard; else guard=; fi
    # shellcheck disable=SC2086
    "$course/lab" packages guest $groups
    [ -z "$guard" ] || rm -f "$guard"
    apt-get clean
    changed "installed: $(echo "$missing" | tr '\n' ' ')"
    unset APT_CONFIG
}

idle_services() {
    for unit in containerd docker.socket docker docker-registry redis-server lxc-net lxc lxc-monitord nftables \
        podman.socket podman podman-restart podman-auto-update podman-auto-update.timer; do
        [ "$(systemctl is-enabled $unit 2>/dev/null || :)" = enabled ] || continue
        systemctl --quiet disable $unit
        changed "$unit does not start by itself"
    done
}

# ----------------------------------------------------------------------------------------------------- certificates

ca_bundle() {
    [ -s "$from/pyctr-ca.pem" ] || return 0
    before=$changes
    put /usr/local/share/ca-certificates/pyctr-lab.crt 644 <"$from/pyctr-ca.pem"
    put /etc/pip.conf 644 <<'CONF'
[global]
cert = /etc/ssl/certs/ca-certificates.crt
CONF
    [ "$changes" = "$before" ] || update-ca-certificates >/dev/null 2>&1
}

# ---------------------------------------------------------------------------------------------------------- student

student() {
    wanted=${PYCTR_UID:-}
    if ! id student >/dev/null 2>&1; then
        [ -z "$wanted" ] || make_room "$wanted"
        useradd --create-home --shell /bin/bash ${wanted:+--uid "$wanted"} student
        changed "made the user student, number $(id -u student)"
    elif [ -n "$wanted" ] && [ "$wanted" != "$(id -u student)" ]; then
        renumber "$wanted"
    fi
    # A folder that Vagrant mounted below it may have made the home before there was a user.
    own student $home
    # Where the processor helps with machines inside this one, the lessons' machines take its help.
    if getent group kvm >/dev/null && ! id -nG student | grep -qw kvm; then
        usermod --append --groups kvm student
        changed "student may use /dev/kvm"
    fi
    grep -q '^student:' /etc/subuid && grep -q '^student:' /etc/subgid && return
    usermod --add-subuids 200000-265535 --add-subgids 200000-265535 student
    changed "student may use 65536 subordinate ids"
}

renumber() { # UID
    make_room "$1"
    ! is_live || systemctl --quiet stop pyctr-lab || :
    usermod --uid "$1" student
    changed "student has the number $1"
}

# The number that the host's user has may be that of the box's own user, by which Vagrant comes in: that one gives way.
make_room() { # UID
    holder=$(getent passwd "$1" | cut -d : -f 1)
    case $holder in
        '') return ;;
        vagrant) : ;;
        *) die "number $1 belongs to the user $holder of this machine; choose another PYCTR_UID" ;;
    esac
    other=900
    while getent passwd $other >/dev/null; do other=$((other + 1)); done
    sed -i "s/^vagrant:\([^:]*\):$1:/vagrant:\1:$other:/" /etc/passwd
    chown -R --from="$1" "$other" "$(getent passwd vagrant | cut -d : -f 6)"
    find /tmp -xdev -user "$1" -exec chown -h "$other" {} + # else Vagrant could not put its next script over its last one
    changed "the user vagrant has the number $other now"
}

# --------------------------------------------------------------------------------------------------------------- venv

# The same way as everywhere: ./lab setup, from the locked list with its hashes.
environment() {
    before=$(cat "$course/.venv/lab-course" "$course/.venv/lab-test" 2>/dev/null || :)
    (
        [ ! -d "$from/pyctr-wheels" ] || export PIP_NO_INDEX=1 PIP_FIND_LINKS="$from/pyctr-wheels"
        [ ! -e /etc/pip.conf ] || export PIP_CERT=/etc/ssl/certs/ca-certificates.crt
        tests=
        [ "${PYCTR_SETUP:-course}" = course ] || tests=--tests
        # shellcheck disable=SC2086 # nothing, or a word
        PYCTR_LAB_PACKAGES=skip PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore "$course/lab" setup $tests
    )
    [ "$before" = "$(cat "$course/.venv/lab-course" "$course/.venv/lab-test" 2>/dev/null || :)" ] ||
        changed "made the virtual environment"
}

# Only root can write here: what is not compiled now would be compiled at every start.
compiled() {
    [ ! -e "$course/pyctr_lab/__pycache__" ] || return 0
    "$course/.venv/bin/python" -m compileall -q "$course/pyctr_lab"
}

# ------------------------------------------------------------------------------------------------------------ service

service() {
    units=0
    before=$changes
    put /etc/systemd/system/pyctr-lab.service 644 <"$course/vagrant/service/pyctr-lab.service"
    put $settings/service 644 <<CONF
PYCTR_SERVICE_PORT=$port
CONF
    if [ "${PYCTR_DOOR:-no}" = yes ]; then
        put /etc/systemd/system/pyctr-lab-door.service 644 <"$course/vagrant/service/pyctr-lab-door.service"
    fi
    starts_with
    units=$((changes - before))
}

# With the machine; or with the mount of the learner's folder, which Vagrant makes when the machine is up.
starts_with() {
    wants=/etc/systemd/system/multi-user.target.wants
    if mountpoint -q "$work" 2>/dev/null; then
        unit=$(systemd-escape --path --suffix=mount "$work")
        put "/etc/systemd/system/pyctr-lab.service.d/work.conf" 644 <<CONF
[Unit]
BindsTo=$unit
After=$unit
CONF
        wants=/etc/systemd/system/$unit.wants
        rm -f /etc/systemd/system/multi-user.target.wants/pyctr-lab.service
    fi
    mkdir -p "$wants"
    put_link /etc/systemd/system/pyctr-lab.service "$wants/pyctr-lab.service"
    [ "${PYCTR_DOOR:-no}" != yes ] ||
        put_link /etc/systemd/system/pyctr-lab-door.service \
            /etc/systemd/system/multi-user.target.wants/pyctr-lab-door.service
}

# The learner's copy lies where it outlives the machine.
work_folder() {
    if mountpoint -q "$home/pyctr-lab-course"; then
        work=$home/pyctr-lab-course
    elif mountpoint -q "$work" 2>/dev/null; then
        put_link "$work" $home/pyctr-lab-course
    fi
}

# Made in the live machine only: a box is copied, and no two machines share a token.
token() {
    if [ ! -s $settings/token ]; then
        install -D -m 640 -g student /dev/null $settings/token
        head -c 24 /dev/urandom | od -An -vtx1 | tr -d ' \n' | sed 's/^/JUPYTER_TOKEN=/' >$settings/token
        changed "made a token"
    fi
    JUPYTER_TOKEN=$(sed 's/.*=//' $settings/token)
    address="http://127.0.0.1:${PYCTR_PORT:-8888}/lab/tree/00_start_here.ipynb?token=$JUPYTER_TOKEN"
    put $settings/address 640 <<CONF
$address
CONF
    own student $settings/address
}

started() {
    [ "$units" = 0 ] || systemctl daemon-reload
    [ "$changes" = 0 ] || systemctl restart pyctr-lab
    systemctl is-active --quiet pyctr-lab || systemctl start pyctr-lab
    [ "${PYCTR_DOOR:-no}" != yes ] || systemctl start pyctr-lab-door
    seconds=0
    until ss -Htln "sport = :$port" | grep -q .; do
        seconds=$((seconds + 1))
        if [ $seconds -gt 300 ] || systemctl is-failed --quiet pyctr-lab; then
            journalctl --unit pyctr-lab --lines 10 --no-pager >&2
            die "JupyterLab did not start: its last words are above"
        fi
        sleep 1
    done
}

main() {
    [ "$(id -u)" = 0 ] || die "only root can provision a machine"
    [ -e /etc/debian_version ] || die "this is no Debian"
    course_tree
    packages
    ca_bundle
    [ "${PYCTR_ROLE:-course}" = worker ] || home_of_the_course
    idle_services
    if [ $changes = 0 ]; then say "nothing to change"; else say "$changes things changed"; fi
    [ -z "${address:-}" ] || say "JupyterLab: $address"
}

home_of_the_course() {
    student
    environment
    compiled
    work_folder
    service
    if is_live; then
        token
        started
    fi
}

main
