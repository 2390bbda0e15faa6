"""A real Kafka broker of one node, as the test's own child (tests/setup/kafka.sh fetched it)."""

import asyncio
import shutil
from pathlib import Path

from bench.ports import free_port

JARS = Path(__file__).resolve().parents[3] / "data" / "kafka-for-tests"
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
"""For a program that runs for seconds: little is compiled, and that at once."""
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"


class Broker:
    """Started and stopped any number of times; what it stored stays."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        port, controller = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        self._properties = folder / "server.properties"
        lines = [
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@127.0.0.1:{controller}",
            f"listeners=PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            f"advertised.listeners=PLAINTEXT://{self.address}",
            "controller.listener.names=CONTROLLER",
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            f"log.dirs={folder / 'logs'}",
            "offsets.topic.replication.factor=1",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "num.partitions=3",
            # A broker that was killed is let in again when the one before it has been given up.
            "broker.session.timeout.ms=2000",
            "broker.heartbeat.interval.ms=500",
        ]
        self._properties.write_text("\n".join(lines) + "\n")

    async def open(self) -> None:
        if not (self._folder / "logs").exists():
            tool = ("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c")
            assert await (await self._java(*tool, str(self._properties))).wait() == 0
        self._process = await self._java("kafka.Kafka", str(self._properties))
        host, port = self.address.split(":")
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection(host, int(port))
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    return

    async def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    async def _java(self, *words: str) -> asyncio.subprocess.Process:
        java = shutil.which("java")
        assert java is not None, "tests/setup/components.sh installs Java"
        assert JARS.is_dir(), "tests/setup/components.sh fetches Kafka"
        nowhere = asyncio.subprocess.DEVNULL
        classes = f"{JARS}/*"
        return await asyncio.create_subprocess_exec(
            java, *QUICK, "-Xmx256m", "-cp", classes, *words, stdout=nowhere, stderr=nowhere
        )
