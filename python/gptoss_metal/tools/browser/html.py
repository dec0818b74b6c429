"""HTML to a page: its text with links kept."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urljoin, urlsplit

import lxml.html  # type: ignore[import-untyped]
from lxml import etree
from markdownify import MarkdownConverter

from gptoss_metal.tools.browser.page import Page, domain_of, link, one_line, plain

DEEPEST: Final = 150
"""Elements nested deeper are flattened to text: nobody reads them, and converters recurse."""
_SILENT: Final = (
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "math",
    "iframe",
    "object",
    "canvas",
    "head",
)
_PLAIN: Final = ("a", "b", "strong", "i", "em", "del", "s", "code", "kbd", "samp")
_WHITE: Final = re.compile(r"[ \t\r\n\f]+")
_BLANK: Final = re.compile(r"[ \t]+$", re.MULTILINE)
_GAP: Final = re.compile(r"\n(\s*\n)+")


def read_html(data: bytes | str, url: str, encoding: str | None = None) -> Page:
    """Reads an HTML page.

    Args:
        data: its bytes, or text.
        url: its address, which relative links start from.
        encoding: of the bytes; None for what they say themselves.
    """
    root = _parse(data, encoding)
    if root is None:
        return Page(url, domain_of(url), f"\nURL: {url}\n")
    title = root.findtext(".//title") or ""
    _clean(root)
    links = _links(root, url)
    _images(root)
    for element in list(root.iter(*_SILENT)):
        _replace(element, "")
    _flatten(root)
    html = lxml.html.tostring(root, encoding="unicode")
    text = _Converter(
        heading_style="ATX",
        bullets="*",
        strip=list(_PLAIN),
        escape_asterisks=False,
        escape_underscores=False,
        escape_misc=False,
    ).convert(html)
    text = _GAP.sub("\n\n", _BLANK.sub("", text)).strip()
    return Page(url, one_line(title) or domain_of(url), f"\nURL: {url}\n{text}", links)


class _Converter(MarkdownConverter):
    """Tables become lines of words, as the model was trained to read them."""

    def convert_table(self, el: object, text: str, *_: object, **__: object) -> str:
        return f"\n\n{text.strip()}\n\n"

    def convert_tr(self, el: object, text: str, *_: object, **__: object) -> str:
        return f"{text.strip()}\n"

    def convert_td(self, el: object, text: str, *_: object, **__: object) -> str:
        return f"{text.strip()} "

    convert_th = convert_td


def _parse(data: bytes | str, encoding: str | None) -> lxml.html.HtmlElement | None:
    if isinstance(data, str):
        data, encoding = data.encode("utf-8", "replace"), "utf-8"
    if encoding is None and _is_utf8(data):
        encoding = "utf-8"
    parser = lxml.html.HTMLParser(encoding=encoding, remove_comments=True, remove_pis=True)
    try:
        return lxml.html.document_fromstring(data, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, LookupError):
        return None


def _clean(root: lxml.html.HtmlElement) -> None:
    """Takes marks out that a page could forge, and line ends where they mean nothing."""
    kept = {element for block in root.iter("pre", "textarea") for element in block.iter()}
    for element in root.iter():
        parent = element.getparent()
        if isinstance(element.tag, str) and element.text:
            text = plain(element.text)
            element.text = text if element in kept else _WHITE.sub(" ", text)
        if element.tail:
            tail = plain(element.tail)
            element.tail = tail if parent in kept else _WHITE.sub(" ", tail)


def _links(root: lxml.html.HtmlElement, url: str) -> dict[int, str]:
    """Replaces links by their marks; the same address has the same id."""
    found: dict[str, int] = {}
    here = domain_of(url)
    for anchor in list(root.iter("a")):
        label = one_line(" ".join(anchor.itertext()))
        target = anchor.get("href", "").strip()
        if not label or not target or target.startswith("#"):
            continue
        try:
            address = urljoin(url, target)
            scheme = urlsplit(address).scheme
        except ValueError:
            continue
        domain = domain_of(address)
        if scheme in ("http", "https") and domain:
            number = found.setdefault(address, len(found))
            _replace(anchor, link(number, label, "" if domain == here else domain))
    return {number: address for address, number in found.items()}


def _images(root: lxml.html.HtmlElement) -> None:
    for number, image in enumerate(list(root.iter("img"))):
        name = one_line(image.get("alt") or image.get("title") or "")
        _replace(image, f"[Image {number}: {name}]" if name else f"[Image {number}]")


def _flatten(root: lxml.html.HtmlElement) -> None:
    stack = [(root, 0)]
    while stack:
        element, depth = stack.pop()
        if depth < DEEPEST:
            stack += [(child, depth + 1) for child in element if isinstance(child.tag, str)]
        elif len(element):
            text = one_line(" ".join(element.itertext()))
            for child in list(element):
                element.remove(child)
            element.text = text


def _replace(element: lxml.html.HtmlElement, text: str) -> None:
    """Puts text in an element's place."""
    parent = element.getparent()
    if parent is None:
        return
    text += element.tail or ""
    before = element.getprevious()
    if before is None:
        parent.text = (parent.text or "") + text
    else:
        before.tail = (before.tail or "") + text
    parent.remove(element)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
