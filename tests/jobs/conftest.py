"""What the tests of pages share."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Strict(HTMLParser):
    """Collects elements, and refuses those that are not closed in order."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="session")
def elements():
    """Return the elements of a page with their attributes; refuse what is not closed in order."""

    def found(page):
        parser = Strict()
        parser.feed(page)
        parser.close()
        assert parser.open == []
        return parser.seen

    return found
