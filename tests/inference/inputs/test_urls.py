"""Which URLs may be called, by their form."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis.strategies import text

from inference.inputs.urls import check_url, parse_url
from protocol.errors import CutwireError, ForbiddenAddress

REFUSED = [
    "",
    "http",
    "http:",
    "http://",
    "http:///x.png",
    "http:127.0.0.1:1/",
    "http:/\\127.0.0.1/",
    "//example.com/",
    "/etc/passwd",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "ftp://example.com/",
    "gopher://example.com/",
    "ws://example.com/",
    "jar:http://example.com/",
    "http+unix://%2Fvar%2Frun/x",
    "javascript:alert(1)",
    "data:image/png;base64,AAAA",
    "http://user:pass@example.com/",
    "http://example.com@127.0.0.1/",
    "http://@example.com/",
    "http://example.com:80@127.0.0.1/",
    "http://example.com\\@127.0.0.1/",
    "http://exa mple.com/",
    " http://example.com/",
    "\thttp://example.com/",
    "ht\ntp://example.com/",
    "http://example.com\t:80/",
    "http://example.com/\r\nHost: evil",
    "http://example.com/\x00.png",
    "http://example.com/\x7f",
    "http://example.com/\u202egnp",
    "http://example.com/\ud800",
    "http://example.com:99999/",
    "http://example.com:0/",
    "http://example.com:-1/",
    "http://example.com:8o/",
    "http://[::1/",
    "http://[::1%25lo]/",
    "http://[fe80::1%eth0]/",
    "http://[::12345]/",
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://0x7F.0x0.0x0.0x1/",
    "http://2130706433/",
    "http://4294967295/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.000.000.001/",
    "http://127.1/",
    "http://0/",
    "http://1.2.3.4.5/",
    "http://256.1.1.1/",
    "http://example.0x/",
    "http://%31%32%37.0.0.1/",
    "http://127%2e0%2e0%2e1/",
    "http://a..b/",
    "http://.example.com/",
    "http://-a.example.com/",
    "http://a-.example.com/",
    "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 127 + "com/",
    "http://\u2603.net\u3000/",
    "http://exam\u00adple\u200d.com/",
    "http://example.com/" + "a" * 8192,
]


@pytest.mark.parametrize("url", REFUSED)
def test_odd_urls_are_refused_naming_the_parameter(url: str) -> None:
    with pytest.raises(ForbiddenAddress) as caught:
        parse_url(url, "inputImage")
    assert caught.value.parameter == "inputImage"
    assert "inputImage" in caught.value.message


def test_the_refusal_says_what_is_allowed() -> None:
    with pytest.raises(ForbiddenAddress, match="allowed: http or https"):
        parse_url("ftp://example.com/", "inputImage")


@pytest.mark.parametrize("url", ["http://s3cr3t:pw@h/", "http://s3cr3t.example:0/"])
def test_the_refusal_does_not_echo_the_url(url: str) -> None:
    with pytest.raises(ForbiddenAddress) as caught:
        parse_url(url, "inputImage")
    assert "s3cr3t" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://example.com", "example.com", 80, "/"),
        ("HtTps://EXAMPLE.com./a", "example.com", 443, "/a"),
        ("http://example.com:8080/a?b=c#d", "example.com", 8080, "/a?b=c"),
        ("http://example.com:/a", "example.com", 80, "/a"),
        ("http://example.com?q=@x", "example.com", 80, "/?q=@x"),
        ("http://example.com#@127.0.0.1/", "example.com", 80, "/"),
        ("http://my_bucket.example.com/a", "my_bucket.example.com", 80, "/a"),
        ("http://m\u00fcnchen.de/\u00e4", "xn--mnchen-3ya.de", 80, "/%C3%A4"),
        ("http://xn--mnchen-3ya.de/", "xn--mnchen-3ya.de", 80, "/"),
        ("http://1.2.3.4/", "1.2.3.4", 80, "/"),
        ("http://[2606:2800:0::1]:81/", "2606:2800::1", 81, "/"),
        ("http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", "127.0.0.1", 80, "/"),
        ("http://127\u30020\u30020\u30021/", "127.0.0.1", 80, "/"),
    ],
)
def test_a_url_is_split_into_whom_and_what(url: str, host: str, port: int, path: str) -> None:
    target = parse_url(url, "inputImage")
    assert (target.host, target.port, target.path) == (host, port, path)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://example.com:80/", "example.com"),
        ("https://example.com:80/", "example.com:80"),
        ("http://[::1]:8080/", "[::1]:8080"),
    ],
)
def test_the_host_header_names_the_port_unless_it_is_the_default(url: str, authority: str) -> None:
    assert parse_url(url, "p").authority == authority


@pytest.mark.parametrize(
    "url", ["http://1.2.3.4/", "http://[::1]/", "http://\u2460.1.1.1/", "http://1.1.1.1./"]
)
def test_a_literal_address_is_known_without_a_look_up(url: str) -> None:
    assert parse_url(url, "p").address is not None


def test_a_redirect_is_resolved_against_the_url() -> None:
    target = parse_url("http://example.com:81/a/b?c", "p").join("../d?e")
    assert (target.authority, target.path) == ("example.com:81", "/d?e")


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "//u@h/", "http://[::1", "\thttp://h/", "data:,x", "/a b"]
)
def test_a_redirect_is_checked_from_scratch(location: str) -> None:
    with pytest.raises(ForbiddenAddress):
        parse_url("http://example.com/", "p").join(location)


@given(text(max_size=60))
@example("//[")
@example("//\u2100/")
@example("//xn--a/")
def test_no_text_raises_anything_but_our_errors(tail: str) -> None:
    for url in (tail, f"http:{tail}", f"http://{tail}", f"http://example.com{tail}"):
        try:
            parse_url(url, "p").join(tail)
        except CutwireError:
            continue


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://[::ffff:10.0.0.1]/", "ftp://x.com/"])
def test_forbidden_address_shows_without_a_look_up(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        check_url(url, "inputImage", allow_private=False)


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "http://localhost/", "http://example.com/"])
def test_public_address_and_any_name_pass_until_they_are_called(url: str) -> None:
    check_url(url, "inputImage", allow_private=False)


def test_private_address_passes_where_it_is_allowed() -> None:
    check_url("http://127.0.0.1/", "inputImage", allow_private=True)
