"""Engines compared, as pictures of results: starts, memory, running cost, crowds; and a page with all of them."""
