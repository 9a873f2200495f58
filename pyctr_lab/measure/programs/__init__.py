"""Small real programs for experiments. Each is handed to an interpreter of its own as standard input, so that it needs
no path: `python3 -I -S - ARGUMENTS < server.py`. Standard library only.
"""
