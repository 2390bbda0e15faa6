"""What ``serve`` cannot do is one clear sentence and exit code 2, never a traceback."""

import socket
from pathlib import Path

from tests.integration.serve.conftest import Serve, Served


def refusal(served: Served) -> str:
    assert served.process.wait(timeout=60) == 2, served.output
    served._reader.join(timeout=5)
    assert "Traceback" not in served.output
    return served.output


def test_a_port_in_use_is_named_with_what_to_change(serve: Serve, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refusal(serve(LECTERN_PORT=str(port)))
    assert said.startswith(f"LECTERN_PORT: TCP port {port} of 127.0.0.1 is in use")
    assert len(said.splitlines()) == 1


def test_a_media_port_in_use_is_named_too(serve: Serve) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        said = refusal(serve(LECTERN_MEDIA_PORT=str(port)))
    assert said.startswith(f"LECTERN_MEDIA_PORT: UDP port {port} of 127.0.0.1 is in use")


def test_an_address_of_another_machine(serve: Serve) -> None:
    said = refusal(serve(LECTERN_HOST="192.0.2.1"))
    assert said == "LECTERN_HOST: 192.0.2.1 is not an address of this machine"


def test_a_data_folder_that_cannot_be_written(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = refusal(serve(data=tmp_path / "file" / "data"))
    assert said.startswith(f"LECTERN_DATA_DIR: {tmp_path}/file/data cannot be written")
    assert len(said.splitlines()) == 1


def test_a_wrong_value(serve: Serve) -> None:
    said = refusal(serve(LECTERN_RELAYS="many"))
    assert said == "LECTERN_RELAYS: 'many' is not usable; it must be a whole number from 0 to 64"


def test_production_names_what_it_needs(serve: Serve) -> None:
    said = refusal(serve(LECTERN_ENV="production"))
    for name in (
        "JWT_SECRET_KEY",
        "REDIS_URL",
        "DATABASE_URL",
        "LECTERN_ALLOWED_ORIGINS",
        "LECTERN_MEDIA_HOST",
    ):
        assert name in said
    assert len(said.splitlines()) == 1


def test_a_slip_in_a_name_is_a_warning(serve: Serve) -> None:
    served = serve(LECTERN_MEDIAPORT="1", LECTERN_HOST="192.0.2.1")
    assert "did you mean LECTERN_MEDIA_PORT?" in refusal(served)
