"""What a MySQL server is told so that it writes, or follows another one: GTIDs and semi-synchronous replication.

The server itself remembers nothing across a restart: it starts read-only and follows nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_advanced_python_wrapper.local.errors import NoAnswerError
from aws_advanced_python_wrapper.local.mysql import gtid
from aws_advanced_python_wrapper.local.proxy.mysql.sql import literal

if TYPE_CHECKING:
    from aws_advanced_python_wrapper.local.mysql.accounts import Account
    from aws_advanced_python_wrapper.local.mysql.client import Client
    from aws_advanced_python_wrapper.local.node import Site

_APPLY_TIMEOUT = 30
_RUNNING = ("Yes", "Yes")


class Replication:
    """One server's place in the replication."""

    def __init__(self, client: Client, account: Account) -> None:
        self._client = client
        self._account = account
        self._own = 0

    async def write(self, *, confirmed: bool) -> None:
        """Have the server write, after it has applied all that it has received.

        `confirmed`: each commit waits until a standby has it.
        """
        await self._client.rows("STOP REPLICA IO_THREAD")
        if status := await self.status():
            await self._apply(status["Retrieved_Gtid_Set"] or "")
            await self._client.rows("STOP REPLICA")
            await self._client.rows("RESET REPLICA ALL")
        await self._set("rpl_semi_sync_replica_enabled", on=False)
        await self._set("rpl_semi_sync_source_enabled", on=confirmed)
        await self._set("read_only", on=False)

    async def follow(self, source: Site, *, confirms: bool) -> None:
        """Have the server follow another one; `confirms`: its word counts that a commit is safe."""
        await self._set("read_only", on=True)
        await self._set("rpl_semi_sync_source_enabled", on=False)
        again = self._is_of(await self.status(), source)
        await self._client.rows("STOP REPLICA IO_THREAD" if again else "STOP REPLICA")
        await self._set("rpl_semi_sync_replica_enabled", on=confirms)  # counts from the next start on
        if not again:
            await self._client.rows(
                f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = {literal(source.address)}, SOURCE_PORT = {source.port}, "
                "SOURCE_AUTO_POSITION = 1, SOURCE_SSL = 0, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1, "
                "SOURCE_RETRY_COUNT = 1000000, SOURCE_HEARTBEAT_PERIOD = 0.5"
            )
        await self._client.rows(f"START REPLICA {self._credentials}")

    async def clone(self, donor: Site, timeout: float) -> None:
        """Replace all data by the donor's; the server ends then, so this raises `NoAnswerError` even if all is well."""
        address = f"{donor.address}:{donor.port}"
        await self._client.rows(f"SET GLOBAL clone_valid_donor_list = {literal(address)}")
        account = f"{literal(self._account.name)}@{literal(donor.address)}"
        password = literal(self._account.password)
        await self._client.rows(f"CLONE INSTANCE FROM {account}:{donor.port} IDENTIFIED BY {password}", timeout)

    async def end_reception(self, timeout: float) -> None:
        """Receive nothing more, so that nothing is confirmed to a writer that is given up."""
        await self._client.rows("STOP REPLICA IO_THREAD", timeout)

    async def position(self) -> int:
        """Return how many transactions the server has received, those that only it has not counted."""
        received = (await self.status()).get("Retrieved_Gtid_Set") or ""
        together = f"CONCAT(@@gtid_executed, ',', {literal(received)})"
        row = await self._client.row(f"SELECT @@server_uuid AS uuid, GTID_SUBTRACT({together}, '') AS gtids")
        counts = gtid.counts(row["gtids"])
        return sum(counts.values()) - counts.get(row["uuid"], 0) + self._own

    async def is_in_step(self, source: Site, writer: Client) -> bool:
        """Tell whether the server has received all that this source had, and has nothing that the writer lacks."""
        goal = (await writer.row("SELECT @@gtid_executed AS gtids"))["gtids"]
        status = await self.status()
        running = (status.get("Replica_IO_Running"), status.get("Replica_SQL_Running"))
        if not self._is_of(status, source) or running != _RUNNING:
            return False
        return not await self._missing(goal, status) and not await self.surplus(writer)

    async def _missing(self, goal: str, status: dict[str, Any]) -> str:
        """Return those of some transactions that the server has not received."""
        received = f"CONCAT(@@gtid_executed, ',', {literal(status['Retrieved_Gtid_Set'] or '')})"
        missing: str = (await self._client.row(f"SELECT GTID_SUBTRACT({literal(goal)}, {received}) AS gtids"))["gtids"]
        return missing

    async def surplus(self, writer: Client) -> str:
        """Return the transactions that the server has and the writer lacks; then it cannot follow that one.

        The writer's own do not count: a standby has them a moment before the writer holds them for committed.
        """
        row = await self._client.row("SELECT @@server_uuid AS uuid, @@gtid_executed AS gtids")
        other = await writer.row(
            f"SELECT @@server_uuid AS uuid, GTID_SUBTRACT({literal(row['gtids'])}, @@gtid_executed) AS surplus"
        )
        if gtid.counts(other["surplus"]).keys() <= {other["uuid"]}:
            self._own = gtid.counts(row["gtids"]).get(row["uuid"], 0)
            return ""
        surplus: str = other["surplus"]
        return surplus

    async def status(self) -> dict[str, Any]:
        """Return the state of the reception; nothing where the server follows nobody."""
        return await self._client.row("SHOW REPLICA STATUS")

    async def confirming(self) -> int:
        """Return how many standbys are connected whose word counts."""
        row = await self._client.row("SHOW STATUS LIKE 'Rpl_semi_sync_source_clients'")
        return int(row.get("Value", 0))

    async def _apply(self, gtids: str) -> None:
        waiting = f"SELECT WAIT_FOR_EXECUTED_GTID_SET({literal(gtids)}, {_APPLY_TIMEOUT}) AS late"
        if (await self._client.row(waiting, _APPLY_TIMEOUT + 5))["late"]:
            raise NoAnswerError(f"it did not apply what it had received within {_APPLY_TIMEOUT} s")

    async def _set(self, variable: str, *, on: bool) -> None:
        await self._client.rows(f"SET GLOBAL {variable} = {'ON' if on else 'OFF'}")

    def _is_of(self, status: dict[str, Any], source: Site) -> bool:
        return (status.get("Source_Host"), status.get("Source_Port")) == (source.address, source.port)

    @property
    def _credentials(self) -> str:
        # Given at each start, so that no table of the server's has the password.
        return f"USER = {literal(self._account.name)} PASSWORD = {literal(self._account.password)}"
