"""Programs that serve a network: each runs in a process of its own, from the standard library alone."""
