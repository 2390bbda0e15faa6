"""The command line: ``python -m app [serve | api | relay | turn | migrate | drain | settings]``."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import structlog
import typer

from app import settings
from app.bootstrap.process import event_loop
from app.core import garbage, log
from app.core.clock import SystemClock
from app.core.errors import BadRequest, Conflict, NotFound, Unavailable
from app.settings import Settings, SettingsError
from app.store.data_folder import DataFolder, DataFolderError
from app.supervisor import EXIT_AWAY, EXIT_FAULT, EXIT_SETTINGS, Supervisor

EventLoops = Callable[[], asyncio.AbstractEventLoop]

main = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The backend of a live lecture. Without a command: serve.",
)


def complain(sentence: str) -> None:
    """Say on stderr why this process ends."""
    typer.echo(sentence, err=True)


def prepared(role: str, *, warn: bool = False) -> Settings:
    """Read the settings and set logging up, or say what is wrong with them and exit with 2."""
    try:
        found = settings.load()
    except SettingsError as error:
        complain(str(error))
        raise typer.Exit(EXIT_SETTINGS) from None
    log.configure(role, found.log_level, as_json=found.is_production)
    if warn:
        for warning in settings.unknown_variables():
            structlog.get_logger(__name__).warning(warning)
    return found


def run_role(role: Coroutine[Any, Any, None], event_loop: EventLoops | None = None) -> None:
    """Run one role to its end. What an operator must see is one sentence, not a traceback."""
    try:
        with asyncio.Runner(loop_factory=event_loop) as runner:
            runner.run(role)
    except (SettingsError, DataFolderError) as error:
        complain(str(error))
        raise typer.Exit(EXIT_SETTINGS) from None
    except Unavailable as error:
        complain(error.message)
        raise typer.Exit(EXIT_AWAY) from None


@main.callback(invoke_without_command=True)
def without_command(context: typer.Context) -> None:
    """Serve when no command is named."""
    if context.invoked_subcommand is None:
        serve()


@main.command()
def serve() -> None:
    """Start and supervise everything on this machine."""
    found = prepared("serve", warn=True)

    async def supervise() -> int:
        supervisor = Supervisor(
            found,
            SystemClock(),
            cores=sorted(os.sched_getaffinity(0)),
            say=typer.echo,
            complain=complain,
        )
        return await supervisor.run()

    raise typer.Exit(asyncio.run(supervise()))


@main.command()
def api() -> None:
    """Run one api process: REST, Socket.IO and the pages."""
    found = prepared("api")
    # Imported here: it takes a second, and neither the supervisor nor `migrate` needs all of it.
    with garbage.resting():
        from app.bootstrap.api import run_api  # noqa: PLC0415

    run_role(run_api(found), event_loop)


@main.command()
def relay(
    index: Annotated[
        int, typer.Option(min=0, help="Which relay of this machine: its port is the first + this.")
    ] = 0,
    standby: Annotated[
        bool, typer.Option(help="Be told which by a line on standard input: `INDEX CORE` (or -).")
    ] = False,
) -> None:
    """Run one relay process."""
    found = prepared("relay" if standby else f"relay-{index}")
    with garbage.resting():
        from app.bootstrap.relay import run_relay  # noqa: PLC0415

    if standby:
        line = sys.stdin.readline().split()
        if not line:  # whoever started it is gone
            return
        index, core = int(line[0]), line[1]
        log.configure(f"relay-{index}", found.log_level, as_json=found.is_production)
        if core != "-":
            os.sched_setaffinity(0, {int(core)})
    run_role(run_relay(found, index), event_loop)


@main.command(hidden=True)
def recorder(
    link: Annotated[int, typer.Option(min=0, help="The file descriptor of the relay's link.")],
) -> None:
    """Run the recorder of one relay; relays start it by themselves."""
    found = prepared("recorder")
    from app.recorder import run_recorder  # noqa: PLC0415

    run_role(run_recorder(found, link))


@main.command(hidden=True)
def finalise(
    lecture: Annotated[str, typer.Argument(help="The lecture's id.")],
) -> None:
    """Make one recording whole; api processes start it by themselves."""
    found = prepared("finalise")
    from app.core.ids import LectureId  # noqa: PLC0415
    from app.recorder import run_finalise  # noqa: PLC0415

    run_role(run_finalise(found, LectureId(lecture)))


@main.command()
def turn() -> None:
    """Run one TURN server (coturn) and watch it."""
    found = prepared("turn")
    from app.bootstrap.turn import run_turn  # noqa: PLC0415

    run_role(run_turn(found), event_loop)


@main.command()
def migrate() -> None:
    """Bring the database's tables, and the live rooms in Redis, up to this version."""
    found = prepared("migrate")
    from app.store import migrate as tables  # noqa: PLC0415

    async def run() -> None:
        if found.database_url is None:
            DataFolder(found.data_dir).prepare()
        await tables.migrate(found.database)
        if found.redis_url is not None:
            await upgrade_live_rooms(found.redis_url)

    try:
        run_role(run())
    except RuntimeError as error:  # made by a newer version
        complain(str(error))
        raise typer.Exit(EXIT_FAULT) from None


@main.command()
def erase(email: Annotated[str, typer.Argument(help="The account's e-mail address.")]) -> None:
    """Erase a person: the account, its lectures, its traces in others', in every store and file.

    Where `serve` brings Redis, that must run: name it by REDIS_URL (unix://<data>/redis/redis.sock).
    """
    found = prepared("erase")
    from app.bootstrap.archive import run_erase  # noqa: PLC0415

    async def run() -> None:
        try:
            erased, forgotten = await run_erase(found, email)
        except (NotFound, Conflict) as error:
            complain(error.message)
            raise typer.Exit(EXIT_FAULT) from None
        typer.echo(f"erased, with {erased.lectures} lectures")
        if erased.pending:
            typer.echo(f"{erased.pending} lectures that are not over are cleaned when they end")
        if not forgotten:
            complain("the files of a database were not rewritten: its administrator has to (log)")
            raise typer.Exit(EXIT_FAULT)

    run_role(run())


async def upgrade_live_rooms(url: str) -> None:
    """Upgrade every live room. A Redis that is away is no error: each room is upgraded when it is
    touched first."""
    from app.store.layout import upgrade_rooms  # noqa: PLC0415
    from app.store.redis import Redis  # noqa: PLC0415

    redis = Redis(url)
    try:
        await redis.open()
        rooms = await upgrade_rooms(redis)
        structlog.get_logger(__name__).info("live rooms are up to date", rooms=rooms)
    except Unavailable as error:
        structlog.get_logger(__name__).warning("rooms are upgraded later", reason=error.message)
    finally:
        await redis.close()


@main.command()
def drain(
    node: Annotated[
        str, typer.Argument(help="Which process, as `drain` without it lists them.")
    ] = "",
    seconds: Annotated[
        float | None, typer.Option(min=0, help="How long it may take. Unset: as the settings say.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Return when it has ended.")] = True,
) -> None:
    """Have a process give away what it has, and end. Whatever supervises it starts it again."""
    found = prepared("drain")
    from app import draining  # noqa: PLC0415

    allowed = found.drain_seconds if seconds is None else seconds
    try:
        run_role(draining.drain(found, node, allowed, wait=wait, say=typer.echo))
    except draining.DrainError as error:
        complain(str(error))
        raise typer.Exit(EXIT_FAULT) from None


services = typer.Typer(help="Services: other systems that run rooms over the server API.")
main.add_typer(services, name="service")


@services.command()
def create(
    name: Annotated[str, typer.Argument(help="A name, unique among services.")],
    super_: Annotated[
        bool, typer.Option("--super", help="It may make and delete services.")
    ] = False,
    full_signatures: Annotated[
        bool, typer.Option(help="Take no requests in its name by MAuth, which signs no body.")
    ] = False,
) -> None:
    """Make a service, and print its id and its key. The key is shown this once."""
    found = prepared("service")
    from app.bootstrap.service_api import create_service  # noqa: PLC0415

    async def run() -> None:
        made = await create_service(found, name, is_super=super_, full_signatures=full_signatures)
        typer.echo(f"id: {made.id}\nkey: {made.key}")

    _refusable(run())


@services.command(name="list")
def list_() -> None:
    """List the services."""
    found = prepared("service")
    from app.bootstrap.service_api import list_services  # noqa: PLC0415

    async def run() -> None:
        for one in await list_services(found):
            typer.echo(f"{one.id}  {'super  ' if one.is_super else ''}{one.name}")

    _refusable(run())


def _refusable(role: Coroutine[Any, Any, None]) -> None:
    try:
        run_role(role)
    except (BadRequest, Conflict) as error:
        complain(error.message)
        raise typer.Exit(EXIT_FAULT) from None


@main.command(name="settings")
def print_settings() -> None:
    """Print the reference of all settings (docs/settings.md)."""
    typer.echo(settings.reference(), nl=False)


if __name__ == "__main__":
    sys.exit(main())
