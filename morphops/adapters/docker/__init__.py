"""The container engine: the only folder that imports python-on-whales."""
