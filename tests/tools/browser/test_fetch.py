"""Fetching: public addresses only, whatever they are called; little time and few bytes."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from gptoss_metal.tools.browser.address import Policy, is_public
from gptoss_metal.tools.browser.display import BrowserError
from gptoss_metal.tools.browser.fetch import Fetcher
from tests.tools.browser.web import Web, open_web, page


@pytest.fixture
def web() -> Iterator[Web]:
    with open_web({"/": page("<title>Home</title><p>Hello <a href='/b'>there</a>")}) as opened:
        yield opened


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.1"),
        *("192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.9", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "fec0::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "::7f00:1"),
        *("64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:1::1"),
        *("2001:db8::1", "100::1", "localhost", "", "2130706433"),
    ],
)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1"]
)
def test_what_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "0.0.0.0", "0", "2130706433", "0x7f000001", "0x7f.1", "127.1"),
        *("017700000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]"),
        *("[0:0:0:0:0:ffff:127.0.0.1]", "ⓛocalhost", "127。0。0。1", "LOCALHOST", "localhost."),
        *("[::1%25lo]", "[64:ff9b::7f00:1]"),
    ],
)
def test_no_name_of_this_machine_is_reached(web: Web, host: str) -> None:
    with pytest.raises(BrowserError):
        Fetcher().page(f"http://{host}:{web.port}/")
    assert not web.asked


def test_the_check_sees_a_breach(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same server is reached where addresses are not checked."""
    monkeypatch.setattr("gptoss_metal.tools.browser.address.is_public", lambda address: True)
    Fetcher(Policy(ports=frozenset({web.port}))).page(f"http://2130706433:{web.port}/")
    assert web.asked


def test_only_the_allowed_port(web: Web) -> None:
    with open_web({"/": page("other")}) as other:
        with pytest.raises(BrowserError, match="not on the public internet"):
            Fetcher(web.policy).page(other.url("/"))
        assert not other.asked
    assert Fetcher(web.policy).page(web.url("/")).title == "Home"


def test_public_hosts_have_public_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert Policy().resolve("example.com", 443) == ["1.1.1.1"]
    with pytest.raises(BrowserError, match="ports 80 and 443"):
        Policy().resolve("example.com", 22)


def test_one_private_address_among_many_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("1.1.1.1", "10.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(BrowserError, match="not on the public internet"):
        Policy().resolve("example.com", 443)


def test_a_name_is_resolved_once_and_that_address_is_used(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that changes its address between check and use (DNS rebinding) gains nothing."""
    asked = []
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **given: Any) -> list[Any]:
        if host != "rebinding.example":
            return real(host, port, *args, **given)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "10.255.255.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    found = Fetcher(web.policy).page(f"http://rebinding.example:{web.port}/")
    assert found.title == "Home"
    assert asked == ["rebinding.example"]
    assert web.asked == [("/", f"rebinding.example:{web.port}")]


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost:{other}/",
        "//127.0.0.1:{other}/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "data:text/html,hello",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1:{other}/",
        "http://user:secret@127.0.0.1:{port}/",
    ],
)
def test_redirects_are_checked(web: Web, target: str) -> None:
    with open_web({"/": page("other")}) as other:
        location = target.format(other=other.port, port=web.port)
        web.pages["/go"] = page("", status=302, Location=location)
        with pytest.raises(BrowserError):
            Fetcher(web.policy).page(web.url("/go"))
        assert not other.asked


def test_redirects_end(web: Web) -> None:
    web.pages["/a"] = page("", status=301, Location="/")
    web.pages["/loop"] = page("", status=307, Location="/loop")
    found = Fetcher(web.policy).page(web.url("/a"))
    assert found.url == web.url("/")
    with pytest.raises(BrowserError, match="redirects more than 5 times"):
        Fetcher(web.policy).page(web.url("/loop"))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "data:text/html,x",
        "javascript:alert(1)",
        "/etc/passwd",
        "",
        "http://",
        "http:///x",
        "http://[",
        "http://a b/",
        "unix:/run/x.sock",
        "https://xn--a.example:99999/",
        "http://" + "a" * 300 + ".example/",
    ],
)
def test_what_is_no_address_of_a_page(url: str) -> None:
    with pytest.raises(BrowserError):
        Fetcher().page(url)


def test_an_environments_proxy_is_not_used(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_web({}) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url("/"))
        Fetcher(web.policy).page(web.url("/"))
        assert not proxy.asked


def test_compressed_pages(web: Web) -> None:
    html = "<title>Packed</title>" + "x" * 1000
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    web.pages["/gzip"] = page(gzip.compress(html.encode()), Content_Encoding="gzip")
    web.pages["/deflate"] = page(zlib.compress(html.encode()), Content_Encoding="deflate")
    web.pages["/br"] = page(b"x", Content_Encoding="br")
    web.pages["/bad"] = page(b"not gzip", Content_Encoding="gzip")
    assert raw
    for path in ("/gzip", "/deflate"):
        assert Fetcher(web.policy).page(web.url(path)).title == "Packed"
    for path, message in (("/br", "not asked for"), ("/bad", "damaged")):
        with pytest.raises(BrowserError, match=message):
            Fetcher(web.policy).page(web.url(path))


def test_a_small_body_that_becomes_huge(web: Web) -> None:
    bomb = gzip.compress(bytes(1 << 29), 9)  # 512 MiB in half a megabyte
    web.pages["/bomb"] = page(bomb, "text/plain", Content_Encoding="gzip")
    tracemalloc.start()
    with pytest.raises(BrowserError, match="more than 2048 KiB"):
        Fetcher(web.policy).page(web.url("/bomb"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 << 20


def test_a_body_without_end(web: Web) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain")
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 65536)

    web.pages["/endless"] = endless
    with pytest.raises(BrowserError, match="more than 2048 KiB"):
        Fetcher(web.policy).page(web.url("/endless"))


def test_a_body_that_drips(web: Web) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain")
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b"x")
            time.sleep(0.1)

    web.pages["/drip"] = drip
    begun = time.monotonic()
    with pytest.raises(BrowserError, match="took more than 1 seconds"):
        Fetcher(web.policy, seconds=1).page(web.url("/drip"))
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("application/pdf", b"%PDF-1.7", "application/pdf"),
        ("image/png", b"\x89PNG", "image/png"),
        ("application/octet-stream", b"x", "only text can be read"),
        ("text/plain", b"a\x00b", "is no text"),
    ],
)
def test_what_is_no_text(web: Web, kind: str, body: bytes, message: str) -> None:
    web.pages["/x"] = page(body, kind)
    with pytest.raises(BrowserError, match=message):
        Fetcher(web.policy).page(web.url("/x"))


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain; charset=latin-1", "é".encode("latin-1"), "é"),
        ("text/plain; charset=unicode_escape", b"\\u00e9", "\\u00e9"),
        ("text/html; charset=koi8-r", "<p>Привет".encode("koi8-r"), "Привет"),
        ("text/html", '<meta charset="shift_jis"><p>日本'.encode("shift_jis"), "日本"),
        ("application/json", b'{"a": 1}', '{"a": 1}'),
        ("application/ld+json", b"{}", "{}"),
        ("text/plain", "【1†x】".encode(), "〖1†x〗"),
        ("text/html", "<p>【1†x】 &#x3010;2†y】", "〖1†x〗 〖2†y〗"),
    ],
)
def test_text_of_many_kinds(web: Web, kind: str, body: bytes | str, text: str) -> None:
    web.pages["/x"] = page(body, kind)
    found = Fetcher(web.policy).page(web.url("/x"))
    assert found.text == f"\nURL: {web.url('/x')}\n{text}"


def test_an_error_of_the_server(web: Web) -> None:
    with pytest.raises(BrowserError, match="answered 404"):
        Fetcher(web.policy).page(web.url("/missing"))


def test_nobody_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(BrowserError, match="could not be fetched"):
        Fetcher(Policy(allowed=frozenset({("127.0.0.1", port)}))).page(f"http://127.0.0.1:{port}/")


def test_not_http(web: Web) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def talk() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"SSH-2.0-x\r\n\r\n")
            connection.close()

        threading.Thread(target=talk, daemon=True).start()
        with pytest.raises(BrowserError, match="could not be fetched"):
            Fetcher(Policy(allowed=frozenset({("127.0.0.1", port)}))).page(
                f"http://127.0.0.1:{port}/"
            )


def test_the_source_of_a_page(web: Web) -> None:
    found = Fetcher(web.policy).page(web.url("/"), source=True)
    assert "<a href='/b'>there</a>" in found.text
