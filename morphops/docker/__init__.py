"""Everything that talks to a Docker engine; the only place that imports python-on-whales."""
