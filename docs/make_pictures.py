"""Makes the pictures that README shows, from a live process: `.venv/bin/python docs/make_pictures.py`."""

from pathlib import Path

from pyctr_lab import Lab, draw, steps
from pyctr_lab.measure import measure

with Lab() as lab:
    box = lab.container("demo")
    for step in tuple(lab.recipe())[:2]:  # the user namespace and its maps give the power over the others
        box.apply(step)
    for kind in ("mnt", "pid", "uts"):
        box.apply(steps.NewNamespace(kind))
    box.apply(steps.SetHostname("demo"))
    draw.isolation_map(box).save(Path(__file__).with_name("isolation-map.svg"))

draw.startup(measure("startup", budget=40)).save(Path(__file__).with_name("startup.svg"))
