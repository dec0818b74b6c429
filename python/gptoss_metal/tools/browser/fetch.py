"""Fetching a page: public addresses only, few bytes, little time, text only."""

from __future__ import annotations

import re
import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from gptoss_metal.tools.browser.address import Policy
from gptoss_metal.tools.browser.display import BrowserError
from gptoss_metal.tools.browser.html import read_html
from gptoss_metal.tools.browser.page import Page, domain_of, plain

AGENT: Final = "gptoss-metal (a local assistant's browser)"
REDIRECTS: Final = 5
MOST_BYTES: Final = 2 << 20
SECONDS: Final = 20.0
STEP_SECONDS: Final = 8.0
_HTML: Final = ("text/html", "application/xhtml+xml")
_TEXT: Final = re.compile(r"text/.*|application/(.*\+)?(json|xml|javascript|yaml|x-ndjson)")
_CHARSET: Final = re.compile(
    r"utf-?(8|16|32)([bl]e)?|us-ascii|iso-?8859-?\d+|latin-?1|windows-125\d|cp125\d|gbk|gb2312|"
    r"gb18030|big5|shift[_-]jis|euc-(jp|kr)|koi8-[ru]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Fetched:
    """A body, and what its server says of it.

    Attributes:
        url: where it came from in the end.
        kind: its media type, lower case, without parameters; empty if not told.
        charset: of text, if it is a known one.
        data: the bytes, decompressed.
    """

    url: str
    kind: str
    charset: str | None
    data: bytes


class Fetcher:
    """Fetches pages.

    Args:
        policy: what may be connected to.
        seconds: a page may take, redirects included.
        most_bytes: of a page, decompressed; what is longer is refused.
    """

    def __init__(
        self, policy: Policy | None = None, seconds: float = SECONDS, most_bytes: int = MOST_BYTES
    ) -> None:
        self._policy = Policy() if policy is None else policy
        self._seconds = seconds
        self._most = most_bytes

    def page(self, url: str, *, source: bool = False) -> Page:
        """Reads a page.

        Args:
            url: its address.
            source: show its text as it is, tags and all.

        Raises:
            BrowserError: it cannot or must not be fetched, or is no text.
        """
        found = self.fetch(url)
        if found.kind in _HTML and not source:
            return read_html(found.data, found.url, found.charset)
        if found.kind and not _TEXT.fullmatch(found.kind):
            raise BrowserError(f"{found.url} is {found.kind}, and only text can be read.")
        if b"\x00" in found.data[:1024] and not (found.charset or "").lower().startswith("utf"):
            raise BrowserError(f"{found.url} is no text.")
        text = plain(found.data.decode(found.charset or "utf-8", "replace"))
        return Page(found.url, domain_of(found.url), f"\nURL: {found.url}\n{text}")

    def fetch(self, url: str) -> Fetched:
        """Fetches what is behind an address, following redirects by hand.

        Raises:
            BrowserError: it cannot or must not be fetched.
        """
        until = time.monotonic() + self._seconds
        with httpx.Client(
            transport=_Transport(self._policy),
            timeout=STEP_SECONDS,
            follow_redirects=False,
            trust_env=False,  # a proxy would resolve names for itself
            headers={"User-Agent": AGENT, "Accept-Encoding": "gzip"},
        ) as client:
            for _ in range(REDIRECTS + 1):
                address = _checked(url)
                try:
                    with client.stream("GET", address) as response:
                        target = response.headers.get("location")
                        if not response.is_redirect or target is None:
                            return self._read(response, until)
                        url = str(address.join(target))
                except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as problem:
                    raise BrowserError(f"{_reason(problem)}: {url}") from None
                if time.monotonic() > until:
                    raise BrowserError(f"The page took more than {self._seconds:g} seconds.")
        raise BrowserError(f"The page redirects more than {REDIRECTS} times.")

    def _read(self, response: httpx.Response, until: float) -> Fetched:
        if response.status_code >= 400:
            raise BrowserError(f"The server answered {response.status_code}: {response.url}")
        kind, charset = _type_of(response.headers)
        if kind and kind not in _HTML and not _TEXT.fullmatch(kind):
            raise BrowserError(f"{response.url} is {kind}, and only text can be read.")
        data = bytearray()
        for part in _decoded(response.iter_raw(), response.headers, self._most + 1):
            data += part
            if len(data) > self._most:
                raise BrowserError(f"The page has more than {self._most >> 10} KiB.")
            if time.monotonic() > until:
                raise BrowserError(f"The page took more than {self._seconds:g} seconds.")
        return Fetched(str(response.url), kind, charset, bytes(data))


def _checked(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url.strip())
        host = address.host  # fails if its international form is none
    except (httpx.InvalidURL, UnicodeError, TypeError) as problem:
        raise BrowserError(f"`{url[:200]}` is no address: {problem}.") from None
    if address.scheme not in ("http", "https") or not host:
        raise BrowserError(f"Only http and https pages can be opened, not `{url[:200]}`.")
    if address.userinfo:
        raise BrowserError("An address with a user name cannot be opened.")
    return address


def _reason(problem: Exception) -> str:
    if isinstance(problem, httpx.TimeoutException):
        return "The server did not answer in time"
    return f"The page could not be fetched ({problem or type(problem).__name__})"


def _type_of(headers: Mapping[str, str]) -> tuple[str, str | None]:
    kind, _, rest = headers.get("content-type", "").partition(";")
    charset = rest.lower().partition("charset=")[2].split(";")[0].strip("\"' ")
    return kind.strip().lower(), charset if _CHARSET.fullmatch(charset) else None


def _decoded(parts: Iterable[bytes], headers: Mapping[str, str], most: int) -> Iterator[bytes]:
    """The body's bytes, decompressed piece by piece: a small body cannot become a huge one."""
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding in ("identity", ""):
        yield from parts
        return
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise BrowserError(f"The server sent {coding}, which was not asked for.")
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        for part in parts:
            while part:
                yield unpack.decompress(part, most)
                part = unpack.unconsumed_tail
    except zlib.error as problem:
        raise BrowserError(f"The page is damaged: {problem}.") from None


class _Transport(httpx.BaseTransport):
    """Connects through `_Network` only."""

    def __init__(self, policy: Policy) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            network_backend=_Network(policy),
            max_connections=2,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            extensions=request.extensions,
        )
        try:
            got = self._pool.handle_request(sent)
        except httpcore.TimeoutException as problem:
            raise httpx.ReadTimeout(str(problem), request=request) from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as problem:
            raise httpx.TransportError(str(problem), request=request) from None
        return httpx.Response(
            got.status, headers=got.headers, stream=_Stream(got), extensions=got.extensions
        )

    def close(self) -> None:
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_stream()
        except httpcore.TimeoutException as problem:
            raise httpx.ReadTimeout(str(problem)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as problem:
            raise httpx.TransportError(str(problem)) from None

    def close(self) -> None:
        self._response.close()


class _Network(httpcore.NetworkBackend):
    """Resolves a host, checks every address, and connects to one of those, not to the name."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        problem: Exception | None = None
        for address in self._policy.resolve(host, port)[:3]:
            try:
                return self._sockets.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                problem = failed
        raise problem or httpcore.ConnectError(f"{host} has no address")

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("pages do not come from unix sockets")
