"""How the core names an address, and how an IPv6 socket wants it back."""

import pytest

from app.relay.config import RelayConfig
from app.relay.core.media import Address
from app.relay.datagrams import plain_address
from app.relay.sending import kernel_address


@pytest.mark.parametrize(
    ("kernels", "cores"),
    [
        (("192.0.2.1", 5), ("192.0.2.1", 5)),
        (("::ffff:192.0.2.1", 5, 0, 0), ("192.0.2.1", 5)),
        (("2001:db8::1", 5, 0, 0), ("2001:db8::1", 5)),
        (("fe80::1", 5, 0, 3), ("fe80::1%3", 5)),
        (("fe80::1%eth0", 5, 0, 3), ("fe80::1%3", 5)),
        (("::ffff:1", 5, 0, 0), ("::ffff:1", 5)),
    ],
)
def test_the_core_knows_one_name_per_address(
    kernels: tuple[str, int] | tuple[str, int, int, int], cores: Address
) -> None:
    assert plain_address(kernels) == cores


@pytest.mark.parametrize(
    ("cores", "kernels"),
    [
        (("192.0.2.1", 5), ("::ffff:192.0.2.1", 5)),
        (("2001:db8::1", 5), ("2001:db8::1", 5)),
        (("fe80::1%3", 5), ("fe80::1", 5, 0, 3)),
    ],
)
def test_an_ipv6_socket_gets_what_it_can_send_to(cores: Address, kernels: object) -> None:
    assert kernel_address(cores) == kernels


@pytest.mark.parametrize("field", [{"bind_host": "fe80::1%2"}, {"public_hosts": ("fe80::1%2",)}])
def test_an_interface_is_nothing_to_tell_clients(field: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="names an interface"):
        RelayConfig(**field)
