"""How texts are ordered: clause 4.23, RFC 6067."""

import pytest

from broker.core.model.errors import BadRequestData
from broker.core.ql.collation import ROOT, parse_collation


def ordered(texts: list[str], collation: str | None = None) -> list[str]:
    chosen = ROOT if collation is None else parse_collation(collation)
    shuffled = texts[::-1]
    return sorted(shuffled, key=chosen.key)


@pytest.mark.parametrize(
    "texts",
    [
        ["a b", "a-b", "a+b", "a1", "aa"],
        ["cote", "Cote", "coté", "côte", "Côte", "cotf"],
        ["Aumetz", "Œuvre", "Oeuvrez", "Thil", "Villerupt"],
        ["_x", "1x", "x"],
        ["soeur", "sœurs", "soeurt"],
        ["Łódź", "Lodzz", "Mons"],
    ],
)
def test_4_23_1_the_root_order(texts):
    assert ordered(texts) == texts


def test_4_23_3_strength_says_what_counts():
    assert parse_collation("und-u-ks-level1").key("Été") == parse_collation("und-u-ks-level1").key("ete")
    assert parse_collation("und-u-ks-level2").key("Été") == parse_collation("und-u-ks-level2").key("été")
    assert parse_collation("und-u-ks-level2").key("Été") != parse_collation("und-u-ks-level2").key("ete")
    assert parse_collation("und-u-ks-identic").key("Été") != parse_collation("und-u-ks-identic").key("été")


def test_4_23_3_german_phone_books():
    assert ordered(["Ad", "Äpfel", "Af"], "de-u-co-phonebk") == ["Ad", "Äpfel", "Af"]
    assert ordered(["Ad", "Af", "Äpfel"], "de") == ["Ad", "Af", "Äpfel"]


def test_4_23_3_numbers_inside_texts_by_their_value():
    assert ordered(["Bus 2", "Bus 10"], "fr-u-kn-true") == ["Bus 2", "Bus 10"]
    assert ordered(["Bus 10", "Bus 2"]) == ["Bus 10", "Bus 2"]
    assert ordered(["a", "a1"], "fr-u-kn") == ["a", "a1"]


def test_4_23_3_capitals_first():
    assert ordered(["A", "a"], "und-u-kf-upper") == ["A", "a"]
    assert ordered(["a", "A"], "und") == ["a", "A"]


@pytest.mark.parametrize("text", ["", "-", "x", "und-u", "und-u-ks-level9", "fr u", "und-u-kf-sideways", "a" * 50])
def test_5_7_2_4_what_is_no_collation_is_refused(text):
    with pytest.raises(BadRequestData, match="collation"):
        parse_collation(text)


@pytest.mark.parametrize("text", ["und", "fr-FR", "de-u-co-phonebk", "und-x-icu", "zh-Hant-TW", "en_US"])
def test_4_23_3_locales_are_understood(text):
    parse_collation(text)
