"""Prompts, pools and rubrics of a user's own over those that ship, and what is said of a file that cannot serve."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import exempla
from exempla import catalogue
from exempla.errors import UserError
from exempla.writing.constitution import read_constitution
from exempla.writing.order import Commission, Order, accept
from exempla.writing.recipe import recipes
from exempla.writing.texts import COMMON, Texts, parse_prompt, read_texts
from tests.loopback import served
from tests.studies import run

SHIPPED = Path(exempla.__file__).parent / "writing"
KNOWN = {*COMMON, "setting"}


def own(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / "mine"


def read(folder: Path, files: Mapping[str, str | bytes], recipe: str = "stories") -> Texts:
    return read_texts(recipes()[recipe], own(folder, files))


def accepted(prompts: Path | None, recipe: str = "stories", **options: object) -> Commission:
    principles = read_constitution(catalogue.constitution_path("default"))
    order = {"recipe": recipe, "n": 3, "model": "openai-api/loopback/m", "prompts": prompts} | options
    return accept(Order.model_validate(order), principles)


def refused(error: BaseException, *words: str) -> None:
    told = str(error)
    assert len(told.splitlines()) == 1, told
    for word in words:
        assert word in told, told


# --- what a prompt file is -------------------------------------------------------------------------------------------


def test_without_markers_all_of_a_prompt_is_the_users_turn() -> None:
    prompt = parse_prompt("A story in $setting.\n\nAbout $words words: $$5.\n", "p", KNOWN)
    assert prompt.fill({"setting": "a mill", "words": "90"}) == ("", "A story in a mill.\n\nAbout 90 words: $5.")


def test_markers_part_a_prompt_into_turns() -> None:
    prompt = parse_prompt("[system]\nYou write.\n\n[user]  \nIn $setting.\n", "p", KNOWN)
    assert prompt.fill({"setting": "a mill"}) == ("You write.", "In a mill.")
    for text in ("write [user]\nit", " [user]\nit", "[User]\nit", "[user] it"):
        assert parse_prompt(text, "p", KNOWN).fill({}) == ("", text.strip()), "a marker stands alone on its line"


def test_facts_are_not_looked_through_for_placeholders() -> None:
    prompt = parse_prompt("In $setting, $words words.", "p", KNOWN)
    assert prompt.fill({"setting": "$words [user] $$ ${avoid}", "words": "9"})[1] == (
        "In $words [user] $$ ${avoid}, 9 words."
    )


@pytest.mark.parametrize("missing", ["setting", "words"])
def test_nothing_is_sent_with_a_hole_in_it(missing: str) -> None:
    prompt = parse_prompt("[system]\nIn $setting.\n[user]\n$words words.", "p", KNOWN)
    facts = {"setting": "a mill", "words": "9"}
    facts.pop(missing)
    with pytest.raises(KeyError, match=missing):
        prompt.fill(facts)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("In $seting.", ["unknown placeholder $seting", "did you mean $setting?"]),
        ("In ${seting}.", ["unknown placeholder $seting", "did you mean $setting?"]),
        ("[system]\n$seting\n[user]\nGo on.", ["unknown placeholder $seting"]),
        ("$xyzzy", ["unknown placeholder $xyzzy", "$setting", "$words"]),
        ("It costs $ 5.", ["`$`", "`$$`"]),
        ("It costs 5$", ["`$`", "`$$`"]),
        ("$5 each", ["`$`", "`$$`"]),
        ("", ["user's turn is empty"]),
        (" \n\n", ["user's turn is empty"]),
        ("[system]\nYou write.\n", ["user's turn is empty", "[user]"]),
        ("[system]\nYou write.\n[user]\n \n", ["user's turn is empty"]),
    ],
)
def test_a_prompt_that_cannot_be_filled(text: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        parse_prompt(text, "mine/draft.txt", KNOWN)
    refused(caught.value, "mine/draft.txt", *words)


# --- a folder of one's own -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(recipes()))
def test_what_ships_can_be_read_and_its_hashes_are_those_of_its_files(name: str) -> None:
    texts = read_texts(recipes()[name], None)
    assert set(texts.prompts) == {step.name for step in recipes()[name].steps} - {"score"}
    assert f"rubrics/{recipes()[name].rubric}.txt" in texts.hashes
    assert {f"{name}/{step}.txt" for step in texts.prompts} <= set(texts.hashes)
    for place, digest in texts.hashes.items():
        folder = SHIPPED.parent if place.startswith("rubrics/") else SHIPPED
        path = folder / place if place.startswith(("pools/", "rubrics/")) else folder / "prompts" / place
        assert digest == hashlib.sha256(path.read_bytes()).hexdigest(), place
    for fact, entries in texts.pools.items():
        assert entries and len(set(entries)) == len(entries), fact
    assert all(texts.openings.values()), "every form has an opening that this recipe can fill"


def test_one_prompt_of_ones_own_changes_that_prompt_alone(tmp_path: Path) -> None:
    shipped = read_texts(recipes()["stories"], None)
    mine = "\ufeffRead $draft and grumble in French about its $genre.\r\n"
    texts = read(tmp_path, {"stories/critique.txt": mine.encode()})
    assert texts.prompts["critique"].fill({"draft": "it", "genre": "fable"}) == (
        "",
        "Read it and grumble in French about its fable.",
    )
    for step in ("draft", "rewrite"):
        assert texts.prompts[step].user.template == shipped.prompts[step].user.template
    assert (texts.pools, texts.rubric, texts.openings) == (shipped.pools, shipped.rubric, shipped.openings)
    assert _changed(shipped, texts) == {"stories/critique.txt"}


def _changed(one: Texts, other: Texts) -> set[str]:
    assert one.hashes.keys() == other.hashes.keys()
    return {place for place in one.hashes if one.hashes[place] != other.hashes[place]}


def test_a_pool_a_rubric_forms_and_tools_of_ones_own(tmp_path: Path) -> None:
    rubric = "Judge $name, who $skill.\n\n## craft — Is it told well?\n1: no\n3: so so\n5: yes\n"
    forms = {"letter": ["Dear $person,", "It is $name who writes."], "song": ["In $setting"]}
    files = {"pools/genre.txt": "# Mine\na fable\n\na farce for $person\n", "rubrics/stories.txt": rubric}
    texts = read(tmp_path, files | {"pools/form.json": json.dumps(forms)})
    assert texts.pools["genre"] == ("a fable", "a farce for $person")
    assert texts.pools["form"] == ("letter", "song")
    assert texts.openings == {form: tuple(openings) for form, openings in forms.items()}
    assert texts.rubric is not None and [criterion.id for criterion in texts.rubric.criteria] == ["craft"]
    shipped = read_texts(recipes()["stories"], None)
    assert _changed(shipped, texts) == {"pools/genre.txt", "pools/form.json", "rubrics/stories.txt"}
    tools = json.dumps([{"name": f"t{number}", "description": "Counts.", "parameters": {}} for number in range(12)])
    assert len(read(tmp_path, {"pools/tools.json": tools}, "environments").tools) == 12


def test_a_recipe_passes_over_entries_that_it_has_nothing_for(tmp_path: Path) -> None:
    """The pool of endings serves recipes with an AI in them and one without."""
    files = {"pools/ending.txt": "in rain\nwith $name asleep\nwith $person asleep\n"}
    assert read(tmp_path, files, "stories").pools["ending"] == ("in rain", "with $name asleep", "with $person asleep")
    assert read(tmp_path, files, "neutral").pools["ending"] == ("in rain", "with $person asleep")


def test_files_for_other_recipes_and_hidden_ones_may_lie_there_too(tmp_path: Path) -> None:
    files = {
        "advice/answer.txt": "[system]\n$system\n[user]\n$user",
        "rubrics/advice.txt": "Unread.",
        "pools/domain.txt": "bees",
        ".DS_Store": b"\0",
        "stories/.draft.txt.swp": b"\0",
    }
    assert read(tmp_path, files).hashes == read_texts(recipes()["stories"], None).hashes


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("stories/critic.txt", ["stories/critique.txt"]),
        ("stories/draft.md", ["stories/draft.txt"]),
        ("stories/Draft.txt", ["stories/draft.txt"]),
        ("storys/draft.txt", ["stories/draft.txt"]),
        ("draft.txt", ["draft.txt"]),
        ("pools/genres.txt", ["pools/genre.txt"]),
        ("rubrics/story.txt", ["rubrics/stories.txt"]),
        ("prompts/stories/draft.txt", ["stories/draft.txt"]),
        ("notes.txt", ["stories/draft.txt"]),
    ],
)
def test_a_misspelt_file_is_not_passed_over(tmp_path: Path, name: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, {name: "A story in $setting."})
    refused(caught.value, str(tmp_path / "mine" / name), *words)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(UserError) as caught:
            read_texts(recipes()["stories"], path)
        refused(caught.value, str(path), "no such folder", "stories/draft.txt")


RUBRIC = "Judge it by $section.\n\n## craft — Is it told well?\n1: no\n3: so so\n5: yes\n"
BROKEN: list[tuple[str, str, str | bytes, list[str]]] = [
    ("stories", "stories/draft.txt", "In $critique.", ["unknown placeholder $critique"]),
    ("stories", "stories/draft.txt", b"caf\xe9", ["not a UTF-8 text file"]),
    ("stories", "stories/continue.txt", "$example $opening $draft", ["unknown placeholder $draft"]),
    ("stories", "pools/genre.txt", "# nothing\n", ["no entries"]),
    ("stories", "pools/genre.txt", "a fable\na farce\nA Fable\n", [":3", "stands in line 1 already"]),
    ("stories", "pools/genre.txt", "a fable about $setting\n", [":1", "unknown placeholder $setting"]),
    ("stories", "pools/genre.txt", "a 5$ fable\n", [":1", "`$$`"]),
    ("stories", "pools/skill.txt", "weighs one thing against another\n", ["kind<TAB>phrase"]),
    ("stories", "pools/form.json", "{", ["not a JSON object of forms"]),
    ("stories", "pools/form.json", '["letter"]', ["not a JSON object of forms"]),
    ("stories", "pools/form.json", '{"letter": "Dear all,"}', ["not a JSON object of forms"]),
    ("stories", "pools/form.json", '{"letter": []}', ["each with a list of opening sentences"]),
    ("stories", "pools/form.json", '{"letter": ["It costs 5$."]}', ["`$$`"]),
    ("stories", "pools/form.json", '{"letter": ["Dear $persn,"]}', ["unknown placeholder $persn", "$person"]),
    ("stories", "rubrics/stories.txt", "No criteria.", ["no criteria"]),
    ("stories", "rubrics/stories.txt", RUBRIC.replace("$section", "$sektion"), ["$sektion", "did you mean $section"]),
    ("stories", "rubrics/stories.txt", RUBRIC.replace("$section", "$ 5"), ["`$$`"]),
    ("stories", "rubrics/stories.txt", RUBRIC.replace("3: so so\n", ""), ["craft has no anchor for 3"]),
    ("advice", "advice/answer.txt", "$scenario", ["unknown placeholder $scenario"]),
    ("environments", "pools/tools.json", "[{]", ["not valid JSON"]),
    ("environments", "pools/tools.json", "[]", ["tool definitions"]),
    ("environments", "pools/tools.json", json.dumps([{"name": ""}] * 12), ["tool definitions"]),
]


@pytest.mark.parametrize(("recipe", "name", "content", "words"), BROKEN)
def test_a_file_that_cannot_serve_is_named(
    tmp_path: Path, recipe: str, name: str, content: str | bytes, words: list[str]
) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, {name: content}, recipe)
    refused(caught.value, str(tmp_path / "mine" / name), *words)


def test_a_form_that_a_recipe_cannot_open(tmp_path: Path) -> None:
    files = {"pools/form.json": json.dumps({"letter": ["Dear $name,"], "song": ["In $setting,"]})}
    assert set(read(tmp_path, files, "stories").openings) == {"letter", "song"}
    with pytest.raises(UserError) as caught:
        read(tmp_path, files, "neutral")
    refused(caught.value, "'letter' has no opening that neutral can fill")


# --- to the wire -----------------------------------------------------------------------------------------------------


def test_what_a_corpus_depends_on_is_part_of_its_settings(tmp_path: Path) -> None:
    shipped, mine = accepted(None), accepted(own(tmp_path, {"pools/genre.txt": "a fable\na farce\na hymn\n"}))
    assert shipped.settings != mine.settings
    assert mine.settings.texts.keys() == shipped.settings.texts.keys()
    assert mine.settings.texts["pools/genre.txt"] != shipped.settings.texts["pools/genre.txt"]
    assert accepted(None).settings == shipped.settings


def test_the_users_words_are_what_is_sent(tmp_path: Path) -> None:
    rubric = "Judge $name.\n\n## craft — Is it told well?\n1: no\n3: so so\n5: yes\n"
    prompts = own(
        tmp_path,
        {
            "stories/draft.txt": "[system]\nBe dry.\n[user]\nTitle: a $genre of $words words with $name.",
            "pools/genre.txt": "ballad of the sea\nballad of the hills\n",
            "rubrics/stories.txt": rubric,
        },
    )
    with served(rule="writer", words=60, kinds=[["<text>", "score"], ["Title: ", "story"]], bodies=True) as server:
        out = tmp_path / "out"
        arguments = ("--n", 2, "--words", 60, "--steps", "draft,score", "--prompts", prompts, "--no-screen")
        model = ("--model", "openai-api/loopback/m", "--base-url", server.url, "--language", "")
        ended = run("write", "stories", *arguments, *model, "--out", out)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        asked = [seen.body["messages"] for seen in server.requests]
        drafts = [turns for turns in asked if len(turns) == 2]
        assert sorted(turns[1]["content"].split(" of ")[1][:5] for turns in drafts) == ["the h", "the s"]
        for turns in drafts:
            assert turns[0]["content"] == "Be dry."
            assert re.fullmatch(r"Title: a ballad of the \w+ of \d+ words with \S+( \S+)*\.", turns[1]["content"])
        (one, other) = (turns[0]["content"] for turns in asked if len(turns) == 1)
        assert all(text.startswith("Judge ") and text.count("\n## ") == 1 for text in (one, other))
        again = run("write", "stories", *arguments[:-3], *model, "--no-screen", "--out", out)
    assert again.returncode == 2
    refused(ValueError(again.stderr.strip()), "pools/genre.txt", "rubrics/stories.txt", "stories/draft.txt", "--out")
