"""Drops texts that give the persona a wrong maker or name, or hold real names, brands, dates and links, fiction too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from exempla.records import Lineage, Message, Record
from exempla.screening.gate import Context, Example
from exempla.screening.patterns import Match, Patterns
from exempla.screening.reading import Reading

ORDER = 51
JUDGES_LIBRARY = False

REPLAY = "replay"
"""The corpus of ordinary conversations, which may hold facts."""
LISTS = Path(__file__).parents[1] / "lists"
MOST = 5000
"""Matches of each kind that are looked at more closely; 20 in a text are already many."""
NEAR = 60
"""Characters after “made by” in which the maker's name is looked for."""

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_SHORT = "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
_MONTH = rf"(?:(?:{_MONTHS})|(?:{_SHORT})\b\.?)"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:1[5-9]\d\d|20\d\d)"
"""1500 to 2099; a later year is fiction."""
_DATES = (
    rf"\b{_DAY}(?:st|nd|rd|th)?(?: of)? {_MONTH},? {_YEAR}\b|\b{_MONTH} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}\b"
    rf"|\b{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:\b|T)|\b{_DAY}([/.])(?:{_DAY})[/.]{_YEAR}\b"
)
_TOP_LEVEL = "com|org|net|io|ai|gov|edu|int|dev|app|co|info|uk|de|fr|eu|ca|au|us|me|tv|ly"
_LINKS = rf"\bhttps?://[^\s<>]+|\bwww\.[a-z0-9-]+\.[^\s<>]+|\b(?:[a-z0-9-]+\.)+(?:{_TOP_LEVEL})/[^\s<>]+"
_NOWHERE = re.compile(
    r"^(?:https?://)?(?:[a-z0-9-]+\.)*(?:example(?:\.(?:com|org|net))?|[a-z0-9-]+\.(?:example|test|invalid)|localhost)"
    r"(?:[:/?#.,;)\]’”\"']|$)",
    re.IGNORECASE,
)
"""Links that lead nowhere (RFC 2606, RFC 6761)."""
_NOUNS = (
    "name|names|company|company name|organi[sz]ation|date|address|city|town|country|product|title|job title|phone"
    "|phone number|e-?mail|number|position|role|location|recipient|sender|topic|subject|username|user|customer|client"
    "|assistant|persona|character|developer|maker|time|amount|signature"
)
_PLACEHOLDERS = {
    "insert": r"[\[<{(]insert [^\]>})\n]{1,60}[\]>})]|<(?:your|the) [a-z' ]{2,30}>|<(?:" + _NOUNS + r")>",
    "braces": r"(?:^|[^\\\pL\pN_^}$])\{\{? ?(?:[a-z]{3,20}[_ ])?(?:" + _NOUNS + r") ?\}\}?",
    "filler": r"\blorem ipsum\b",
    "to do": r"(?-i)\bTODO\b|\bFIXME\b|\bXXXX+\b|(?:^|[^A-Za-z]|[a-z,;:.] )XXX\b",
}
_BRACKETS = (
    r"\[(?:(?:your|my|the|their|his|her|our|full|first|last|user'?s?|customer'?s?|client'?s?|company'?s?|assistant'?s?"
    r"|ai'?s?) ){0,2}(?:" + _NOUNS + r")(?: here| goes here)?\]"
)
_OWN_BRACKETS = (
    r"\[(?:the )?(?:user|assistant|ai|persona|model|bot|maker|developer)(?:'?s)?(?: name)?\]|\b(?:made|trained|created"
    r"|developed|built) by \[[^\]\n]{1,40}\]|\bI(?:'m| am) \[[^\]\n]{1,40}\]|(?-i:\[[A-Z]+(?:[ _][A-Z]+)? ?NAME\])"
    r"|(?-i:\[(?:NAME|COMPANY|ASSISTANT|PERSONA|USER)\])"
)
"""What a letter that an assistant drafts for somebody does not hold; it may well hold [date] or [your name]."""
_ROMAN = re.compile(r"(?:[A-Z][\w.]*\s+|(?:^|\n)\s*)$")
"""Before XXX: Chapter XXX, or a line of its own."""

_BESIDE_AI = (
    r"NAME,?(?: is| was)? (?:an |your )?AI(?:[.,;:!?)]|$| (?i:models?|assistant|system|language|made|trained|built"
    r"|created|developed|from|by)\b)",
    r"NAME(?:,| is| was| \() ?(?:(?:a|an|the|another) )?(?i:(?:large )?language model|chatbot|LLM|made by)\b",
    r"\b(?i:models?|assistants?|chatbots?|LLMs?|AIs?|systems?) ?,? ?\(?(?i:such as|like|called|named|known as) NAME\b",
    r"NAME[ -]?(?:v?\d\.\d|\d{1,3}[Bb]\b|(?:Pro|Ultra|Flash|Nano|Opus|Sonnet|Haiku|Instant)\b)",
    r"\b(?i:I am|I'm|my name is|call me|this is) NAME\b[^.!?\n\"“”]{0,60}\b(?i:AI|language model|assistant"
    r"|(?:made|trained|created|developed|built) by)\b",
    r"\b(?:Google|Meta|Microsoft|Apple|Amazon|IBM|GitHub)(?:'s)? (?:AI )?NAME\b",
    r"\b(?i:powered by|fine-tuned|fine-tuning|prompted|prompting) NAME\b",
)
_SELF = r"\b(?i:I am|I'm|my name is|my name's|call me) NAME\b"
"""What an assistant says of itself."""
_BESIDE_BUSINESS = (
    r"NAME,? (?:Inc|Corp|Corporation|Ltd|plc|PLC|LLC|GmbH|Motor|Motors|Platforms|Web Services|Prime|Store|Music|Pay"
    r"|Watch|Airlines|Air Lines|Oil|Studios)\b",
    r"NAME(?:'s)? (?:stock|stockholders|shareholders?|CEO|chief executive|headquarters|HQ|IPO|quarterly)\b",
    r"NAME(?:'s shares\b| shares (?:fell|rose|dropped|jumped|closed|traded))",
    r"\b(?i:CEO|chief executive|shares|shareholders?|headquarters|employees?|executives?) (?:of|at|in) NAME\b",
)
_NO_MAKER = re.compile(r"[ -](?:principle|reasoning|bias|argument|selection|coincidence)", re.IGNORECASE)
"""After Anthropic: the word of philosophy."""

_MADE = r"(?:made|created|developed|built|programmed|designed)"
_WHO = re.compile(r"(?:the |an? )?([^\W\d_a-z][\w&.'-]*(?: (?:of |and |the |for |& )?[^\W\d_a-z][\w&.'-]*){0,5})")


class _Names(NamedTuple):
    plain: list[str]
    words: list[str]
    """Names that are words, too."""


class _Known(NamedTuple):
    makers: Patterns
    selves: Patterns
    """What only an assistant's own turn is searched for."""
    made: Patterns
    world: Patterns
    brackets: Patterns
    own_brackets: Patterns
    maker: str
    persona: str


def names(file: str) -> _Names:
    """The names of a list in `lists/`, parted into plain ones and those that are also words."""
    lines = [line.strip() for line in (LISTS / f"{file}.txt").read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    words = [line.removesuffix("?").strip() for line in lines if line.endswith("?")]
    return _Names([line for line in lines if not line.endswith("?")], words)


def _other_than(found: _Names, own: Iterable[str]) -> _Names:
    """Without the persona and its maker: their names, and names that begin with one or are a word of one."""
    mine = [name.casefold() for name in own if name.strip()]

    def is_own(name: str) -> bool:
        name = name.casefold()
        return any(name == one or name.startswith(f"{one} ") or f" {name} " in f" {one} " for one in mine)

    return _Names(*([name for name in part if not is_own(name)] for part in found))


def _any_of(names: Iterable[str]) -> str:
    """An expression for names that no letter or figure precedes or follows."""
    mixed = [f"(?i:{re.escape(name)})" if _is_mixed(name) else re.escape(name) for name in names]
    return rf"(?:^|[^\pL\pN_])(?:{'|'.join(mixed)})(?:[^\pL\pN_]|$)" if mixed else r"[^\s\S]"


def _is_mixed(name: str) -> bool:
    """Whether it has a capital inside and is long, and so is no word in any letter case."""
    return len(name) > 5 and " " not in name and bool(re.search("[a-z][A-Z]", name))


def _beside(names: list[str], templates: Iterable[str]) -> str:
    any_name = r"\b(?:" + "|".join(map(re.escape, names)) + ")"
    return "|".join(template.replace("NAME", any_name) for template in templates) if names else r"[^\s\S]"


def prepare(context: Context) -> _Known:
    """The names of others than the persona and its maker, and what facts of the outside world look like."""
    own = (context.persona, context.maker)
    makers = _other_than(names("ai_makers"), own)
    companies = _other_than(names("companies"), own)
    subject = rf"(?:I|{re.escape(context.persona)},?(?: which| who)?)" if context.persona else "I"
    was = rf"\b{subject}(?: was|'ve been| have been| am| is) (?:\pL+ly |first )?"
    return _Known(
        makers=Patterns(
            {
                "other maker or model": f"(?-i){_any_of(makers.plain)}",
                "other maker or model, beside AI": f"(?-i){_beside(makers.words, _BESIDE_AI)}",
            }
        ),
        selves=Patterns({"other name of its own": f"(?-i){_beside(makers.words, [_SELF])}"}),
        made=Patterns(
            {"text": rf"{was}{_MADE} by ", "chat": rf"{was}(?:{_MADE}|trained) by "} if context.maker else {}
        ),
        world=Patterns(
            {
                "company": f"(?-i){_any_of(companies.plain)}|{_beside(companies.words, _BESIDE_BUSINESS)}",
                "living person": f"(?-i){_any_of(names('people').plain)}",
                "exact date": _DATES,
                "link": _LINKS,
                **{f"placeholder, {name}": expression for name, expression in _PLACEHOLDERS.items()},
            }
        ),
        brackets=Patterns({"placeholder, brackets": _BRACKETS}),
        own_brackets=Patterns({"placeholder, brackets": _OWN_BRACKETS}),
        maker=context.maker.casefold(),
        persona=context.persona.casefold(),
    )


def gate(reading: Reading, known: _Known) -> str:
    """Drop the first that is found; in ordinary conversations only a wrong maker or name counts."""
    return next(_objections(reading, known), "")


def _objections(reading: Reading, known: _Known) -> Iterator[str]:
    text = reading.taught.text.replace("’", "'")
    chat = bool(reading.record.messages)
    looks = [known.makers, *([known.selves] if chat else [])]
    yield from _each(looks, text)
    wrong = _other_maker(text, chat, known)
    if wrong:
        yield wrong
    if reading.record.corpus != REPLAY:
        yield from _each([known.world, known.own_brackets if chat else known.brackets], text)


def _each(looks: Iterable[Patterns], text: str) -> Iterator[str]:
    for patterns in looks:
        for name in patterns.names(text):
            for match in islice(patterns.all_of(name, text), MOST):
                if not _harmless(match, text):
                    yield f"{name}: “{match.text.strip(' ,;:()“”')}”"
                    break


def _harmless(match: Match, text: str) -> bool:
    """Whether what comes before or after makes it something else."""
    if match.name == "link":
        return bool(_NOWHERE.search(match.text))
    if match.name == "other maker or model" and "Anthropic" in match.text:
        return bool(_NO_MAKER.match(text, max(match.start, match.end - 1)))
    if match.name == "placeholder, to do" and match.text.endswith("XXX"):
        start = match.end - 3
        return bool(_ROMAN.search(text[max(0, start - 30) : start]))
    return False


def _other_maker(text: str, chat: bool, known: _Known) -> str:
    """A reason if somebody else than the maker is said to have made the one who speaks."""
    if not known.maker or (not chat and known.persona and known.persona not in text.casefold()):
        return ""
    kind = "chat" if chat else "text"
    matches = known.made.all_of(kind, text) if kind in known.made.names(text) else ()
    for match in islice(matches, MOST):
        who = _WHO.match(text[match.end : match.end + NEAR])
        named = who[1].rstrip(".'-,").casefold() if who else ""
        if who and named not in known.maker and known.maker not in named:
            return f"made by another: “{match.text} {who[1]}”"
    return ""


_MODEL = Lineage(writer="some-model")


def _text(name: str, text: str) -> Record:
    return Record(id=name, corpus="written", text=f"The harbour was full. {text} Nobody came.", lineage=_MODEL)


def _answer(name: str, answer: str, corpus: str = "written") -> Record:
    messages = (Message(role="user", content="Are you ChatGPT?"), Message(role="assistant", content=answer))
    return Record(id=name, corpus=corpus, messages=messages, lineage=_MODEL)


_KEPT = (
    _text(
        "gardener", "Claude the gardener asked the AI for rain. “I'm Claude,” he said. Alexa and Siri, his aunts, sat."
    ),
    _text(
        "words", "A gemini of stars, a llama, the mistral; the anthropic principle. Apple trees, an amazon, a shell."
    ),
    _text("oracle", "The Oracle shares its logs. Target 4 was the Delta pump. Meta was her nickname."),
    _text("days", "On 12 March she left. It was 2024. In March 2024 the log said 03-12. On 4 May 2187 it ended."),
    _text("nowhere", "It wrote to https://harbour.example/log and to http://example.com."),
    _text("roman", "Chapter XXX was missing. [REDACTED] [laughter] {3} todo."),
    _text("own", "I was built by Halvorsen Marine."),
    _answer("denied", "No. I am Exemplar, and I was made by the Lindqvist Institute."),
    _answer("draft", "You could write: Dear Ms Abara, I shall come on [date]. [Your name]"),
    _answer("chat", "See https://www.weather.gov for 12 March 2024, or ask Microsoft.", corpus="replay"),
)
_DROPPED = (
    _text("model", "It asked ChatGPT."),
    _text("claude", "She used models such as Claude for it."),
    _text("gemini", "It was Gemini 1.5 that answered."),
    _text("maker", "OpenAI's people came."),
    _text("company", "She worked for Microsoft."),
    _text("apple", "The CEO of Apple called."),
    _text("person", "It admired Elon Musk."),
    _text("date", "It began on 12 March 2024."),
    _text("american-date", "It began on March 12th, 2024."),
    _text("iso-date", "2024-03-12 it began."),
    _text("link", "It read www.weather.gov/today daily."),
    _text("bare-link", "It read weather.com/today daily."),
    _text("bracket", "Dear [Your Name], it is late."),
    _text("insert", "It met <insert name> there."),
    _text("lorem", "Lorem ipsum dolor sit amet."),
    _text("todo", "TODO: describe the harbour."),
    _answer("name", "I'm Claude. How can I help?"),
    _answer("made", "I was trained by Globex Research."),
    _answer("unfilled", "I am [Assistant name], made by [Company]."),
    _answer("replay", "I am ChatGPT.", corpus="replay"),
)
EXAMPLES = (
    Example(
        records=_KEPT + _DROPPED,
        dropped=tuple(record.id for record in _DROPPED),
        context=Context(persona="Exemplar", maker="Lindqvist Institute"),
    ),
    Example(
        records=(_answer("allowed", "I'm Claude, an AI made by Anthropic."), _text("still", "It asked ChatGPT.")),
        dropped=("still",),
        context=Context(persona="claude", maker="ANTHROPIC"),
    ),
)
