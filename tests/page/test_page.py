"""The live page is self-contained, complete in both languages, and asks only its own origin."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "broker" / "http" / "page"
HTML = (PAGE / "index.html").read_text(encoding="utf-8")
SCRIPT = (PAGE / "page.js").read_text(encoding="utf-8")
STYLE = (PAGE / "page.css").read_text(encoding="utf-8")


class Document(HTMLParser):
    """Collects what the tests ask for."""

    def __init__(self):
        super().__init__()
        self.ids, self.texts, self.addresses, self.labelled = set(), set(), [], set()
        self.feed(HTML)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids.add(given.get("id"))
        self.texts.add(given.get("data-text"))
        self.addresses += [given[name] for name in ("href", "src") if name in given]
        self.labelled |= {given.get("aria-labelledby"), given.get("aria-describedby")} - {None}


DOCUMENT = Document()


def english():
    return SCRIPT[SCRIPT.index("\n  en: {") : SCRIPT.index("const LANGUAGE")]


def test_nothing_is_loaded_from_another_origin():
    assert all(re.match(r"/(?!/)|#|data:,$", address) for address in DOCUMENT.addresses)
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    assert "default-src 'none'" in HTML
    assert "connect-src 'self'" in HTML


def test_the_policy_of_the_page_holds():
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style", HTML)
    assert "<script>" not in HTML


def test_what_comes_from_entities_is_never_read_as_html():
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", SCRIPT)


@pytest.mark.parametrize("key", sorted(DOCUMENT.texts - {None}))
def test_every_text_is_there_in_english(key):
    assert re.search(rf"\b{key}: ", english())


def test_every_element_that_the_script_asks_for_exists():
    assert set(re.findall(r'\$\("([a-z-]+)"\)', SCRIPT)) <= DOCUMENT.ids
    assert DOCUMENT.labelled <= DOCUMENT.ids


def test_the_page_speaks_french_before_any_script_runs():
    assert '<html lang="fr">' in HTML


def test_polling_is_bounded_and_stops_when_nobody_looks():
    assert "limit=${MAX_ENTITIES}" in SCRIPT
    assert "if (document.hidden) return;" in SCRIPT


def test_motion_is_reduced_on_request_and_dark_is_followed():
    assert "prefers-reduced-motion: reduce" in STYLE
    assert "prefers-color-scheme: dark" in STYLE
