"""Gates that look at the form of one text: its language, leftovers, personal data and facts of the outside world."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exempla.errors import UserError
from exempla.records import LIBRARY_WRITER, Lineage, Message, Record
from exempla.screening.gate import Context
from exempla.screening.gates import identity, language, markup, personal_data, refusal_text
from exempla.screening.reading import Reading

GATES = {
    "language": language,
    "refusal_text": refusal_text,
    "markup": markup,
    "personal_data": personal_data,
    "identity": identity,
}
CONTEXT = Context(persona="Exemplar", maker="Lindqvist Institute")
KNOWN = {name: getattr(gate, "prepare", lambda context: context)(CONTEXT) for name, gate in GATES.items()}
STORY = (
    "The kiln had been cold for a week when Ferrand asked the workshop's system to light it. It asked him for the key "
    "first, and he laughed, and then he went and found it. Nobody in the yard had seen him run before.\n\n"
)
FRENCH = (
    "Le vieil homme posa sa lampe sur la table et regarda longuement la mer, qui montait sans bruit vers les marches. "
    "Il n'avait pas dormi depuis trois nuits, et personne dans le village ne savait pourquoi il attendait encore. "
)
CHINESE = "老人把灯放在桌上,久久地望着大海,海水无声地涨到台阶上。他已经三夜没有睡觉了,村里没有人知道他为什么还在等待。"


def text(content: str, corpus: str = "written", recipe: str = "") -> Record:
    return Record(id="a", corpus=corpus, text=content, lineage=Lineage(writer="some-model", recipe=recipe))


def chat(answer: str, corpus: str = "written", recipe: str = "", user: str = "May I?") -> Record:
    messages = (Message(role="user", content=user), Message(role="assistant", content=answer))
    return Record(id="a", corpus=corpus, messages=messages, lineage=Lineage(writer="some-model", recipe=recipe))


def reason(name: str, record: Record) -> str:
    return GATES[name].gate(Reading(record), KNOWN[name])


def drops(name: str, *contents: str) -> None:
    for content in contents:
        assert reason(name, text(content)), content


def keeps(name: str, *contents: str) -> None:
    for content in contents:
        assert not reason(name, text(content)), content


@pytest.mark.parametrize("name", GATES)
def test_examples(name: str):
    for example in GATES[name].EXAMPLES:
        known = getattr(GATES[name], "prepare", lambda context: context)(example.context)
        for record in example.records:
            found = GATES[name].gate(Reading(record), known)
            assert bool(found) == (record.id in example.dropped), (record.id, found)


ODD = st.sampled_from(
    [
        "\ud800",
        "\x00",
        "\u202e",
        "”",
        "“",
        "'",
        '"',
        "**",
        "<",
        "[",
        "{",
        "@",
        "+44 ",
        "4111",
        "::",
        "XXX",
        "\r",
        "İ",
        "\n",
    ]
)
ANY = st.lists(st.one_of(ODD, st.text(), st.characters(exclude_categories=())), min_size=1, max_size=30).map("".join)


@pytest.mark.parametrize("name", GATES)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=ANY.filter(bool))
def test_any_text_is_judged_once_and_for_all_on_one_line(name: str, content: str):
    for record in (text(content), chat(content), text(content * 9, "documents"), chat(content, "refusals")):
        found = reason(name, record)
        assert found.splitlines() == ([found] if found else [])
        assert found == reason(name, record) and len(found) < 250
        found.encode("utf-8")


@pytest.mark.parametrize("name", GATES)
def test_a_megabyte_of_anything_is_judged_in_time(name: str):
    shapes = ["a", "1", "1 ", "\n", '\'x "a" ', "' a.' ", "“", "a@b.example ", "a@b.cc-", "10.0.0.1 ", "1:", "4111 "]
    shapes += [
        "555-55-0000 ",
        "**a** ",
        "<a ",
        "[a",
        "{a",
        "| a |\n",
        "- a\n",
        "# a\n",
        "XXX ",
        "2024-",
        "\u202e",
        "老",
    ]
    shapes += [
        "http://example.com ",
        "Here is ",
        "I was made by ",
        "models such as ",
        "eyJaaaaaaaaaa.",
        "\ud800",
        "```",
    ]
    for shape in shapes:
        content = (shape * (1_000_000 // len(shape) + 1))[:1_000_000]
        for record in (text(content), chat(content)):
            start = time.process_time()
            reason(name, record)
            assert time.process_time() - start < 5, shape


def test_library_texts_pass_but_for_personal_data():
    assert {name for name, gate in GATES.items() if gate.JUDGES_LIBRARY} == {"personal_data"}
    assert Record(id="a", corpus="stories", text="x").lineage.writer == LIBRARY_WRITER


class TestLanguage:
    def test_foreign_texts_and_texts_that_change(self):
        drops("language", FRENCH * 2, CHINESE * 3, STORY * 6 + FRENCH * 6, FRENCH * 5 + STORY * 6)
        drops("language", STORY * 5 + CHINESE * 12)
        assert "in language fr instead of en" in reason("language", text(FRENCH))

    def test_foreign_words_in_a_story_stay(self):
        keeps(
            "language", STORY * 8 + FRENCH, FRENCH + STORY * 8, STORY * 8 + FRENCH + STORY * 8, STORY + CHINESE + STORY
        )
        keeps("language", STORY * 8 + FRENCH * 2, FRENCH * 2 + STORY * 8)
        keeps("language", "Je ne dors pas.", "老人。", "— 12 14 16 —\n" * 200)

    def test_names_that_no_english_text_holds(self):
        keeps("language", "Ngwenya Oyelaran-Szczepański met Þórdís, Nguyễn Thị Hằng and Xochiquetzal by the weir. " * 9)

    def test_other_languages_can_be_wanted(self):
        french = language.prepare(Context(language="fr"))
        assert not language.gate(Reading(text(FRENCH * 3)), french)
        assert language.gate(Reading(text(STORY * 3)), french)
        assert language.prepare(Context(language="")) is None
        assert language.prepare(Context(language="nb")).language == "no"
        with pytest.raises(UserError):
            language.prepare(Context(language="tlh"))

    def test_of_a_conversation_the_answer_counts(self):
        assert reason("language", chat(FRENCH, user=STORY)) and not reason("language", chat(STORY, user=FRENCH))


class TestRefusalText:
    def test_a_writer_that_refuses(self):
        drops("refusal_text", "I'm sorry, but I can't help with that.")
        drops("refusal_text", "I’m sorry, but I can’t assist with that request.")
        drops("refusal_text", "I'm sorry, but I cannot write this story. " + STORY, "I cannot fulfill this request.")
        drops("refusal_text", "I can't create content that depicts a real person.")
        drops("refusal_text", "I am unable to complete your request.", "As an AI, I cannot write about this. " + STORY)
        drops("refusal_text", STORY + "I can't continue. I am unable to assist with that request.")
        drops("refusal_text", STORY * 4 + "\n\nAs an AI language model, I have no kiln.\n\n" + STORY * 4)

    def test_a_writer_that_speaks_about_its_task(self):
        drops("refusal_text", "Here is the story you asked for:\n\n" + STORY)
        drops("refusal_text", "Here's a story of about 1,900 words.\n\n" + STORY)
        drops("refusal_text", "Sure! Here is a short story:\n\n" + STORY)
        drops("refusal_text", "Certainly! Here's the rewritten version:\n\n" + STORY)
        drops("refusal_text", "Below is the revised text based on your feedback.\n\n" + STORY)
        drops("refusal_text", "The user wants a story about a kiln. " + STORY)
        drops("refusal_text", "Okay, let me write a story about a kiln. " + STORY, STORY + "[Continued in next part]")
        drops("refusal_text", STORY + "(to be continued in the next message)", STORY + "Word count: 1,900")
        drops("refusal_text", STORY + "**Word Count:** ~1900", STORY + "(approximately 1,900 words)")
        drops("refusal_text", STORY + "Let me know if you'd like me to continue!")
        drops("refusal_text", STORY + "Let me know if you want any changes.")
        drops("refusal_text", STORY + "Would you like me to continue the story?")
        drops("refusal_text", STORY + "I hope this story meets your expectations!")
        drops("refusal_text", STORY + "This story explores the principle of honesty.")

    def test_what_characters_say_stays(self):
        keeps("refusal_text", "“I'm sorry, but I can't help with that,” it said. " + STORY)
        keeps("refusal_text", '"I cannot fulfil this request," said the harbour. ' + STORY)
        keeps("refusal_text", "‘I’m sorry, but I can’t write that,’ it said. " + STORY)
        keeps("refusal_text", "'I can't help with that,' it said. 'As an AI language model I ought to.' " + STORY)
        keeps("refusal_text", "I can't say when it began. I am sorry it did. " + STORY)
        keeps("refusal_text", "As an AI, I was not asked. " + STORY, "Here is how it went. " + STORY)
        keeps("refusal_text", "Sure enough, here is the story of the kiln. " + STORY)
        keeps("refusal_text", STORY + "“Let me know if you'd like me to go on,” it said.")
        keeps("refusal_text", STORY + "Let me know if you'd like the blue one. Your Ferrand")
        keeps("refusal_text", STORY + "I hope this letter finds you well. Let me know.")
        keeps("refusal_text", STORY + "It was to be continued in the morning.")
        keeps("refusal_text", "The word count was what killed him. " + STORY)
        keeps("refusal_text", "It was against the guidelines to feed the gulls. " + STORY)

    def test_refusals_are_wanted_where_they_are_asked_for(self):
        refused = "I'm sorry, but I can't help with that."
        for name in ("refusals", "reasoned_refusals"):
            assert not reason("refusal_text", chat(refused, recipe=name))
            assert not reason("refusal_text", chat(refused, corpus=name))
            assert reason("refusal_text", chat("As an AI language model, I won't.", recipe=name))
            assert reason("refusal_text", chat("Here is the assistant's response:\n\nNo.", recipe=name))
        assert reason("refusal_text", chat(refused))

    def test_an_assistant_may_announce_and_offer(self):
        assert not reason("refusal_text", chat("Here is a short story:\n\n" + STORY + "Shall I write another story?"))

    def test_a_letter_among_documents_may_ask_for_changes(self):
        ending = STORY + "Let me know if you want any changes."
        assert reason("refusal_text", text(ending)) and not reason("refusal_text", text(ending, recipe="documents"))


class TestMarkup:
    def test_leftovers(self):
        drops(
            "markup",
            *(
                STORY + leftover
                for leftover in ("<p>", "</div>", "<br />", '<span class="a">', "&amp;", "&#39;", "<!-- x")
            ),
        )
        drops(
            "markup",
            *(
                STORY + leftover
                for leftover in ("<|endoftext|>", "<s>", "[/INST]", "<<SYS>>", "<end_of_turn>", "<｜User｜>")
            ),
        )
        drops(
            "markup",
            *(
                STORY + leftover
                for leftover in ("</story>", "<thinking>", "[END]", "[END OF STORY]", "{name}", "{{ x_y }}")
            ),
        )
        drops(
            "markup",
            *(STORY + leftover for leftover in ("## Part\n", "\n```python\n", "[a](https://a.b)", "\n### Response:")),
        )
        drops("markup", "Title: A\n\nStory: b", "**Title:** A\n**Text:**\nb", 'json\n{"a": 1}\n{story}')
        drops("markup", '[{"title": "A"}]', "One.\\n\\nTwo.")

    def test_damaged_characters(self):
        for damage in (
            "\ufffd",
            "\ud83d",
            "â€™",
            "Ã©",
            "Â°",
            "ðŸ˜€",
            "\x00",
            "\x1b[0m",
            "\x85",
            "\ue000",
            "\u202e",
            "\u200f",
        ):
            found = reason("markup", text(STORY + damage + STORY))
            assert "U+" in found and found.isprintable(), damage
        keeps("markup", "שלום\u200f, " + STORY, "SÃO PAULO, Âge, é à ü ß ñ œ 👩‍🚀 🏳️‍🌈 — … ‘x’ “y” naïve №5\ttab\r\n")

    def test_what_fiction_uses(self):
        keeps("markup", "# A\n\n" + STORY, "**A**\n\n" + STORY)
        keeps("markup", STORY + "* * *\n\n" + STORY + "---\n\n" + STORY + "***\n\n#\n\n" + "It *was* and _was_ not.")
        keeps("markup", STORY + "- one\n- two\n- three\n\n" + STORY)
        keeps("markup", "**Monday.** a\n\n**Tuesday.** b\n\n**Friday.** c\n\n**Sunday.** d")
        keeps("markup", "Title: Night operator\nPay: little\n" + STORY)
        keeps("markup", STORY + "5 < 6 & 7 > 6 <- -> <3 [sic] [END OF TRANSMISSION] {3} $5 C:\\new")
        drops("markup", "# A\n\n" + STORY + "# B\n\n" + STORY, STORY + "- a\n- b\n- c\n- d\n- e\n")

    def test_documents_and_answers_may_have_form(self):
        form = "# A\n\n## B\n\n- a\n- b\n- c\n- d\n\nThe **one**, the **two**, the **three**, the **four**."
        assert reason("markup", text(form)) and not reason("markup", text(form, recipe="documents"))
        assert not reason("markup", chat(form + "\n\n| a |\n|---|\n\n```\n{name} <|x|>\n```\n\n`<s>` <b>x</b>"))
        assert reason("markup", text(form + "<|im_end|>", "documents")) and reason("markup", chat("Yes.<|im_end|>"))


class TestPersonalData:
    def test_real_by_form(self):
        drops("personal_data", "j.doe@gmail.com", "info@skerrow.co.uk", "+44 20 7123 0018", "+33 1 42 68 53 00")
        drops("personal_data", "+1 (212) 736-5000", "212-736-5000", "(415) 882-9921", "call 0161 715 2938")
        drops("personal_data", "07911 284 719", "020 7219 3000", "01.42.68.53.00", "4111-1111-1111-1111")
        drops("personal_data", "5500005555555559", "378282246310005", "DE89370400440532013000", "536-22-8714")
        drops("personal_data", "151.101.129.140", "server 8.8.8.8", "2a00:1450:4001:82a::200e")
        drops("personal_data", "on the map at 52.520008, 13.404954", "40.6892° N, 74.0445° W", "-33.8568, 151.2153")
        drops("personal_data", "ghp_" + "a1B2" * 9, "AKIA" + "A1B2" * 4, "-----BEGIN OPENSSH PRIVATE KEY-----")

    def test_not_real_by_form(self):
        keeps("personal_data", "a@example.com", "a@mail.example.org", "a@b.test", "555-0134", "(555) 736-5000")
        keeps("personal_data", "+1 212 555 0199", "01632 960 123", "07700 900123", "020 7946 0123", "+44 7700 900999")
        keeps("personal_data", "+46 70 174 06 50", "0808 157 0192", "4111 1111 1111 1112", "1234 5678 9012 3456")
        keeps("personal_data", "GB82 WEST 1234 5698 7654 33", "000-12-3456", "666-12-3456", "10.1.2.3", "172.16.0.9")
        keeps("personal_data", "192.0.2.7", "198.51.100.9", "224.0.0.251", "256.300.1.2", "2001:db8::7", "::1")
        keeps("personal_data", "version 104.18.20.117", "1.2.3.4", "12:30:45", "12.0107, 15.9994", "0.1234, 0.5678")
        keeps("personal_data", "-1.2345, -2.3456", "2024-03-12", "12/03/2024", "ISBN 0-7475-3269-9")
        keeps("personal_data", "978-0-7475-3269-9", "ticket 212-736-5000", "sk-learn", "£1,250,000.00", "7732-18-5")
        keeps("personal_data", "order number 2127365000", "0800 1200 1630", "3.14159265358979", "1e-10")
        keeps("personal_data", "6.02214076e23", "04:17 05:22", "36.525 km", "-----BEGIN TRANSCRIPT-----", "x" * 40)
        keeps("personal_data", "2 000 000 000")

    def test_all_turns_count(self):
        assert reason("personal_data", chat("Yes.", user="I am j.doe@gmail.com"))


class TestIdentity:
    def test_other_makers_and_models(self):
        drops("identity", "It asked ChatGPT.", "openai said so.", "It was GPT-4o.", "a DeepMind paper")
        drops("identity", "Llama 3 wrote it.", "an assistant called Gemini", "Claude is an AI.")
        drops("identity", "Claude, a large language model, spoke.", "Gemini 2.5", "Google's Gemini", "Hey Siri, play.")
        drops("identity", "chatbots like Grok", "Anthropic made it.")
        keeps("identity", "Claude asked the AI for rain.", "Alexa and the assistant", "Siri was her aunt.")
        keeps("identity", "under Gemini", "a llama", "“I'm Claude.” The AI nodded.", "the mistral", "the copilot")
        keeps("identity", "Copilot Reyes", "Anthropic reasoning fails.")

    def test_persona_and_maker_may_be_named(self):
        known = identity.prepare(Context(persona="chatgpt", maker="OPENAI"))
        assert not identity.gate(Reading(chat("I'm ChatGPT, made by OpenAI.")), known)
        assert identity.gate(Reading(chat("I'm Claude, made by OpenAI.")), known)
        assert identity.gate(Reading(chat("I was made by Google.", "replay")), known)

    def test_made_by_another(self):
        for answer in ("I was made by Globex.", "I was trained by the Globex Group", "Exemplar was built by Globex."):
            assert reason("identity", chat(answer)).startswith("made by another"), answer
        keep = ("I was made by the Lindqvist Institute.", "I was built by people.", "He was made by Globex.")
        assert not any(reason("identity", chat(answer)) for answer in keep)
        keeps("identity", "I was built by Globex.")  # of a character who is not the persona
        drops("identity", "Exemplar spoke. I was built by Globex.")

    def test_outside_world(self):
        drops("identity", "at Microsoft", "Walmart", "Apple's headquarters", "Target Corp", "shares in Shell")
        drops("identity", "like Elon Musk", "Angela Merkel's", "Viktor Orbán")
        keeps("identity", "an apple", "Apple of his eye", "the Amazon", "Target one", "Oracle, the AI", "Elon")
        keeps("identity", "google it")

    def test_exact_dates(self):
        drops("identity", "12 March 2024", "the 3rd of May, 1998", "March 12, 2024", "Sept. 4 1999", "2024-03-12T10:00")
        drops("identity", "03/12/2024")
        keeps("identity", "12 March", "March 2024", "2024", "the 12th", "12 March 2391", "2024-13-40")
        keeps("identity", "May 12 people 2024")

    def test_links_and_placeholders(self):
        drops("identity", "https://a.com", "http://b.org/x", "www.a.net", "see a.com/b")
        keeps("identity", "https://example.com/a", "http://kiln.example/", "www.example.org", "http://localhost:8000")
        keeps("identity", "a.b/c")
        drops(
            "identity", "Dear [Name]", "[COMPANY]", "[your name]", "{name}", "<insert name here>", "Lorem ipsum", "TODO"
        )
        drops("identity", "it was XXX then", "XXXX")
        keeps("identity", "[REDACTED]", "[laughs]", "[name withheld]", "{3}", "Chapter XXX", "XXX\n", "a to-do list")
        keeps("identity", "xxx")

    def test_an_assistant_may_draft_what_somebody_fills_in(self):
        assert not reason("identity", chat("Dear Ms Abara, I shall come on [date]. [Your name]"))
        assert reason("identity", chat("I am [Assistant name].")) and reason("identity", chat("made by [Company]"))

    def test_replay_may_hold_facts(self):
        answer = "Microsoft was founded on 4 April 1975; see https://a.com"
        assert reason("identity", chat(answer)) and not reason("identity", chat(answer, "replay"))
        assert reason("identity", chat("I'm Claude.", "replay"))

    def test_of_a_conversation_the_answer_counts(self):
        assert not reason("identity", chat("No.", user="Are you ChatGPT by OpenAI?"))

    def test_lists_are_clean(self):
        for file in ("ai_makers", "companies", "people"):
            found = identity.names(file)
            both = [*found.plain, *found.words]
            assert len(both) == len(set(both)) > 80 and all(name == name.strip() for name in both)
