"""The one client of OCI registries (OCI distribution-spec v1.1)."""

from morphops.adapters.registry.client import RegistryClient, answers
from morphops.adapters.registry.values import Descriptor, Manifest

__all__ = ["Descriptor", "Manifest", "RegistryClient", "answers"]
