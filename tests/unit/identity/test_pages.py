"""Pages for people: whatever words come, they are shown and never run."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.pages import HEADERS, page
from gateway.identity.turned_away import WORDS


class _Reader(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text(max_size=60), st.text(max_size=60))
def test_words_never_become_elements(title: str, text: str) -> None:
    """The same elements whatever is said, and no attribute that could run."""
    reader = _Reader()
    reader.feed(page(title, text, "https://motcua.example.vn/?a=1&b=2").decode("utf-8", "surrogatepass"))
    assert reader.tags == ["html", "head", "meta", "meta", "title", "style", "body", "main", "h1", "p", "a"]


def test_every_page_is_vietnamese_and_says_what_to_do() -> None:
    """For people, with a heading and a sentence; no policy of a page lets anything be loaded."""
    for words in WORDS.values():
        assert not words.title_vi.isascii() and words.text_vi.endswith(".") and 200 <= words.status < 600
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in page("Tiêu đề", "Lời.").decode()
