"""Libraries of pages: kept once, named by their content, and put back when a page is shown."""

import pytest

from include.errors import NotFound
from include.page_libraries import Library, put_page, whole_page
from include.storage import LocalStore

SCRIPT = Library("plots", "js", b"draw = () => '</html>';")
FONT = Library("icons", "woff2", bytes(range(256)))
LIBRARIES = (SCRIPT, FONT)
KEY = "flights/2013-01-07/drift.html"


@pytest.fixture
def store(tmp_path):
    return LocalStore(str(tmp_path))


def page(day="2013-01-07", *, script=SCRIPT, font=FONT):
    return b"<style>src: %s;</style>%s<p>%s</p>" % (font.inline, script.inline, day.encode())


def test_a_page_is_kept_without_its_libraries_and_shown_with_them(store):
    put_page(store, KEY, page(), LIBRARIES)
    kept = store.get(KEY)
    assert SCRIPT.content not in kept
    assert f'<script src="../../{SCRIPT.key}"></script>'.encode() in kept
    assert f"url(../../{FONT.key})".encode() in kept
    assert (store._root / KEY).parent.joinpath("../..", SCRIPT.key).read_bytes() == SCRIPT.content
    assert whole_page(store, KEY) == page()


def test_pages_of_all_days_share_their_libraries(store):
    other = "weather/2013-01-08/drift.html"
    put_page(store, KEY, page(), LIBRARIES)
    put_page(store, other, page("2013-01-08"), LIBRARIES)
    assert store.list() == sorted([SCRIPT.key, FONT.key, KEY, other])
    assert whole_page(store, other) == page("2013-01-08")


def test_a_page_keeps_the_library_it_was_made_with(store):
    put_page(store, KEY, page(), LIBRARIES)
    newer = Library("plots", "js", b"draw = null")
    put_page(store, "flights/2013-01-08/drift.html", page(script=newer), (newer, FONT))
    assert whole_page(store, KEY) == page()
    assert whole_page(store, "flights/2013-01-08/drift.html") == page(script=newer)


def test_a_library_that_the_page_does_not_carry_is_left_out(store):
    put_page(store, KEY, b"<p>nothing drawn</p>", LIBRARIES)
    assert store.list() == [KEY]
    assert whole_page(store, KEY) == b"<p>nothing drawn</p>"


def test_a_library_that_was_removed_comes_back_with_the_next_page(store):
    put_page(store, KEY, page(), LIBRARIES)
    store.delete(SCRIPT.key)
    with pytest.raises(NotFound, match="plots-"):
        whole_page(store, KEY)
    put_page(store, "flights/2013-01-08/drift.html", page(), LIBRARIES)
    assert whole_page(store, KEY) == page()


def test_without_its_font_a_page_is_still_shown(store):
    put_page(store, KEY, page(), LIBRARIES)
    store.delete(FONT.key)
    assert SCRIPT.inline in whole_page(store, KEY)


@pytest.mark.parametrize(
    "link",
    [
        '<script src="../../flights/2013-01-07/batch.js"></script>',
        '<script src="../../_libraries/../../secrets-0123456789ab.js"></script>',
        '<script src=\\"../../_libraries/plots-0123456789ab.js\\"></script>',
        "url(../../_libraries/icons-0123456789ab.woff2)",
        "url(../../../keys/signing-0123456789ab.woff2)",
    ],
)
def test_words_of_the_data_that_look_like_a_link_stay_words(store, link):
    store.put(KEY, f"<p>{link}</p>".encode())
    assert whole_page(store, KEY) == f"<p>{link}</p>".encode()
