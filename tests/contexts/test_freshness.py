"""For how long fetched @contexts are kept: clause 6.3.16, RFC 9111."""

import pytest

from broker.adapters.contexts.freshness import seconds_fresh

DATE = "Mon, 23 Nov 2026 12:00:00 GMT"
LATER = "Mon, 23 Nov 2026 13:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Cache-Control": "public"}, None),
        ({"Cache-Control": "Public, Max-Age=60"}, 60),
        ({"Cache-Control": "max-age=60, s-maxage=90"}, 90),
        ({"Cache-Control": "no-store, max-age=60"}, 0),
        ({"Cache-Control": "no-cache"}, 0),
        ({"Cache-Control": "max-age=soon"}, None),
        ({"Expires": LATER, "Date": DATE}, 3600),
        ({"Expires": DATE, "Date": LATER}, 0),
        ({"Expires": "0", "Date": DATE}, 0),
        ({"Expires": LATER, "Date": DATE, "Cache-Control": "max-age=5"}, 5),
    ],
)
def test_6_3_16_the_server_says_how_long(headers, seconds):
    assert seconds_fresh(headers) == seconds
