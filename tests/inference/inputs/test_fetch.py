"""The gate: what is called, what is refused, and where reading stops."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from inference.inputs.fetch import Delivery, Fetcher, FetchSettings
from protocol.errors import (
    DownloadFailed,
    ForbiddenAddress,
    ImageTooLarge,
    Overloaded,
    ShuttingDown,
)

QUICK = FetchSettings(total_s=0.3, connect_s=0.2, body_bytes=1000, header_bytes=1024)
ROOMY = FetchSettings(body_bytes=1000, header_bytes=1024)


def open_fetcher(settings: FetchSettings = ROOMY, **more: Any) -> Fetcher:
    return Fetcher(settings, more.pop("allow_private", True), **more)


async def fetch(url: str, settings: FetchSettings = ROOMY, **more: Any) -> bytes:
    fetcher = open_fetcher(settings, **more)
    try:
        return await fetcher.fetch(url, "inputImage")
    finally:
        await fetcher.close()


def closed_port() -> int:
    """Find a port where nothing listens: bind one, then let it go."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


# what works


async def test_a_url_gives_its_body(kit: Any) -> None:
    source = await kit.serve(kit.response(b"picture"))
    assert await fetch(source.url("/a.png?b=c")) == b"picture"


async def test_the_request_asks_for_the_path_uncompressed_and_without_cookies(kit: Any) -> None:
    source = await kit.serve(kit.response())
    await fetch(source.url("/a.png?b=c"))
    head = source.requests[0].decode().lower()
    assert head.startswith("get /a.png?b=c http/1.1\r\n")
    assert f"host: 127.0.0.1:{source.port}\r\n" in head
    assert "accept-encoding: identity\r\n" in head
    assert "cookie" not in head


async def test_proxies_of_the_environment_are_not_used(
    kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    source = await kit.serve(kit.response())
    assert await fetch(source.url()) == b"picture"


async def test_a_chunked_body_is_joined(kit: Any) -> None:
    head = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
    source = await kit.serve(head + b"3\r\npic\r\n4;a=b\r\nture\r\n0\r\n\r\n")
    assert await fetch(source.url()) == b"picture"


async def test_a_body_without_length_ends_with_the_connection(kit: Any) -> None:
    source = await kit.serve(b"HTTP/1.1 200 X\r\n\r\npicture")
    assert await fetch(source.url()) == b"picture"


async def test_interim_answers_are_skipped(kit: Any) -> None:
    source = await kit.serve(b"HTTP/1.1 103 Hints\r\n\r\n" + kit.response())
    assert await fetch(source.url()) == b"picture"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_both_event_loops_fetch_over_tls_and_stop_in_time(
    loop: Callable[[], asyncio.AbstractEventLoop], make_kit: Any, authority: Any
) -> None:
    async def scenario() -> None:
        kit = make_kit()
        try:
            plain = await kit.serve(kit.response())
            secure = await kit.serve(kit.response(), authority.server("pub.test"))
            silent = await kit.serve(kit.falling_silent(kit.response(b"pic", length=7)))
            names = kit.Names(pub_test=[["127.0.0.1"]])
            more = {"resolve": names, "tls": authority.client}
            assert await fetch(plain.url()) == b"picture"
            assert await fetch(secure.url(host="pub.test", scheme="https"), **more) == b"picture"
            with pytest.raises(DownloadFailed, match=r"within 0\.3 s"):
                await fetch(silent.url(), QUICK)
        finally:
            await kit.stop()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_systems_resolver_finds_localhost(
    loop: Callable[[], asyncio.AbstractEventLoop], make_kit: Any
) -> None:
    async def scenario() -> None:
        kit = make_kit()
        source = await kit.serve(kit.response())
        assert await fetch(source.url(host="localhost")) == b"picture"
        await kit.stop()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


# addresses


async def test_a_forbidden_literal_is_refused_without_connecting(kit: Any) -> None:
    source = await kit.serve(kit.response())
    with pytest.raises(ForbiddenAddress) as caught:
        await fetch(source.url(), allow_private=False)
    assert caught.value.parameter == "inputImage"
    assert not source.requests


async def test_a_name_that_leads_to_a_forbidden_address_is_refused(kit: Any) -> None:
    source = await kit.serve(kit.response())
    names = kit.Names(loop_test=[["127.0.0.1"]])
    with pytest.raises(ForbiddenAddress):
        await fetch(source.url(host="loop.test"), allow_private=False, resolve=names)
    assert not source.requests


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1", "169.254.169.254"], ["169.254.169.254", "127.0.0.1"]]
)
async def test_one_forbidden_address_among_several_refuses_the_name(
    kit: Any, addresses: list[str]
) -> None:
    source = await kit.serve(kit.response())
    names = kit.Names(mixed_test=[addresses])
    with pytest.raises(ForbiddenAddress):
        await fetch(source.url(host="mixed.test"), resolve=names)
    assert not source.requests


async def test_a_name_is_resolved_once_and_the_checked_address_called(kit: Any) -> None:
    source = await kit.serve(kit.response())
    names = kit.Names(rebind_test=[["127.0.0.1"], ["169.254.169.254"]])
    assert await fetch(source.url(host="rebind.test"), resolve=names) == b"picture"
    assert names.asked == ["rebind.test"]


async def test_the_host_header_keeps_the_name(kit: Any) -> None:
    source = await kit.serve(kit.response())
    await fetch(source.url(host="pub.test"), resolve=kit.Names(pub_test=[["127.0.0.1"]]))
    assert f"Host: pub.test:{source.port}\r\n".encode() in source.requests[0]


async def test_the_next_address_is_tried_when_one_does_not_answer(kit: Any) -> None:
    source = await kit.serve(kit.response())
    names = kit.Names(two_test=[["127.0.0.2", "127.0.0.1"]])
    assert await fetch(source.url(host="two.test"), resolve=names) == b"picture"


@pytest.mark.parametrize("host", ["127.0.0.1", "loop.test", "[::1]", "169.254.169.254"])
async def test_a_refusal_reads_the_same_for_open_and_closed_ports_and_all_hosts(
    kit: Any, host: str
) -> None:
    source = await kit.serve(kit.response())
    names = kit.Names(loop_test=[["127.0.0.1"]])
    messages = set()
    for port in (source.port, closed_port()):
        with pytest.raises(ForbiddenAddress) as caught:
            await fetch(f"http://{host}:{port}/", allow_private=False, resolve=names)
        messages.add(caught.value.message)
    assert messages == {
        "inputImage leads to an address that may not be called; allowed: public addresses"
    }


async def test_the_metadata_address_stays_refused_where_private_ones_are_allowed() -> None:
    with pytest.raises(ForbiddenAddress):
        await fetch("http://169.254.169.254/latest/")


async def test_a_malformed_url_is_refused_before_any_look_up(kit: Any) -> None:
    names = kit.Names()
    with pytest.raises(ForbiddenAddress):
        await fetch("http://exa mple.com/", resolve=names)
    assert not names.asked


# TLS


async def test_the_certificate_must_be_for_the_name(kit: Any, authority: Any) -> None:
    source = await kit.serve(kit.response(), authority.server("other.test"))
    names = kit.Names(pub_test=[["127.0.0.1"]])
    with pytest.raises(DownloadFailed, match="certificate"):
        await fetch(
            source.url(host="pub.test", scheme="https"), resolve=names, tls=authority.client
        )


async def test_an_unknown_authority_is_not_trusted(kit: Any, authority: Any) -> None:
    source = await kit.serve(kit.response(), authority.server("pub.test"))
    names = kit.Names(pub_test=[["127.0.0.1"]])
    with pytest.raises(DownloadFailed, match="certificate"):
        await fetch(source.url(host="pub.test", scheme="https"), resolve=names)


async def test_tls_with_a_server_that_speaks_none_fails(kit: Any) -> None:
    source = await kit.serve(kit.response())
    with pytest.raises(DownloadFailed):
        await fetch(source.url(scheme="https"), QUICK)


async def test_a_redirect_from_https_to_http_is_refused(kit: Any, authority: Any) -> None:
    plain = await kit.serve(kit.response())
    answer = kit.response(b"", f"Location: {plain.url()}", status=302)
    secure = await kit.serve(answer, authority.server("pub.test"))
    names = kit.Names(pub_test=[["127.0.0.1"]])
    url = secure.url(host="pub.test", scheme="https")
    with pytest.raises(ForbiddenAddress, match="from https to http"):
        await fetch(url, resolve=names, tls=authority.client)
    assert not plain.requests


# redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(kit: Any, status: int) -> None:
    source = await kit.serve(kit.response())
    first = await kit.serve(kit.response(b"", f"Location: {source.url('/b')}", status=status))
    assert await fetch(first.url("/a")) == b"picture"


def chain(kit: Any, length: int) -> Any:
    async def handle(head: bytes, writer: asyncio.StreamWriter) -> None:
        left = int(head.split()[1].strip(b"/"))
        moved = kit.response(b"", f"Location: /{left - 1}", status=302)
        writer.write(moved if left else kit.response())

    return handle


async def test_three_redirects_are_followed(kit: Any) -> None:
    source = await kit.serve(chain(kit, 3))
    assert await fetch(source.url("/3")) == b"picture"


async def test_a_fourth_redirect_fails(kit: Any) -> None:
    source = await kit.serve(chain(kit, 4))
    with pytest.raises(DownloadFailed, match="more than 3 redirects"):
        await fetch(source.url("/4"))
    assert len(source.requests) == 4


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/",
        "http://ten.test/",
        "//169.254.169.254/",
        "http://2130706433/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/x",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "http://user@127.0.0.1/",
        "/a\tb",
    ],
)
async def test_a_redirect_to_a_forbidden_place_is_refused(kit: Any, location: str) -> None:
    source = await kit.serve(kit.response(b"", f"Location: {location}", status=302))
    names = kit.Names(ten_test=[["169.254.1.1"]])
    with pytest.raises(ForbiddenAddress):
        await fetch(source.url(), resolve=names)


async def test_a_redirect_resolves_the_name_again(kit: Any) -> None:
    source = await kit.serve(kit.response(b"", "Location: /b", status=302))
    names = kit.Names(rebind_test=[["127.0.0.1"], ["169.254.169.254"]])
    with pytest.raises(ForbiddenAddress):
        await fetch(source.url(host="rebind.test"), resolve=names)
    assert len(source.requests) == 1


async def test_a_redirect_without_a_location_fails(kit: Any) -> None:
    source = await kit.serve(kit.response(b"", status=302))
    with pytest.raises(DownloadFailed, match="Location"):
        await fetch(source.url())


async def test_a_refresh_header_is_not_followed(kit: Any) -> None:
    source = await kit.serve(kit.response(b"x", "Refresh: 0;url=http://127.0.0.1/"))
    assert await fetch(source.url()) == b"x"


# failures


async def test_a_name_that_does_not_resolve_fails(kit: Any) -> None:
    with pytest.raises(DownloadFailed, match="could not be resolved"):
        await fetch("http://no-such-host.test/", resolve=kit.Names())


async def test_a_slow_look_up_ends_with_the_connect_time_out() -> None:
    async def never(host: str, port: int) -> list[Any]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(DownloadFailed, match="could not be resolved"):
        await fetch("http://slow.test/", QUICK, resolve=never)


async def test_a_closed_port_fails() -> None:
    with pytest.raises(DownloadFailed, match="the connection failed"):
        await fetch(f"http://127.0.0.1:{closed_port()}/")


@pytest.mark.parametrize("status", [201, 204, 304, 400, 401, 404, 500])
async def test_any_status_but_200_fails_naming_it(kit: Any, status: int) -> None:
    source = await kit.serve(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
    with pytest.raises(DownloadFailed, match=f"status {status}"):
        await fetch(source.url())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 X\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\npicture",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n9\r\npicture",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\npicture",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: -1\r\n\r\npicture",
        b"HTTP/1.1 200 X\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00\xff\x00\xff\r\n\r\n",
    ],
)
async def test_an_answer_that_is_cut_short_or_no_http_fails(kit: Any, answer: bytes) -> None:
    source = await kit.serve(answer)
    with pytest.raises(DownloadFailed, match="broken or cut short"):
        await fetch(source.url())


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 X\r\nX: ", b"HTTP/1.1 200 X\r\n\r\npic"])
async def test_a_silent_source_is_left_after_the_total_time(kit: Any, start: bytes) -> None:
    source = await kit.serve(kit.falling_silent(start))
    with pytest.raises(DownloadFailed, match=r"no complete answer within 0\.3 s"):
        await fetch(source.url(), QUICK)


async def test_the_total_time_covers_all_redirects(kit: Any) -> None:
    silent = await kit.serve(kit.falling_silent(b""))
    first = await kit.serve(kit.response(b"", f"Location: {silent.url()}", status=302))
    with pytest.raises(DownloadFailed, match="no complete answer"):
        await fetch(first.url(), QUICK)


async def test_messages_hold_no_address_and_no_name(kit: Any) -> None:
    names = kit.Names(secret_test=[["127.0.0.1"]])
    with pytest.raises(DownloadFailed) as caught:
        await fetch(f"http://secret.test:{closed_port()}/", resolve=names)
    assert "127.0.0.1" not in caught.value.message
    assert "secret.test" not in caught.value.message


# limits


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "x"])
async def test_a_compressed_body_is_refused(kit: Any, encoding: str) -> None:
    body = gzip.compress(bytes(1000))
    source = await kit.serve(kit.response(body, f"Content-Encoding: {encoding}"))
    with pytest.raises(DownloadFailed, match="compressed"):
        await fetch(source.url())


async def test_a_body_of_exactly_the_limit_is_taken(kit: Any) -> None:
    source = await kit.serve(kit.response(bytes(1000)))
    assert await fetch(source.url()) == bytes(1000)


async def test_a_length_over_the_limit_is_refused_before_the_body(kit: Any) -> None:
    source = await kit.serve(kit.falling_silent(kit.response(b"", length=1001)))
    with pytest.raises(ImageTooLarge) as caught:
        await fetch(source.url())
    assert caught.value.constraint.max == 1000


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 X\r\n\r\n" + bytes(1001),
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + bytes(1001),
    ],
)
async def test_a_body_without_length_is_counted_while_reading(kit: Any, answer: bytes) -> None:
    source = await kit.serve(kit.falling_silent(answer))
    with pytest.raises(ImageTooLarge):
        await fetch(source.url())


async def test_reading_an_endless_body_stops_near_the_limit(kit: Any) -> None:
    sent = 0

    async def endless(head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 X\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536

    source = await kit.serve(endless)
    with pytest.raises(ImageTooLarge):
        await fetch(source.url(), FetchSettings(body_bytes=1_000_000))
    assert sent < 12_000_000  # the limit, and what the kernel's buffers hold


def head_of(size: int) -> bytes:
    start = b"HTTP/1.1 200 X\r\nContent-Length: 7\r\nX: "
    return start + b"v" * (size - len(start) - 4) + b"\r\n\r\n"


async def test_a_head_of_exactly_the_limit_is_taken(kit: Any) -> None:
    source = await kit.serve(head_of(1024) + b"picture")
    assert await fetch(source.url()) == b"picture"


async def test_a_head_over_the_limit_fails(kit: Any) -> None:
    source = await kit.serve(head_of(1025) + b"picture")
    with pytest.raises(DownloadFailed, match="1,024 bytes of headers"):
        await fetch(source.url())


async def test_interim_answers_count_as_headers(kit: Any) -> None:
    source = await kit.serve(b"HTTP/1.1 103 Hints\r\n\r\n" * 100 + kit.response())
    with pytest.raises(DownloadFailed, match="bytes of headers"):
        await fetch(source.url())


async def test_a_body_that_is_mostly_framing_fails(kit: Any) -> None:
    head = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
    source = await kit.serve(head + b"1\r\nx\r\n" * 100_000)
    with pytest.raises(DownloadFailed, match="framing"):
        await fetch(source.url(), FetchSettings())


async def test_small_chunks_of_a_large_body_are_no_framing_flood(kit: Any) -> None:
    head = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
    source = await kit.serve(head + (b"400\r\n" + bytes(1024) + b"\r\n") * 8_000 + b"0\r\n\r\n")
    assert len(await fetch(source.url(), FetchSettings())) == 8_000 * 1024


# places


async def test_one_host_gets_so_many_calls_at_once(kit: Any) -> None:
    arrived, gate, inside, most = asyncio.Event(), asyncio.Event(), 0, 0

    async def count(head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == 2:
            arrived.set()
        await gate.wait()
        inside -= 1
        writer.write(kit.response())

    source = await kit.serve(count)
    fetcher = open_fetcher(FetchSettings(max_per_host=2))
    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(fetcher.fetch(source.url(), "inputImage"))
        await arrived.wait()
        gate.set()
    assert (most, len(source.requests)) == (2, 6)


async def test_waiting_too_long_for_a_place_is_an_overload(kit: Any) -> None:
    source = await kit.serve(kit.falling_silent(b""))
    settings = FetchSettings(total_s=0.2, max_concurrent=1)
    fetcher = open_fetcher(settings)
    answers = await asyncio.gather(
        *(fetcher.fetch(source.url(), "inputImage") for _ in range(2)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} <= {DownloadFailed, Overloaded}
    assert any(isinstance(answer, DownloadFailed) for answer in answers)


async def test_a_closed_fetcher_takes_no_calls(kit: Any) -> None:
    source = await kit.serve(kit.response())
    fetcher = open_fetcher()
    await fetcher.close()
    with pytest.raises(ShuttingDown):
        await fetcher.fetch(source.url(), "inputImage")


async def test_a_cancelled_fetch_drops_its_connection(kit: Any) -> None:
    arrived, dropped = asyncio.Event(), asyncio.Event()

    async def wait_for_the_end(head: bytes, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        try:
            while True:  # writing is the way to learn that the peer has gone
                writer.write(b"HTTP/1.1 103 X\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0)
        except OSError:
            dropped.set()

    source = await kit.serve(wait_for_the_end)
    task = asyncio.create_task(fetch(source.url(), FetchSettings(header_bytes=1024 * 1024)))
    await arrived.wait()
    task.cancel()
    await asyncio.wait([task])
    async with asyncio.timeout(10):
        await dropped.wait()
    assert task.cancelled()


# deliveries


def hook(url: str, **more: Any) -> Delivery:
    return Delivery(
        url=url, body=b'{"a":1}', media_type="application/json", **{"method": "POST"} | more
    )


async def deliver(delivery: Delivery, **more: Any) -> int:
    fetcher = open_fetcher(**more)
    try:
        return await fetcher.deliver(delivery, "webhookURL")
    finally:
        await fetcher.close()


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_delivery_carries_method_headers_and_body(kit: Any, method: str) -> None:
    source = await kit.serve(kit.response(status=202))
    delivery = hook(source.url("/h"), method=method, headers=(("X-Signature", "abc"),))
    assert await deliver(delivery) == 202
    head = source.requests[0].decode()
    assert head.startswith(f"{method} /h HTTP/1.1\r\n")
    assert "Content-Type: application/json\r\n" in head
    assert "Content-Length: 7\r\n" in head
    assert "X-Signature: abc\r\n" in head


async def test_a_delivery_follows_no_redirect(kit: Any) -> None:
    inside = await kit.serve(kit.response())
    source = await kit.serve(kit.response(b"", f"Location: {inside.url()}", status=307))
    assert await deliver(hook(source.url())) == 307
    assert not inside.requests


async def test_a_delivery_does_not_read_the_answers_body(kit: Any) -> None:
    source = await kit.serve(kit.falling_silent(kit.response(b"", length=10**9)))
    assert await deliver(hook(source.url())) == 200


async def test_a_delivery_passes_the_same_gate(kit: Any) -> None:
    source = await kit.serve(kit.response())
    with pytest.raises(ForbiddenAddress) as caught:
        await deliver(hook(source.url()), allow_private=False)
    assert caught.value.parameter == "webhookURL"
    assert not source.requests


async def test_a_url_can_be_judged_before_it_is_called(kit: Any) -> None:
    source = await kit.serve(kit.response())
    fetcher = open_fetcher(allow_private=False)
    with pytest.raises(ForbiddenAddress):
        await fetcher.check(source.url(), "webhookURL")
    assert not source.requests


async def test_a_judged_url_may_pass(kit: Any) -> None:
    source = await kit.serve(kit.response())
    await open_fetcher().check(source.url(), "webhookURL")
    assert not source.requests
