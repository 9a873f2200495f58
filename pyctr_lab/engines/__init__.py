"""Other people's runtimes behind one small interface, in a room of their own."""

from .bubblewrap import Bubblewrap
from .engine import Available, Engine, Instance
from .ours import Ours
from .plain import Plain
from .room import Room
from .unshare import Unshare

ALL: dict[str, type[Engine]] = {each.name: each for each in (Plain, Ours, Unshare, Bubblewrap)}

__all__ = ["ALL", "Available", "Engine", "Instance", "Room"]
