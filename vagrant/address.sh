#!/bin/sh
# Run by Vagrant in the machine at each start: the host's port may have changed since the address was written.
set -eu

file=/etc/pyctr-lab/address
[ -s $file ] || exit 0
address=$(sed "s|127.0.0.1:[0-9]*/|127.0.0.1:$PYCTR_PORT/|" $file)
[ "$address" = "$(cat $file)" ] || echo "$address" >$file
hint=${file%/*}/tunnel
if [ "${PYCTR_TUNNEL:-no}" = yes ]; then
    {
        echo "This provider's ports would be open to everybody around. Keep a tunnel open instead, in a terminal of its own:"
        echo "    vagrant ssh course -- -N -L 127.0.0.1:$PYCTR_PORT:127.0.0.1:8888"
    } >"$hint"
    cat "$hint"
else
    rm -f "$hint"
fi
echo "JupyterLab: $address"
