#!/bin/sh
# Run the course's tests in the machine, as student (--root: as root), under pure cgroup v2: root starts this there, with
# pytest's WORDS.
#
# A login is not handed a control group with controllers, and the tests want one, as the service of JupyterLab has it.
set -eu

course=/opt/pyctr_lab

inside() { # WORD... : now as that user, in a group of its own
    own=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
    mkdir "$own/tests"
    echo $$ >"$own/tests/cgroup.procs"
    echo '+cpu +memory +pids +io' >"$own/cgroup.subtree_control"
    HOME=$(mktemp -d)
    trap 'rm -rf "$HOME"' EXIT
    export HOME LANG=C.UTF-8 PATH="$course/.venv/bin:$PATH"
    export PYCTR_LAB_PATIENCE=600 # a slow machine says no more than a quick one
    export PYCTR_LAB_QUICK=exec,ours,bubblewrap,runc # ten boots in this machine would take minutes
    cd "$course"
    # One process: the machine may have one emulated processor, and each test keeps several processes busy.
    python -m pytest -p no:cacheprovider -o timeout=1200 --durations=0 --durations-min=1 \
        --nbval-current-env --nbval-cell-timeout 900 \
        --nbval-sanitize-with tests/nbval-sanitize.cfg "$@"
}

user=student
case ${1-} in --root) user=root && shift ;; esac
case ${1-} in
    --inside) shift && inside "$@" ;;
    *)
        "$course/.venv/bin/python" -c 'import pytest' 2>/dev/null ||
            { echo "guest-tests: what the tests need is not here; provision with PYCTR_SETUP=test" >&2 && exit 1; }
        exec systemd-run --quiet --uid=$user --property='Delegate=cpu memory pids io' --wait --pipe --collect \
            "$course/vagrant/guest-tests.sh" --inside "$@"
        ;;
esac
