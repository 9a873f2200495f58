"""Which wall of a container stops what: probes from inside, and a victim on the outer side."""

from .engines import EnginesIsolation, measure_engines_isolation
from .matrix import IsolationMatrix, Outcome
from .probes import PROBES, Probe
from .running import measure_isolation, probe_recipe
from .walls import WALLS

__all__ = [
    "PROBES", "WALLS", "EnginesIsolation", "IsolationMatrix", "Outcome", "Probe", "measure_engines_isolation",
    "measure_isolation", "probe_recipe",
]  # fmt: skip
