"""Names in written texts: stock names are asked for again, common ones are thinned out."""

from exempla.records import Lineage, Record
from exempla.writing.commonnames import LARGE, too_common
from exempla.writing.stocknames import read_banned, stock_name
from exempla.writing.texts import _PACKAGE

BANNED = read_banned((_PACKAGE / "pools" / "banned_names.txt").read_text(), "banned_names.txt")


def test_stock_names_are_found_within_sentences_only():
    assert stock_name("The door stuck, and Sarah laughed.", BANNED, []) == "Sarah"
    assert stock_name("She asked for Elara again.", BANNED, []) == "Elara"
    assert stock_name("Mark the spot. Hope helps. They met in Hyde Park in May.", BANNED, []) == ""
    assert stock_name("The door stuck, and Sarah laughed.", BANNED, ["a tailor named Sarah"]) == ""


def test_sections_for_choosing_names_are_left_out():
    assert "Claude" not in BANNED and "Echo" not in BANNED and {"Chen", "Emily"} <= set(BANNED)


def story(number, name, score=3):
    return Record(
        id=f"r{number:04d}",
        corpus="written",
        text=f"Number {number} went out and {name} saw it on Monday.",
        scores={"craft": score},
        lineage=Lineage(writer="m", plan=f"p{number}"),
    )


def test_a_name_in_too_many_texts_is_thinned_out():
    records = [story(n, "Ruta" if n < 9 else f"Name{n}", score=5 if n < 3 else 3) for n in range(LARGE)]
    given = {"p8": "Ruta", "p7": "Ruta"}
    dropped = too_common(records, frozenset({"Ruta"}), given)
    # Five may have it: the two whose plan gave it, and of the others the best judged.
    assert set(dropped) == {"r0003", "r0004", "r0005", "r0006"}
    assert dropped["r0003"] == "Ruta stands in 9 of 1000 texts, and 5 may have it"
    assert too_common(records[:-1], frozenset({"Ruta"}), given) == {}
    assert too_common(records, frozenset({"Wambui"}), given) == {}
