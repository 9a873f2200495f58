"""Building images: the lines of a Containerfile, what they copy, and a cache of the layers they make."""
