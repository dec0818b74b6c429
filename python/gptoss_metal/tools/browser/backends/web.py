"""Search engines of the web: ddgs, Exa, SearXNG. Pages are fetched here, whoever found them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from gptoss_metal.errors import Error
from gptoss_metal.tools.browser.backends.backend import Backend, Hit
from gptoss_metal.tools.browser.display import BrowserError
from gptoss_metal.tools.browser.fetch import Fetcher
from gptoss_metal.tools.browser.page import Page

EXA_URL: Final = "https://api.exa.ai/search"
EXA_KEY: Final = "EXA_API_KEY"
SEARXNG_URL: Final = "GPTOSS_METAL_SEARXNG_URL"
SECONDS: Final = 15.0


@dataclass(frozen=True)
class _Web:
    fetcher: Fetcher = field(default_factory=Fetcher)

    def fetch(self, url: str, source: bool) -> Page:
        """A page, fetched from its own server."""
        return self.fetcher.page(url, source=source)


@dataclass(frozen=True)
class Ddgs(_Web):
    """Several public search engines, through the package ddgs; no key is needed."""

    def search(self, query: str, count: int) -> Sequence[Hit]:
        """What is found for a query."""
        from ddgs import DDGS
        from ddgs.exceptions import DDGSException

        try:
            found = DDGS(timeout=int(SECONDS)).text(query, max_results=count)
        except DDGSException as problem:
            raise BrowserError(f"Error during search for `{query}`: {problem}") from None
        return _hits(found, "title", "href", "body")


@dataclass(frozen=True)
class Exa(_Web):
    """Exa's search, which needs a key.

    Attributes:
        key: of the account.
        url: of the service.
    """

    key: str = field(default="", repr=False)
    url: str = EXA_URL

    def search(self, query: str, count: int) -> Sequence[Hit]:
        """What is found for a query."""
        body = {"query": query, "numResults": count, "contents": {"summary": True}}
        found = _ask(query, "POST", self.url, json=body, headers={"x-api-key": self.key})
        return _hits(found.get("results"), "title", "url", "summary")


@dataclass(frozen=True)
class SearXng(_Web):
    """A SearXNG server of the user's own; its JSON format must be switched on.

    Attributes:
        url: of the server.
    """

    url: str = ""

    def search(self, query: str, count: int) -> Sequence[Hit]:
        """What is found for a query."""
        parameters = {"q": query, "format": "json"}
        address = f"{self.url.rstrip('/')}/search"
        found = _ask(query, "GET", address, params=parameters)
        return _hits(found.get("results"), "title", "url", "content")[:count]


def choose_backend(environment: Mapping[str, str] = os.environ) -> Backend:
    """SearXNG or Exa if the environment names one, else ddgs.

    Raises:
        Error: the package ddgs is missing.
    """
    if environment.get(SEARXNG_URL):
        return SearXng(url=environment[SEARXNG_URL])
    if environment.get(EXA_KEY):
        return Exa(key=environment[EXA_KEY])
    try:
        import ddgs  # noqa: F401
    except ImportError:
        raise Error(
            "[browser] no search engine. Try: pip install 'gptoss-metal[tools]', or set "
            f"{SEARXNG_URL} or {EXA_KEY}."
        ) from None
    return Ddgs()


def _ask(query: str, method: str, url: str, **given: Any) -> Mapping[str, Any]:
    try:
        response = httpx.request(method, url, timeout=SECONDS, **given)
        response.raise_for_status()
        found = response.json()
    except httpx.HTTPStatusError as problem:
        status = problem.response.status_code
        raise BrowserError(f"Error during search for `{query}`: status {status}") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
        raise BrowserError(f"Error during search for `{query}`: {problem}") from None
    return found if isinstance(found, Mapping) else {}


def _hits(found: Any, title: str, url: str, summary: str) -> list[Hit]:
    """What a service found, in its own words for title, address and summary."""
    hits = [
        Hit(str(item.get(title) or ""), str(item.get(url) or ""), str(item.get(summary) or ""))
        for item in (found if isinstance(found, list) else [])
        if isinstance(item, Mapping)
    ]
    return [hit for hit in hits if hit.url.startswith(("http://", "https://"))]
