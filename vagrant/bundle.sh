#!/bin/sh
# ./lab vm bundle: everything that setting up a machine takes from the internet, fetched once into vagrant/bundle. The
# Vagrantfile sends what lies there along, and provision.sh then asks no network. Goes on where it was interrupted.
set -eu
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
course=$(dirname "$here")

usage() {
    cat <<'END_OF_USAGE'
./lab vm bundle [WHAT] [OPTIONS]   WHAT is wheels, debs, or both (as when there is no word)
  --arch ARCH       of the machines: amd64 or arm64 (this computer's)
  --suite SUITE     of Debian in the machines: bookworm or trixie (bookworm)
  --groups LIST     groups of packages.txt (all that provision.sh installs)
  --tests           also what the course's own tests need of Python
  --sources FILE    apt's sources of that suite, if this computer's own are of another
  --output DIR      where it goes (vagrant/bundle)
wheels: Python packages of the locked list, about 90 MB; needs python3.
debs: Debian packages with all they need, about 170 MB. Fetched by this computer's apt, with settings of its own that
      change nothing here; or, where there is no apt for that suite, by the course's machine, which must then be running.
A second architecture goes to a folder of its own: --arch arm64 --output vagrant/bundle-arm64.
END_OF_USAGE
}

say() { printf 'bundle: %s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

usage_error() {
    say "$*; ./lab vm bundle --help says how"
    exit 2
}

what='' suite=bookworm output=$here/bundle list=course sources='' etc=/etc/apt
groups=$(sed -n "s/^all_groups='\(.*\)'/\1/p" "$here/provision.sh")
case $(uname -m) in arm64 | aarch64) arch=arm64 ;; *) arch=amd64 ;; esac

read_words() {
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage && exit ;;
            --tests) list='test' ;;
            --arch | --suite | --groups | --sources | --output)
                [ $# -ge 2 ] || usage_error "$1 needs a value"
                eval "${1#--}=\$2"
                shift
                ;;
            wheels | debs) what="$what $1" ;;
            *) usage_error "unknown option or word: $1" ;;
        esac
        shift
    done
    case $arch in
        amd64) processor=x86_64 ;;
        arm64) processor=aarch64 ;;
        *) usage_error "'$arch' is no architecture of the course: amd64 or arm64" ;;
    esac
    case $suite in
        bookworm) version=3.11 glibc=36 ;;
        trixie) version=3.13 glibc=41 ;;
        *) usage_error "'$suite' is no suite that the course was tried with: bookworm or trixie" ;;
    esac
}

# ----------------------------------------------------------------------------------------------------- long commands

# with_progress TITLE FOLDER TOTAL COMMAND...: print every ten seconds how many files have arrived.
with_progress() {
    title=$1 folder=$2 total=$3
    shift 3
    log=$output/$title.log
    "$@" >"$log" 2>&1 &
    work=$!
    trap 'kill $work 2>/dev/null; exit 130' INT TERM HUP
    seconds=0
    while kill -0 $work 2>/dev/null; do
        [ $((seconds % 10)) != 0 ] || [ $seconds = 0 ] || say "$title: $(there "$folder") of $total, $(size "$folder") ($seconds s)"
        sleep 1
        seconds=$((seconds + 1))
    done
    wait $work || { tail -n 5 "$log" >&2 && die "$title: not all could be fetched; what is there stays, so try again ($log)"; }
    trap - INT TERM HUP
}

there() { find "$1" -type f \( -name '*.whl' -o -name '*.deb' \) 2>/dev/null | wc -l | tr -d ' '; }

size() { du -sk "$1" 2>/dev/null | awk '{ print int($1 / 1024) " MB" }'; }

# ------------------------------------------------------------------------------------------------------------ wheels

# The course's own, or one made for this.
find_pip() {
    python=$course/.venv/bin/python
    "$python" -m pip --version >/dev/null 2>&1 && return
    python=$output/.pip/bin/python
    "$python" -m pip --version >/dev/null 2>&1 && return
    command -v python3 >/dev/null || die "python3 is needed to fetch Python packages"
    python3 -m venv "$output/.pip" || die "python3 can make no virtual environment; install its venv module"
}

# As the machine's pip would name its platform: each glibc from the machine's down to that of the oldest wheels.
platforms() {
    minor=$glibc
    while [ "$minor" -ge 5 ]; do
        printf ' --platform manylinux_2_%s_%s' "$minor" "$processor"
        minor=$((minor - 1))
    done
    printf ' --platform manylinux2014_%s --platform manylinux2010_%s --platform manylinux1_%s' "$processor" "$processor" "$processor"
}

# Ten at a time: pip puts down what it has when it has all, and an interruption should not cost all. It ends with this.
fetch_wheels() { # LIST
    child=''
    trap 'kill $child; exit 1' TERM
    rm -rf "$output/.parts" && mkdir "$output/.parts"
    split -l 10 "$1" "$output/.parts/"
    for part in "$output"/.parts/*; do
        # shellcheck disable=SC2046 # words
        "$python" -m pip --disable-pip-version-check --no-input download --no-deps --require-hashes \
            --only-binary :all: --implementation cp --python-version "$version" \
            --abi "cp$(echo "$version" | tr -d .)" --abi abi3 --abi none $(platforms) \
            --dest "$output/wheels" --requirement "$part" &
        child=$!
        wait $child || return 1
    done
    rm -r "$output/.parts"
}

wheels() {
    find_pip
    wanted=$output/wheels-$arch.txt
    "$python" "$here/wheels.py" "$course/requirements/$list.txt" "$version" "$processor" >"$wanted.new"
    count=$(grep -c == "$wanted.new")
    if cmp -s "$wanted.new" "$wanted" && [ "$(there "$output/wheels")" -ge "$count" ]; then
        rm "$wanted.new"
        say "wheels: all $count are there, $(size "$output/wheels")"
        return
    fi
    say "wheels: $count Python packages for Python $version on $processor ..."
    with_progress wheels "$output/wheels" "$count" fetch_wheels "$wanted.new"
    mv "$wanted.new" "$wanted"
    say "wheels: $(there "$output/wheels") files, $(size "$output/wheels"), in $output/wheels"
}

# -------------------------------------------------------------------------------------------------------------- debs

# Of packages.txt, for the machine's architecture and not for this computer's.
packages() {
    while read -r group package _ only; do
        case " guest $groups " in *" $group "*) [ -n "$only" ] && [ "$only" != "$arch" ] || echo "$package" ;; esac
    done <"$course/packages.txt" | sort -u
}

# Every file that names the suite and Debian's own component: other people's archives have others.
find_sources() {
    [ -z "$sources" ] || { [ -r "$sources" ] && echo "$sources" && return; }
    for file in "$etc"/sources.list.d/*.sources "$etc"/sources.list "$etc"/sources.list.d/*.list; do
        if grep -qs "^[^#]*$suite" "$file" && grep -qsw '^[^#]*main' "$file"; then echo "$file"; fi
    done
}

# A world of apt's own, in which nothing is installed: so all that a package needs is fetched, whatever a box has already.
apt_world() { # SOURCES, a file a line
    apt=$output/.apt
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    : >"$apt/status"
    rm -rf "$apt/sources.d" && mkdir "$apt/sources.d"
    echo "$1" | while read -r file; do cp "$file" "$apt/sources.d/${file##*/}"; done
    cat >"$apt/apt.conf" <<CONF
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt";
Dir::Cache::Archives "$apt/archives";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$apt/sources.d";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
CONF
    export APT_CONFIG="$apt/apt.conf"
}

debs() {
    from=''
    ! command -v apt-get >/dev/null || from=$(find_sources)
    if [ -z "$from" ]; then debs_of_machine && return; fi
    apt_world "$from"
    say "debs: asking for the list of $suite's packages ($arch) ..."
    apt-get update >"$output/debs.log" 2>&1 || { tail -n 3 "$output/debs.log" >&2 && die "debs: apt cannot read its sources"; }
    # shellcheck disable=SC2046 # words
    count=$(apt-get --yes --print-uris install $(packages) | grep -c "^'") || count=0
    say "debs: $count packages are still to come ..."
    # shellcheck disable=SC2046
    with_progress debs "$apt/archives" "$((count + $(there "$apt/archives")))" apt-get --yes --download-only install $(packages)
    unset APT_CONFIG
    collect
}

# By names without the percent signs that apt puts for colons: a folder is read by a file's true name.
collect() {
    rm -rf "$output/debs.new" && mkdir "$output/debs.new"
    for deb in "$apt"/archives/*.deb; do
        name=$(basename "$deb" | sed 's/%3a/_/')
        ln "$deb" "$output/debs.new/$name" 2>/dev/null || cp "$deb" "$output/debs.new/$name"
    done
    rm -rf "$output/debs" && mv "$output/debs.new" "$output/debs"
    say "debs: $(there "$output/debs") files, $(size "$output/debs"), in $output/debs"
}

# Where this computer has no apt of that suite: the same script in the machine, and its harvest as a tar.
debs_of_machine() {
    command -v vagrant >/dev/null || die "debs: here is no apt with sources of $suite, and no vagrant; --sources names some"
    cd "$here"
    vagrant status course --machine-readable 2>/dev/null | grep -q ',state,running' ||
        die "debs: here is no apt with sources of $suite; the machine can do it: ./lab vm, then this again"
    say "debs: fetched by the machine, which has Debian's apt ..."
    vagrant ssh course --no-tty --command "sudo /opt/pyctr_lab/vagrant/bundle.sh debs --arch $arch --suite $suite \
        --groups '$groups' --output /var/tmp/pyctr-bundle" -- -q || die "debs: the machine could not fetch them"
    rm -rf "$output/debs.new" && mkdir "$output/debs.new"
    vagrant ssh course --no-tty --command 'sudo tar -C /var/tmp/pyctr-bundle/debs -cf - .' -- -q </dev/null |
        tar -C "$output/debs.new" -xf -
    [ "$(there "$output/debs.new")" -gt 0 ] || die "debs: nothing came from the machine; try again"
    rm -rf "$output/debs" && mv "$output/debs.new" "$output/debs"
    say "debs: $(there "$output/debs") files, $(size "$output/debs"), in $output/debs"
}

read_words "$@"
mkdir -p "$output"
output=$(CDPATH='' cd -- "$output" && pwd -P)
for word in ${what:-wheels debs}; do $word; done
say "the Vagrantfile takes vagrant/bundle along by itself; another folder: PYCTR_WHEELS and PYCTR_DEBS"
