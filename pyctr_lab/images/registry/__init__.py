"""A client for registries: the HTTP API of OCI's distribution specification (spec.md there). It needs urllib3."""

from .client import Registry
from .conversation import Conversation, Exchange
from .transfers import BlobProgress
from .wire import RegistryError

__all__ = ["BlobProgress", "Conversation", "Exchange", "Registry", "RegistryError"]
