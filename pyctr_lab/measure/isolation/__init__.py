"""Which wall of a container stops what: probes from inside, and a victim on the outer side."""

from .matrix import IsolationMatrix, Outcome
from .probes import PROBES, Probe
from .running import measure_isolation, probe_recipe
from .walls import WALLS

__all__ = ["PROBES", "WALLS", "IsolationMatrix", "Outcome", "Probe", "measure_isolation", "probe_recipe"]
