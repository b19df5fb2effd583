"""How many sockets may be connected without a login, and who comes next."""

import asyncio

import pytest
from edge_client import Application, Client, Edge, StartEdge

from server.edge.admission import group_address


async def knock(edge: Edge, headers: bytes = b"") -> tuple[Client, "asyncio.Task[int]"]:
    client = await edge.client()
    return client, asyncio.create_task(client.handshake(headers))


async def is_waiting(handshake: "asyncio.Task[int]") -> bool:
    return not (await asyncio.wait([handshake], timeout=0.05))[0]


async def test_socket_over_the_limit_waits_until_another_logs_in(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_unauthenticated_per_address=2)
    first, _ = await edge.websocket(), await edge.websocket()
    _, third = await knock(edge)
    assert await is_waiting(third)
    await first.text("login")
    assert await third == 101


async def test_socket_over_the_limit_waits_until_another_leaves(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_unauthenticated=1)
    first = await edge.websocket()
    _, second = await knock(edge)
    assert await is_waiting(second)
    await first.leave()
    assert await second == 101


async def test_socket_that_waited_too_long_is_answered_503(
    start_edge: StartEdge, app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    edge = await start_edge(app, max_unauthenticated=0, login_timeout_s=0.05)
    client, handshake = await knock(edge)
    assert await handshake == 503
    assert b"serviceUnavailable" in await client.rest()
    assert not caplog.records


async def test_full_queue_refuses_at_once(start_edge: StartEdge, app: Application) -> None:
    edge = await start_edge(app, max_unauthenticated=0, max_waiting=1)
    _, first = await knock(edge)
    assert await is_waiting(first)
    _, second = await knock(edge)
    assert await second == 503
    first.cancel()


async def test_waiting_client_that_leaves_gives_up_its_place(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_unauthenticated=1, max_waiting=1)
    first = await edge.websocket()
    gone, handshake = await knock(edge)
    assert await is_waiting(handshake)
    await gone.leave()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await handshake
    _, second = await knock(edge)
    assert await is_waiting(second)
    await first.text("login")
    assert await second == 101


async def test_socket_that_is_closed_for_its_fault_frees_its_seat_at_once(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_unauthenticated=1)
    first = await edge.websocket()
    await first.send(b"\x83\x80\0\0\0\0")
    assert await first.close_code() == 1002
    assert edge.config.room.seated == 0


async def test_party_at_its_limit_does_not_hold_up_another(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_unauthenticated_per_address=1, trusted_proxies=("127.0.0.1",))
    _, first = await knock(edge, b"X-Forwarded-For: 203.0.113.1\r\n")
    _, second = await knock(edge, b"X-Forwarded-For: 203.0.113.1\r\n")
    _, other = await knock(edge, b"X-Forwarded-For: 203.0.113.2\r\n")
    assert (await first, await other) == (101, 101)
    assert await is_waiting(second)
    second.cancel()


async def test_forwarded_address_of_a_stranger_is_not_believed(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_unauthenticated_per_address=1)
    _, first = await knock(edge, b"X-Forwarded-For: 203.0.113.1\r\n")
    assert await first == 101
    _, second = await knock(edge, b"X-Forwarded-For: 203.0.113.2\r\n")
    assert await is_waiting(second)
    second.cancel()


@pytest.mark.parametrize(
    ("host", "party"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_party_is_an_ipv4_address_or_an_ipv6_network(host: str, party: str) -> None:
    assert group_address(host) == party
