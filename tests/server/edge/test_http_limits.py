"""Every limit on an HTTP connection, one rule a test."""

import asyncio
import contextlib
import http.client
from typing import Any

import pytest
from edge_client import PATIENCE_S, Application, StartEdge, send_answer, wait

POST = b"POST /v1 HTTP/1.1\r\nHost: x\r\n"


async def test_request_within_the_limits_is_answered(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).client()
    await client.send(POST + b"Content-Length: 5\r\n\r\nhello")
    assert await client.answer() == (200, b"5")


async def test_two_requests_share_a_connection(start_edge: StartEdge, app: Application) -> None:
    client = await (await start_edge(app)).client()
    for body in (b"a", b"ab"):
        await client.send(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert await client.answer() == (200, b"%d" % len(body))


async def test_pipelined_requests_are_answered_in_order(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).client()
    await client.send(POST + b"Content-Length: 1\r\n\r\na" + POST + b"Content-Length: 2\r\n\r\nab")
    assert await client.answer() == (200, b"1")
    assert await client.answer() == (200, b"2")


async def test_silent_connection_is_closed_without_a_word(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app, header_timeout_s=0.05)).client()
    assert await client.rest() == b""


async def test_half_a_header_is_answered_408(start_edge: StartEdge, app: Application) -> None:
    client = await (await start_edge(app, header_timeout_s=0.05)).client()
    await client.send(b"GET /v1 HTTP/1.1\r\nHos")
    assert (await client.answer())[0] == 408
    assert await client.rest() == b""


async def test_dribbled_headers_do_not_move_the_deadline(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app, header_timeout_s=0.1)).client()
    await client.send(b"GET /v1 HTTP/1.1\r\nX: ")
    answer = asyncio.create_task(client.answer())
    while not (await asyncio.wait([answer], timeout=0.01))[0]:
        client.send_soon(b"v")
    assert answer.result()[0] == 408


async def test_empty_lines_do_not_keep_a_connection_open(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app, header_timeout_s=0.1)).client()
    end = asyncio.create_task(client.rest())
    while not (await asyncio.wait([end], timeout=0.01))[0]:
        client.send_soon(b"\r\n")
    assert end.result() == b""


async def test_idle_connection_is_closed_after_keep_alive(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app, keep_alive_s=0)).client()
    await client.send(POST + b"Content-Length: 1\r\n\r\na")
    assert await client.answer() == (200, b"1")
    assert await client.rest() == b""


@pytest.mark.parametrize("more", [b"X: v\r\n", b"v"], ids=["many headers", "one endless header"])
async def test_header_flood_is_answered_431(
    start_edge: StartEdge, app: Application, more: bytes
) -> None:
    client = await (await start_edge(app, max_header_bytes=4096)).client()
    await client.send(POST + b"Y: ")
    answer = asyncio.create_task(client.answer())
    while not answer.done():
        client.send_soon(more * 1000)
        await asyncio.sleep(0)
    assert answer.result()[0] == 431


async def test_whole_head_over_the_limit_is_answered_431(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app, max_header_bytes=1024)).client()
    await client.send(POST + b"X: " + b"v" * 1100 + b"\r\n\r\n")
    assert (await client.answer())[0] == 431


async def test_long_request_line_is_answered_414(start_edge: StartEdge, app: Application) -> None:
    client = await (await start_edge(app)).client()
    await client.send(b"GET /" + b"a" * 9000)
    assert (await client.answer())[0] == 414


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 2\r\nContent-Length: 50\r\n\r\n[]",
        b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n[]",
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: 1e3\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nZZZ\r\n",
        b"Bad Header: x\r\n\r\n",
    ],
)
async def test_ambiguous_or_broken_request_is_answered_400(
    start_edge: StartEdge, app: Application, head: bytes
) -> None:
    client = await (await start_edge(app)).client()
    await client.send(POST + head)
    assert (await client.answer())[0] == 400
    assert await client.rest() == b""


async def test_what_is_not_http_is_answered_400(start_edge: StartEdge, app: Application) -> None:
    client = await (await start_edge(app)).client()
    await client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    assert (await client.answer())[0] == 400


async def test_promised_length_over_the_limit_is_answered_413_at_once(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app, max_body_bytes=1000)).client()
    await client.send(POST + b"Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n")
    status, body = await client.answer()
    assert (status, b"messageTooLarge" in body) == (413, True)
    assert not app.arrived.is_set()


async def test_chunks_over_the_limit_are_answered_413(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app, max_body_bytes=1000)).client()
    await client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    await client.send(b"200\r\n" + bytes(512) + b"\r\n" + b"200\r\n" + bytes(512) + b"\r\n")
    assert (await client.answer())[0] == 413
    await wait(app.gone)


async def test_refused_client_that_goes_on_sending_reads_its_answer(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).client()
    await client.send(POST + b"Content-Length: 18000000\r\n\r\n" + bytes(1_500_000))
    assert (await client.answer())[0] == 413
    assert await client.rest() == b""


@pytest.mark.parametrize("size", [17_000_000, 18_800_000])
async def test_client_that_sends_all_before_it_reads_sees_413(
    start_edge: StartEdge, app: Application, size: int
) -> None:
    edge = await start_edge(app)

    def post() -> int:
        connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request("POST", "/", body=bytes(size))
            return connection.getresponse().status

    assert await asyncio.to_thread(post) == 413


async def test_client_whose_answer_comes_early_may_send_the_rest(start_edge: StartEdge) -> None:
    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await send_answer(send, 401, b"")

    client = await (await start_edge(refuse, max_body_bytes=8_000_000, linger_bytes=1000)).client()
    await client.send(POST + b"Content-Length: 7000000\r\n\r\n" + bytes(7_000_000))
    assert (await client.answer())[0] == 401
    assert await client.rest() == b""


async def test_refused_client_is_hung_up_on_after_the_linger_time(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, linger_s=0.05, linger_bytes=1000)
    client = await edge.client()
    await client.send(POST + b"Content-Length: 18000000\r\n\r\n")

    async def send_until_hung_up_on() -> None:
        while True:  # however fast the machine takes them
            await client.send(bytes(1_000_000))

    with pytest.raises(ConnectionError):
        await send_until_hung_up_on()


@pytest.mark.parametrize(
    ("start", "more"),
    [(b"5;", b"e"), (b"0\r\n", b"T: v\r\n"), (b"0\r\nT: ", b"v")],
    ids=["chunk extension", "trailers", "one endless trailer"],
)
async def test_endless_chunk_framing_is_refused(
    start_edge: StartEdge, app: Application, start: bytes, more: bytes
) -> None:
    client = await (await start_edge(app, max_header_bytes=16_384)).client()
    await client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + start)
    answer = asyncio.create_task(client.answer())
    while not answer.done():
        client.send_soon(more * 1000)
        await asyncio.sleep(0)
    assert answer.result()[0] in {400, 431}


async def test_dribbled_body_is_answered_408(start_edge: StartEdge, app: Application) -> None:
    client = await (await start_edge(app, body_timeout_s=0.1)).client()
    await client.send(POST + b"Content-Length: 5000\r\n\r\n[")
    answer = asyncio.create_task(client.answer())
    while not (await asyncio.wait([answer], timeout=0.01))[0]:
        client.send_soon(b" ")
    assert answer.result()[0] == 408
    await wait(app.gone)


async def test_slow_body_above_the_least_rate_is_taken(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, body_timeout_s=0.05, body_min_bytes_per_s=20)
    client = await edge.client()
    await client.send(POST + b"Content-Length: 20\r\n\r\n")
    answer = asyncio.create_task(client.answer())
    while not (await asyncio.wait([answer], timeout=0.01))[0]:
        client.send_soon(b"x")
    assert answer.result() == (200, b"20")


async def test_body_that_the_application_does_not_read_is_not_late(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, body_timeout_s=0.02)
    app.gate.clear()
    client = await edge.client()
    client.send_soon(POST + b"Content-Length: 8000000\r\n\r\n" + bytes(8_000_000))
    answer = asyncio.create_task(client.answer())
    assert not (await asyncio.wait([answer], timeout=0.1))[0]
    app.gate.set()
    assert await answer == (200, b"8000000")


async def test_answer_before_the_body_ends_is_seen_and_ends_the_connection(
    start_edge: StartEdge,
) -> None:
    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await send_answer(send, 401, b"no")

    client = await (await start_edge(refuse)).client()
    await client.send(POST + b"Content-Length: 1000000\r\n\r\n" + bytes(500_000))
    assert await client.answer() == (401, b"no")
    assert await client.rest() == b""


async def test_one_connection_too_many_is_answered_503(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_http_connections=1)
    first = await edge.client()
    await first.send(POST + b"Content-Length: 1\r\n\r\na")
    await first.answer()
    second = await edge.client()
    assert (await second.answer())[0] == 503


async def test_connection_that_ends_makes_room(start_edge: StartEdge, app: Application) -> None:
    edge = await start_edge(app, max_http_connections=1, keep_alive_s=0)
    for _ in range(2):
        client = await edge.client()
        await client.send(POST + b"Content-Length: 1\r\n\r\na")
        assert (await client.answer())[0] == 200
        assert await client.rest() == b""


async def test_unknown_upgrade_is_answered_as_a_plain_request(
    start_edge: StartEdge, app: Application
) -> None:
    client = await (await start_edge(app)).client()
    await client.send(b"GET /v1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert await client.answer() == (200, b"0")
    assert await client.rest() == b""


async def test_client_that_does_not_read_its_answer_is_hung_up_on(start_edge: StartEdge) -> None:
    gone = asyncio.Event()

    async def flood(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(200):
            await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        gone.set()

    client = await (await start_edge(flood, send_timeout_s=0.1)).client()
    await client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await wait(gone)


async def test_full_budget_pauses_the_next_body_until_bytes_are_freed(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_request_bytes_held=5_000_000)
    app.gate.clear()
    first = await edge.client()
    body = asyncio.create_task(
        first.send(POST + b"Content-Length: 4000000\r\n\r\n" + bytes(4_000_000))
    )
    second = await edge.client()
    second.send_soon(POST + b"Content-Length: 4000000\r\n\r\n" + bytes(4_000_000))
    answer = asyncio.create_task(second.answer())
    assert not (await asyncio.wait([answer], timeout=0.05))[0]
    app.gate.set()
    assert await first.answer() == (200, b"4000000")
    assert await answer == (200, b"4000000")
    await body
    assert edge.config.budget.used_bytes == 0


async def test_body_that_waits_too_long_for_the_budget_is_answered_503(
    start_edge: StartEdge, app: Application
) -> None:
    edge = await start_edge(app, max_request_bytes_held=1000, budget_wait_s=0.05)
    app.gate.clear()
    first = await edge.client()
    await first.send(POST + b"Content-Length: 2000\r\n\r\n" + bytes(2000))
    await wait(app.arrived)
    second = await edge.client()
    await second.send(POST + b"Content-Length: 2000\r\n\r\n" + bytes(1000))
    assert (await second.answer())[0] == 503
    app.gate.set()
    assert await first.answer() == (200, b"2000")
    assert edge.config.budget.used_bytes == 0
