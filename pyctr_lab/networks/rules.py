"""Rules of nftables: packets that are lost. See nft(8)."""

from __future__ import annotations

import shutil

from ..errors import BadInput, LabError, Unsupported
from ..kernel.checks import is_number, short_repr
from ..runtime.container import Container

TABLE = "pyctr_lab"
FOLDERS = "/usr/sbin:/sbin:/usr/bin"  # /usr/sbin is not in every user's PATH


def loss_rules(port: int, percent: float) -> str:
    """A batch for nft that has a port of a bridge lose so many of a hundred packets; 0 ends it. Raises BadInput."""
    if not is_number(percent) or not 0 <= percent <= 100:
        raise BadInput(f"{short_repr(percent)} of a hundred packets cannot be lost", hint="a number from 0 to 100")
    chain, lost = f"loss-v{port}", round(float(percent) * 100)
    lines = [
        f"add table bridge {TABLE}",
        f"add chain bridge {TABLE} {chain} {{ type filter hook forward priority 0; }}",
        f"flush chain bridge {TABLE} {chain}",
    ]
    some = f"numgen random mod 10000 < {lost} " if lost < 10000 else ""  # nft refuses a comparison that always holds
    rule = f'oifname "v{port}" meta protocol {{ ip, ip6 }} {some}counter drop'
    if lost:
        return "\n".join([*lines, f"add rule bridge {TABLE} {chain} {rule}"]) + "\n"
    return "\n".join([*lines, f"delete chain bridge {TABLE} {chain}"]) + "\n"


def apply_rules(lab: Container, batch: str) -> None:
    """Have nft apply a batch in the lab's network namespace: all of it or nothing. Raises Unsupported without nft."""
    nft = shutil.which("nft", path=FOLDERS)
    if nft is None:
        raise Unsupported(
            "nft is not installed", hint="the package nftables has it; pyctr-lab doctor says what needs it"
        )
    run = lab.run([nft, "-f", "-"], stdin=batch, timeout=60)
    if run.returncode:
        raise LabError(f"nft refused the rules: {run.stderr.strip().splitlines()[0] if run.stderr else run.returncode}")
