"""A real Kafka, Redis and Triton on this machine, without Docker, root or a GPU."""

from streams.local.addresses import ServerName, with_local_addresses

__all__ = ["ServerName", "with_local_addresses"]
