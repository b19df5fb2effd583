"""Every limit on a WebSocket, one rule a test."""

import asyncio
from typing import Any

import pytest
from edge_client import HANDSHAKE, Application, Client, Edge, StartEdge, frame, wait

from server.edge import EXTENSION


async def test_login_and_messages_are_answered(start_edge: StartEdge, app: Application) -> None:
    client = await (await start_edge(app)).websocket()
    for text in ("login", "x" * 70_000):
        await client.text(text)
        assert await client.frame() == (1, b"got %d" % len(text))


async def test_message_over_8_kib_before_login_closes_1009(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).websocket()
    await client.text("x" * 8192)
    assert await client.frame() == (1, b"got 8192")
    await client.text("x" * 8193)
    assert await client.close_code() == 1009


async def test_declared_length_before_login_closes_1009_at_once(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).websocket()
    await client.send(frame(b"x", length=15_000_000))
    assert await client.close_code() == 1009


async def test_fragments_over_the_limit_close_1009(start_edge: StartEdge, app: Application) -> None:
    client = await (await start_edge(app)).websocket()
    await client.send(frame(b"x" * 5000, fin=False) + frame(b"x" * 5000, 0, fin=False))
    assert await client.close_code() == 1009


async def test_message_over_the_limit_after_login_closes_1009(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app, max_message_bytes=100_000)).websocket()
    await client.text("login")
    await client.frame()
    await client.text("x" * 100_000)
    assert await client.frame() == (1, b"got 100000")
    await client.text("x" * 100_001)
    assert await client.close_code() == 1009
    assert app.events[-1]["code"] == 1009


async def test_client_that_sends_too_much_reads_the_close_frame_afterwards(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).websocket()
    await client.send(frame(bytes(1_500_000)))
    assert await client.close_code() == 1009
    assert await client.rest() == b""


async def test_long_message_right_behind_the_login_is_taken(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).websocket()
    await client.send(frame(b"login") + frame(b"x" * 50_000))
    assert await client.frame() == (1, b"got 5")
    assert await client.frame() == (1, b"got 50000")


async def test_frames_sent_with_the_handshake_are_not_lost(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).client()
    assert await client.handshake(rest=frame(b"ping me", 9) + frame(b"login")) == 101
    assert await client.frame() == (10, b"ping me")
    assert await client.frame() == (1, b"got 5")


async def test_socket_without_login_closes_1008(start_edge: StartEdge, app: Application) -> None:
    client = await (await start_edge(app, login_timeout_s=0.05)).websocket()
    await client.text("not a login")
    assert await client.close_code() == 1008
    await wait(app.gone)
    assert app.events[-1]["code"] == 1008


async def test_half_a_login_closes_1008(start_edge: StartEdge, app: Application) -> None:
    client = await (await start_edge(app, login_timeout_s=0.05, linger_s=0.05)).client()
    assert await client.handshake(rest=b"\x81\xfe\x10\x00\0\0\0\0[") == 101
    assert await client.close_code() == 1008
    assert await client.rest() == b""


async def test_login_stops_the_clock(start_edge: StartEdge, app: Application) -> None:
    client = await (await start_edge(app, login_timeout_s=0.05, ping_interval_s=0.1)).websocket()
    await client.text("login")
    assert await client.frame() == (1, b"got 5")
    assert (await client.frame())[0] == 9  # still alive long after the login was due


async def test_reply_after_the_edge_closed_is_no_error_of_the_application(
    start_edge: StartEdge, app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    edge = await start_edge(app, login_timeout_s=0.05)
    app.gate.clear()
    client = await edge.websocket()
    await client.text("hello")
    assert await client.close_code() == 1008
    app.gate.set()
    await asyncio.gather(*edge.state.tasks)
    assert not caplog.records


async def test_next_message_is_read_when_the_application_asks(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app)
    client = await edge.websocket()
    await client.text("login")
    await client.frame()
    app.gate.clear()
    app.arrived.clear()
    await client.send(frame(b"x") * 3)
    client.send_soon(frame(bytes(12_000_000)))
    await wait(app.arrived)
    assert app.messages == ["login", "x"]
    assert edge.config.budget.used_bytes < 1_000_000
    app.gate.set()
    for _ in range(3):
        assert await client.frame() == (1, b"got 1")
    assert await client.frame() == (1, b"got 12000000")


async def test_message_counts_until_the_application_asks_for_the_next(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app)
    client = await edge.websocket()
    app.gate.clear()
    await client.text("x" * 1000)
    await wait(app.arrived)
    assert edge.config.budget.used_bytes == 1000
    app.gate.set()
    await client.frame()
    await client.send(frame(b"", 9))
    await client.frame()
    assert edge.config.budget.used_bytes == 0


async def test_full_budget_pauses_the_next_message_until_bytes_are_freed(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_request_bytes_held=6_000_000)
    clients = [await edge.websocket() for _ in range(3)]
    for client in clients:
        await client.text("login")
        await client.frame()
    app.gate.clear()
    for client in clients:
        client.send_soon(frame(bytes(5_000_000)))
    replies = [asyncio.create_task(client.frame()) for client in clients]
    assert not (await asyncio.wait(replies, timeout=0.1))[0]
    assert 6_000_000 <= edge.config.budget.used_bytes < 12_000_000
    app.gate.set()
    assert await asyncio.gather(*replies) == [(1, b"got 5000000")] * 3


async def test_message_that_waits_too_long_for_the_budget_closes_1013(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_request_bytes_held=1000, budget_wait_s=0.05)
    app.gate.clear()
    first, second = await edge.websocket(), await edge.websocket()
    await first.text("x" * 2000)
    await wait(app.arrived)
    await second.send(frame(b"x" * 2000, length=8000))
    assert await second.close_code() == 1013


async def logged_in_beside_a_full_budget(edge: Edge, app: Application) -> Client:
    first, second = await edge.websocket(), await edge.websocket()
    await second.text("login")
    await second.frame()
    app.gate.clear()
    app.arrived.clear()
    await first.text("x" * 2000)
    await wait(app.arrived)
    return second


async def test_later_message_that_waits_too_long_for_the_budget_closes_1013(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_request_bytes_held=1000, budget_wait_s=0.05)
    second = await logged_in_beside_a_full_budget(edge, app)
    await second.send(frame(b"x" * 2000, length=8000))
    assert await second.close_code() == 1013


async def test_socket_that_asks_for_nothing_outlasts_a_full_budget(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_request_bytes_held=1000, budget_wait_s=0.02)
    second = await logged_in_beside_a_full_budget(edge, app)
    closed = asyncio.create_task(second.close_code())
    assert not (await asyncio.wait([closed], timeout=0.1))[0]
    closed.cancel()


async def test_message_that_comes_byte_by_byte_is_taken_whole(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).websocket()
    for text in ("login", "x" * 126):
        for byte in frame(text.encode()):
            await client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await client.frame() == (1, b"got %d" % len(text))


async def test_socket_whose_message_is_worked_on_is_not_given_up(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_request_bytes_held=1000, budget_wait_s=0.02)
    app.gate.clear()
    clients = [await edge.websocket(), await edge.websocket()]
    for client in clients:
        await client.text("x" * 2000)
    reply = asyncio.create_task(clients[1].frame())
    assert not (await asyncio.wait([reply], timeout=0.1))[0]
    app.gate.set()
    assert await reply == (1, b"got 2000")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(b"[\xff\xfe]"), 1007),
        (b"\x81\x02[]", 1002),  # not masked
        (frame(b"x", 3), 1002),
        (frame(b"x" * 126, 9), 1002),
        (frame(b"x", 0), 1002),
        (frame(b"[", fin=False) + frame(b"x"), 1002),
        (b"\xc1\x82\0\0\0\0[]", 1002),  # compressed, though that was not agreed
    ],
)
async def test_broken_frame_closes_with_its_code(
    start_edge: StartEdge, app: Application, sent: bytes, code: int
) -> None:
    client = await (await start_edge(app)).websocket()
    await client.send(sent)
    assert await client.close_code() == code
    assert await client.rest() == b""
    await wait(app.gone)


async def test_broken_text_leaves_no_traceback_in_the_log(
    start_edge: StartEdge, app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    client = await (await start_edge(app)).websocket()
    await client.send(frame(b"\xff"))
    assert await client.close_code() == 1007
    assert not caplog.records


async def test_binary_message_is_the_applications_to_refuse(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).websocket()
    await client.send(frame(b"\xff", 2))
    assert await client.frame() == (1, b"got 1")
    assert app.messages == [b"\xff"]


async def test_too_many_fragments_close_1009(start_edge: StartEdge, app: Application) -> None:
    client = await (await start_edge(app, max_fragments=10)).websocket()
    await client.send(frame(b"", fin=False) + frame(b"", 0, fin=False) * 12)
    assert await client.close_code() == 1009


async def test_closing_handshake_of_the_client_is_answered(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).websocket()
    await client.text("hello")
    await client.frame()
    await client.send(frame(b"\x03\xe8", 8))
    assert await client.close_code() == 1000
    assert await client.rest() == b""
    await wait(app.gone)


async def test_closing_handshake_of_the_application_reads_on(start_edge: StartEdge) -> None:
    async def close(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.close", "code": 1003})

    client = await (await start_edge(close)).websocket()
    await client.send(frame(b"\0", 2) + frame(b"more"))
    assert await client.close_code() == 1003
    await client.send(frame(b"\x03\xeb", 8))
    assert await client.rest() == b""


async def test_silent_client_is_hung_up_on_after_a_lost_pong(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app, ping_interval_s=0.02, ping_timeout_s=0.02)).websocket()
    assert await client.close_code() == 1011
    await wait(app.gone)


async def test_pong_that_we_do_not_read_is_not_lost(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, ping_interval_s=0.02, ping_timeout_s=0.02)
    app.gate.clear()
    client = await edge.websocket()
    await client.text("hello")
    await wait(app.arrived)
    opcode, payload = await client.frame()
    assert opcode == 9
    await client.send(frame(b"next") + frame(payload, 10))
    gone = asyncio.create_task(client.frame())
    assert not (await asyncio.wait([gone], timeout=0.1))[0]
    app.gate.set()
    assert await gone == (1, b"got 5")


async def test_control_frames_pass_while_a_message_is_worked_on(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).websocket()
    app.gate.clear()
    await client.text("hello")
    await wait(app.arrived)
    await client.send(frame(b"one", 9)[:4])
    await client.send(frame(b"one", 9)[4:])
    assert await client.frame() == (10, b"one")


async def test_client_that_leaves_while_its_message_is_worked_on_is_noticed(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app)
    client = await edge.websocket()
    app.gate.clear()
    await client.text("hello")
    await wait(app.arrived)
    await client.leave()
    async with asyncio.timeout(5):
        while edge.state.connections:
            await asyncio.wait([asyncio.ensure_future(asyncio.sleep(0))])
    app.gate.set()
    await asyncio.gather(*edge.state.tasks)


class Asking:
    """Asks twice whether the client has what was sent."""

    def __init__(self) -> None:
        self.answered: list[int] = []
        self.done = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        ping = scope["extensions"][EXTENSION].ping
        ping(lambda: self.answered.append(1))
        ping(lambda: self.answered.append(2))
        while (await receive())["type"] != "websocket.disconnect":
            pass
        self.done.set()


async def test_pong_answers_for_all_pings_before_it(start_edge: StartEdge) -> None:
    app = Asking()
    client = await (await start_edge(app)).websocket()
    await client.frame()
    opcode, payload = await client.frame()
    await client.send(frame(payload, 10) + frame(b"\x03\xe8", 8))
    await wait(app.done)
    assert (opcode, app.answered) == (9, [1, 2])


async def test_ping_without_a_pong_is_never_answered(start_edge: StartEdge) -> None:
    app = Asking()
    client = await (await start_edge(app)).websocket()
    _, payload = await client.frame()
    await client.send(frame(payload, 10) + frame(b"\x03\xe8", 8))
    await wait(app.done)
    assert app.answered == [1]


async def test_client_that_never_reads_is_hung_up_on(start_edge: StartEdge) -> None:
    gone = asyncio.Event()

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "bytes": bytes(1_000_000)})
        except OSError:
            gone.set()

    edge = await start_edge(flood, send_timeout_s=0.1)
    await edge.websocket()
    await wait(gone)


async def test_client_that_never_reads_is_not_waited_for_when_closing(
    start_edge: StartEdge,
) -> None:
    async def fill(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": bytes(30_000_000)})

    edge = await start_edge(fill, send_timeout_s=0.1)
    client = await edge.websocket()
    end = asyncio.create_task(client.writer.wait_closed())
    client.reader.set_transport = None  # type: ignore[method-assign, assignment]
    async with asyncio.timeout(5):
        while edge.state.connections:
            await asyncio.wait([end], timeout=0.02)
    end.cancel()


async def test_pings_of_a_client_that_never_reads_are_bounded(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app, send_timeout_s=0.1)).websocket()
    with pytest.raises(ConnectionError):
        await client.send(frame(bytes(125), 9) * 150_000)


async def test_compression_is_off_unless_it_is_asked_for(
    start_edge: StartEdge, app: Application
) -> None:
    offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    for compression in (False, True):
        client = await (await start_edge(app, compression=compression)).client()
        assert await client.handshake(offer) == 101
        assert (b"permessage-deflate" in client.head) is compression


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (b"Origin: https://shop.example\r\n", 101),
        (b"", 101),
        (b"Origin: https://evil.example\r\n", 403),
        (b"Origin: https://shop.example.evil.example\r\n", 403),
        (b"Origin: http://shop.example\r\n", 403),
        (b"Origin: null\r\n", 403),
    ],
)
async def test_page_of_an_origin_that_is_not_listed_is_answered_403(
    start_edge: StartEdge, app: Application, origin: bytes, status: int
) -> None:
    edge = await start_edge(app, allowed_origins=("https://shop.example",))
    assert await (await edge.client()).handshake(origin) == status


async def test_pages_of_any_origin_may_connect_unless_some_are_listed(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).client()
    assert await client.handshake(b"Origin: https://anywhere.example\r\n") == 101


async def test_handshake_with_a_long_header_is_answered(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).client()
    assert await client.handshake(b"X: " + b"v" * 9000 + b"\r\n") == 431
    await client.rest()


async def test_broken_handshake_is_answered_400(start_edge: StartEdge, app: Application) -> None:
    client = await (await start_edge(app)).client()
    await client.send(HANDSHAKE.replace(b"Version: 13", b"Version: 12") + b"\r\n")
    assert (await client.answer())[0] in {400, 426}
    await client.rest()


async def test_application_may_refuse_a_socket(start_edge: StartEdge) -> None:
    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        assert scope["extensions"][EXTENSION].is_authenticated is False
        await receive()
        await send({"type": "websocket.close"})

    client = await (await start_edge(refuse)).client()
    assert await client.handshake() == 403
