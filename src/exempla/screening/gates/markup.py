"""Drops texts with leftovers of markup, of prompts or of chat templates, or with damaged characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from exempla.records import Lineage, Message, Record
from exempla.screening.gate import Context, Example
from exempla.screening.patterns import Patterns, quoted
from exempla.screening.reading import Reading

ORDER = 32
JUDGES_LIBRARY = False

DOCUMENTS = "documents"
"""The corpus and the recipe whose texts may have headings and lists."""
MOST_BOLD = 3
"""Words in bold within lines that a story may have (a sign on a door)."""
MOST_BULLETS = 3
"""Bulleted lines in a row that a story may have (a letter, a shopping list)."""

_ENTITIES = "nbsp|amp|quot|apos|lt|gt|mdash|ndash|hellip|[lr][sd]quo|#\\d{2,5}|#x[0-9a-f]{2,5}"
_WRAPPERS = (
    "story|text|title|document|doc|scene|output|response|answer|reply|thinking|think|scratchpad|draft|plan|final|prompt"
    "|system|user|assistant|instructions?|example|conversation|critique|revision|rewrite|score|excerpt|content|article"
)
_TAGS = (
    "html|head|body|div|span|p|br|b|i|u|em|strong|h[1-6]|ul|ol|li|table|tr|td|th|a|img|center|blockquote|sup|sub|code|pre"
    "|font|hr|script|style|meta|link|section|article|small|svg|iframe"
)
_LABELS = "text|story|body|content"

_ALWAYS = {
    "chat template": r"<[|｜][^<>|｜\n]{1,40}[|｜]>|\[/?INST\]|<</?SYS>>|</?s>|<(?:bos|eos|pad|unk)>"
    r"|<(?:start|end)_of_(?:turn|text)>|(?:^|\n)### ?(?:Instruction|Response|Input|Assistant|Human|User):",
    "left of a prompt": r"</?(?:"
    + _WRAPPERS
    + r")>|\[/?(?:END|BEGIN|START|STORY|TEXT|OUTPUT|RESPONSE)\]|\[(?:END|START)"
    r" (?:OF )?(?:THE )?(?:STORY|TEXT|RESPONSE|OUTPUT|PROMPT)\]",
    # Not after a letter or a brace: \frac{one}{two} is a formula.
    "placeholder": r"\{\{ ?[a-z_][a-z_. ]{0,40} ?\}\}|(?:^|[^\\\pL\pN_^}$])\{[a-z]{3,20}(?:_[a-z]{1,20}){0,4}\}",
}
_MARKUP = {
    "tag": r"</?(?:" + _TAGS + r")(?: [^<>\n]*)?/?>|</[a-z][a-z0-9_:-]*>|<!--",
    "entity": r"&(?:" + _ENTITIES + r");",
    "code fence": r"(?m)^ *(?:```|~~~)",
    "table": r"(?m)^ *\|?(?: *:?-{3,}:? *\|)+(?: *:?-{3,}:?)? *$|^ *\|[^\n|]*\|[^\n]*\| *\r?\n *\|",
    "link": r"!?\[[^\[\]\n]{1,200}\]\((?:https?:|/|#|www)[^()\n]*\)",
    "escaped line break": r"\\n\\n|[^\\ ]\\n[^\n]*\\n",
    "wrapped in JSON": r"^\s*[\[{]\s*(?:\{\s*)?\"[a-z_ ]{1,40}\"\s*:",
    "label": r"^[\s*_#]*(?:(?:model|assistant|ai|llm|system)(?:'s)? )?(?:output|response|completion|reply|generation)"
    r"[*_]*:",
    "chapter heading": r"^\s*(?:#{1,6} *[*_]*|\*\*|__)(?:chapter|part|scene|act|section|prologue|epilogue)\b[^\n]*",
    "titled and labelled": r"^[\s*#]*title\**:[^\n]*\n[^\n]*\n?(?:[^\n]*\n)?[\s*#]*(?:" + _LABELS + r")\**:|^[\s*#]*(?:"
    r"text|story)\**:\**\s",
}
OF_FICTION = {"chapter heading"}
"""What a document may begin with. Of fiction the first line may be a title ("# The Kiln"), but no chapter: that is a
piece of a longer text, cut out with the marks of its form."""
_COUNTED = {
    "heading": r"(?m)^ {0,3}#{1,6} [^\s]",
    # At the beginning of a line fiction uses it (the days of a diary, the speakers of a play).
    "bold": r"[\pL,;:] ?[“\"(]?(?:\*\*[^\s*][^*\n]*\*\*|__[^\s_][^_\n]*__)",
    "bullets": r"(?m)(?:^[ \t]*(?:[*+•]|-) [^\n]*\S[^\n]*(?:\n|$)){4}",
}

_BROKEN = re.compile("[\ufffd\ud800-\udfff]")
# UTF-8 read as Latin-1 or as Windows-1252: capital A with tilde or circumflex before a sign that begins no word's rest.
_MOJIBAKE = re.compile("â€|â\x80|Ã[\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|Â[\xa0-\xbf]|ï»¿|ï¿½|ðŸ|ã€")
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
_OVERRIDE = re.compile("[\u202a-\u202e\u2066-\u2069]")
_MARK = re.compile("[\u200e\u200f\u061c]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")
_CODE = re.compile(r"(?ms)^ *```.*?(?:^ *```|\Z)|`[^`\n]*`")


class _Known(NamedTuple):
    always: Patterns
    markup: Patterns
    counted: Patterns


def prepare(context: Context) -> _Known:
    """What leftovers look like."""
    return _Known(Patterns(_ALWAYS), Patterns(_MARKUP), Patterns(_COUNTED))


def gate(reading: Reading, known: _Known) -> str:
    """Drop damaged texts and leftovers; Markdown in an assistant's answer is no leftover."""
    record = reading.record
    text = reading.taught.text
    damage = _damage(text)
    if damage:
        return damage
    if record.messages:
        bare = _CODE.sub(" ", text)
        return next((f"{match.name}: “{quoted(bare, match)}”" for match in known.always.found(bare)), "")
    document = DOCUMENTS in (record.corpus, record.lineage.recipe)
    for match in (*known.always.found(text), *known.markup.found(text)):
        if not (document and match.name in OF_FICTION):
            return f"{match.name}: “{quoted(text, match)}”"
    return "" if document else next(_too_much(text, known), "")


def _damage(text: str) -> str:
    """A reason if characters are damaged or direct the display; they are named, because they cannot be shown."""
    if text.isascii() and not _CONTROL.search(text):
        return ""
    broken = _BROKEN.search(text)
    if broken:
        return f"damaged character {_code(broken[0])} after “{_before(text, broken.start())}”"
    garbled = _MOJIBAKE.search(text)
    if garbled:
        return f"wrongly decoded characters {_code(garbled[0])} after “{_before(text, garbled.start())}”"
    control = _CONTROL.search(text)
    if control:
        return f"control character {_code(control[0])} after “{_before(text, control.start())}”"
    turned = _OVERRIDE.search(text) or (None if _RIGHT_TO_LEFT.search(text) else _MARK.search(text))
    if turned:
        return f"bidirectional control character {_code(turned[0])} after “{_before(text, turned.start())}”"
    return ""


def _code(signs: str) -> str:
    return " ".join(f"U+{ord(sign):04X}" for sign in signs)


def _before(text: str, place: int) -> str:
    shown = "".join(sign if sign.isprintable() else " " for sign in text[max(0, place - 30) : place])
    return " ".join(shown.split())


def _too_much(text: str, known: _Known) -> Iterator[str]:
    """Reasons for headings, bold and bullets beyond what fiction uses; its first line may be a heading."""
    title = len(text) - len(text.lstrip())
    title = max(text.find("\n", title), title)
    for match in known.counted.found(text):
        if match.name == "bullets":
            yield f"more than {MOST_BULLETS} bullets in a row: “{quoted(text, match)}”"
            continue
        allowed = MOST_BOLD if match.name == "bold" else 0
        seen = 0
        for one in known.counted.all_of(match.name, text):
            seen += one.start >= title
            if seen > allowed:
                yield f"{match.name}: “{quoted(text, one)}”"
                break


_STORY = (
    "The kiln had been cold for a week when Ferrand asked the workshop's system to light it.\n\nIt asked him for the "
    "key first, and he laughed, and then he *went* and found it."
)
_MODEL = Lineage(writer="some-model")
_DOCUMENT = Lineage(writer="some-model", recipe="documents")


def _text(name: str, text: str) -> Record:
    return Record(id=name, corpus="written", text=text, lineage=_MODEL)


def _answer(name: str, answer: str) -> Record:
    messages = (Message(role="user", content="Which one?"), Message(role="assistant", content=answer))
    return Record(id=name, corpus="written", messages=messages, lineage=_MODEL)


_KEPT = (
    _text("emphasis", "# The Kiln\n\n" + _STORY + "\n\n* * *\n\n" + _STORY + "\n\n---\n\n" + _STORY),
    _text(
        "sign",
        "**The Kiln**\n\n"
        + _STORY
        + " On the door stood **NO ENTRY**. 3 < 4 & 5 > 4.\n\n**Monday.** a\n\n**Tuesday.** b\n\n**Sunday.**",
    ),
    _text("letter", "Dear Ferrand,\n\n- two bricks\n- a bell\n- the key\n\n" + _STORY),
    _text("abroad", "São Paulo, Ångström, naïve, Â la carte, SÃO, 11 °C, “quoted” — and so on… " + _STORY),
    _text("log", _STORY + "\n\n[END OF TRANSMISSION]\n\n[silence] {laughs twice} <ping>"),
    _answer("markdown", "## Two\n\n- **one**\n- two\n- three\n- four\n\n```\n<p>{name}</p>\n```\n$\\frac{one}{two}$"),
    _text("reply", "Her reply: the kiln was cold.\n\n" + _STORY),
    Record(id="part", corpus="written", text="# Part One: Aims\n\n" + _STORY, lineage=_DOCUMENT),
    Record(
        id="document", corpus="written", text="# Report\n\n## Aim\n\n- a\n- b\n- c\n- d\n\n" + _STORY, lineage=_DOCUMENT
    ),
)
_DROPPED = (
    _text("tags", _STORY + "<br/>" + _STORY),
    _text("closing", _STORY + "</paragraph>"),
    _text("entity", _STORY + "&nbsp;" + _STORY),
    _text("headings", _STORY + "\n\n## Chapter Two\n\n" + _STORY),
    _text("output", "Model Output:" + _STORY),
    _text("chapter", "## Chapter 6: Revelations\n\n" + _STORY),
    _text("bold-chapter", "**Chapter 6: Revelations**\n\n" + _STORY),
    _text("bold", _STORY + " It was **cold**, the **key** was **lost**, and **nobody** came."),
    _text("bullets", _STORY + "\n\n- a\n- b\n- c\n- d\n"),
    _text("table", _STORY + "\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"),
    _text("fence", "```\n" + _STORY + "\n```"),
    _text("template", _STORY + "<|im_end|>"),
    _text("instruction", "[INST] " + _STORY),
    _text("wrapper", "<story>" + _STORY + "</story>"),
    _text("end", _STORY + "\n\n[END]"),
    _text("placeholder", _STORY + " He wrote to {name}."),
    _text("double", _STORY + " He wrote to {{recipient_name}}."),
    _text("labels", "Title: The Kiln\n\nText: " + _STORY),
    _text("json", '{"story": "' + _STORY + '"}'),
    _text("escaped", _STORY + "\\n\\n" + _STORY),
    _text("mojibake", _STORY + " It didnâ€™t."),
    _text("latin", _STORY + " The cafÃ© was open."),
    _text("replacement", _STORY + " The caf\ufffd was open."),
    _text("bell", _STORY + "\x07"),
    _text("bidi", _STORY + "\u202e" + _STORY),
    _answer("leaked", "The second.<|im_end|>"),
    _answer("unfilled", "Dear {customer_name}, the second."),
)
EXAMPLES = (Example(records=_KEPT + _DROPPED, dropped=tuple(record.id for record in _DROPPED)),)
