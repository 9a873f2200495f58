"""Images: OCI layouts, layers, safe unpacking, a store, a builder and a registry client."""
