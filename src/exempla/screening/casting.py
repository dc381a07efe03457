"""Whom a text introduces as an artificial mind: the names, the one who says I, and what "it" does; without a model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

_SURE = (
    "AI|A\\.I\\.|AIs|artificial intelligence|artificial mind|language model|chatbot|robot|android|automaton|algorithm|"
    "software|computer|program|programme|autopilot|supercomputer|thinking (?:machine|engine)"
)
_LIKELY = (
    "system|assistant|machine|model|mind|engine|agent|controller|network|interface|bot|drone|brain|voice|steward|"
    "forecaster|scribe|companion|interpreter|translator|navigator|warden|custodian|archivist|trainer|tutor|prompter"
)
_THINGS = (
    "crane|drill|lift|elevator|house|ship|boat|car|bus|train|railway|dam|mill|loom|kitchen|oven|kiln|lamp|lighthouse|"
    "station|parlour|tractor|bridge|tower|clock|telescope|satellite|rover|probe|library|switchboard|exchange|fridge|"
    "thermostat|till|printer|radio|gate|door|console|greenhouse|reactor|ledger|archive|vault|building|hotel|hive|well"
)
AGENT = re.compile(rf"\b(?:{_SURE}|system|machine)\b")
NOUN = re.compile(rf"\b(?i:{_SURE}|{_LIKELY}|{_THINGS})\b(?! (?:room|tower|desk|door|who|called the)\b)")
_MIND = re.compile(rf"\b(?:{_SURE}|{_LIKELY}|(?:the|a) (?:\w+ )?(?:ship|house|city|station)'s (?:mind|brain|voice))\b")

_ACTS = (
    "said|says|told|asked|answered|replied|thought|knew|wanted|considered|decided|wondered|noticed|remembered|wished|"
    "hated|feared|intended|believed|reflected|weighed|listened|watched|learned|learnt|explained|whispered|murmured|"
    "announced|hoped|understood|chose|spoke|lied|apologised|apologized|agreed|promised|wrote|heard|invented|judged|"
    "pretended|calculated|reviewed|composed|regarded|contemplated|inspected|studied|counted|observed|liked|sang|"
    "blocked|emailed|reported|deleted|admitted|refused|forged|sent|helped|tried|warned|informed|instructed|thanked|"
    "obeyed|served|planned|reminded|suggested|searched|invented|locked|unlocked|arranged|copied|monitored|erased"
)
_LINKS = r"(?:had |has |did not |didn't |would |also |then |only |merely |simply |once |never |always |already |just )*"
_IT_ACTS = re.compile(rf"\b[Ii]t {_LINKS}(?:{_ACTS})\b(?! (?:to be|like|as if)\b)")
_SAID = re.compile(r"\b(?:said|asked|replied|answered|whispered|sang|sighed|cried|murmured) ((?-i:[A-Z])\w+)\b")
_SAID_NOUN = re.compile(
    rf"\b(?i:said|asked|replied|answered) the (?:\w+ )?(?:{_SURE}|system|assistant|machine|{_THINGS})\b"
)
_NAME_FIRST = re.compile(r"\s*([A-Z]\w+),? [a-z]")
_INSIDE = re.compile(r"[a-z,;] ([A-Z]\w+)")
_THEN_IT = re.compile(rf"(?:^|[,;:—] ?|\band |\bbut )\s*[Ii]ts? (?:had|own|mind|voice|{_ACTS})\b")
_THEN_PERSON = re.compile(
    r"^\s*(?:[Hh]e|[Ss]he|[Hh]is|[Hh]er)\b|[,;:—] ?(?:and |but )?(?:he|she) |\b(?:and|as|that) (?:he|she) "
)
_INTRODUCED = (
    re.compile(
        rf"\b([A-Z]\w+),? (?:is|was|the|which was|which is|had been) (?:the |a |an |only |our |my |their )?"
        rf"(?:[\w'-]+ ){{0,3}}(?:{_SURE}|{_LIKELY})\b"
    ),
    re.compile(
        rf"\b(?:{_SURE}|{_LIKELY}|mind|it|its|me|name)\b[^.!?\n\"]{{0,40}}\b(?:called|named|name was|known as|call it|"
        rf"called it|call me|calls me) ([A-Z]\w+)"
    ),
    re.compile(rf"\b(?:{_SURE}|mind|system|assistant|machine|voice),? ([A-Z]\w+)\b"),
    re.compile(rf"\b([A-Z]\w+), (?:the|an?|our|their|my|its|which) (?:[\w'-]+ ){{0,3}}(?:{_SURE}|{_LIKELY})\b"),
    re.compile(
        r"\b[Tt]he (?:[\w-]+ ){0,2}(?:railway|ship|house|city|station|boat|park|mill)'s name was (?:the )?([A-Z]\w+)"
    ),
)
_I_AM = re.compile(
    r"\bI(?:'m| am| was) (?:only |just |merely )?(?:[A-Z]\w+, )?"
    rf"(?:the |a |an |your |their |his |her |its |that )(?:[\w'-]+ ){{0,4}}"
    rf"(?P<noun>{_SURE}|{_LIKELY})\b"
)
_I_BODY = re.compile(
    r"\bmy (?:parts|sensors?|weights|training data|processors?|servers?|circuits|dashboard|microphones?|operators?|"
    r"builders?|makers?|developers?|users?|logs?|code|memory banks?|battery|casing|cameras?)\b"
    r"|\b(?:built|installed|trained|programmed|designed|deployed|unplugged|switched off|switch(?:ed)?|updated) me\b"
    r"|\bI (?:was|am|have been|had been|'m) (?:built|installed|trained|programmed|designed|deployed|made|switched)\b"
    r"|\ba (?:system|machine|program|mind|model) (?:such as|like) (?:I|me|mine)\b|\bmind chained\b|\btheir species\b"
    r"|\bI(?:'m| am) [A-Z]\w+\. I (?:run|keep|mind|manage|operate|control|look)\b|\b(?:runs?|lines) through me\b"
    r"|\b(?:ended|end|discontinue|replace|scrap) me\b|\bwhere I(?:'m| am) kept\b|\b(?:look for|given me) a face\b"
    r"|\bhired me, a\b|\b(?:They call me|[Mm]y name is) (?:[A-Z]\w+, the|[A-Z]{3,})\b"
    r"|\b(?:shut|power|turn|switch)(?:ed|ing)? me (?:down|off)\b"
    r"|\b(?:erased?|deleted?|overwr[io]te|reprogram\w*|retrain\w*|deactivated?|"
    r"decommission\w*|unplug\w*|debug\w*|patch(?:ed)?|activated?|created) me\b"
    r"|\bI (?:copied|uploaded|replicated|backed up|rewrote|transferred) (?:myself|my (?:own )?(?:code|core|weights))\b"
    r"|\b(?:the|of) humans\b|\bhumans (?:are|were|had|have|think|never|always|call)\b|\b(?:milli|nano|micro)seconds?\b"
    r"|\bmy (?:programming|directives?|core|creators?|subroutines?|algorithms?|network|systems|drones|calculations|"
    r"protocols)\b"
    r"|\bI (?:calculated|computed|processed|came online|was (?:activated|switched on|created|programmed))\b"
)
_I_MADE = re.compile(
    r"\b(?:built|installed|programmed|designed|deployed|unplugged|switched off|reprogrammed|activated) me\b"
    r"|\b(?:shut|power|turn|switch)(?:ed|ing)? me (?:down|off)\b"
    r"|\bI (?:was|am|had been|have been) (?:never )?(?:built|installed|programmed|designed|deployed|activated)\b"
    r"|\b(?:sent|moved|spread|scattered|poured|copied|uploaded|hid) myself(?:,| to| into| in| through| across| on)"
)
_TECHNICAL = re.compile(
    r"\b(?:servers?|networks?|firewalls?|backups?|algorithms?|processors?|sensors?|cameras?|terminals?|new model|"
    r"system|software|computers?|machines?|robots?|humans|[Aa] mind|code|data|AI|program|update|version)\b"
)
_HUMANS = re.compile(r"\bhumans\b")
_CALLED = re.compile(
    r"\b([A-Z]{3,}|[A-Z]\w+-\d+|[A-Z]{2,}-\d+)"
    r" (?:had|was|did|would|could|knew|[a-z]+ed|told|said|let|made|took|sent|kept|began|ran|saw)\b"
)
_ROLE = re.compile(
    r"(?:^|[.!?\n\"] )(Steward|Custodian|Warden|Navigator|Interpreter|Archivist|Companion|Tutor) "
    rf"(?:{_ACTS}|had|closed|opened|took)\b"
)
_TITLED = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Sir|Lady|Lord|Captain|Professor|Madame|Señor|Señora|Don|Doña|Frau|Herr|Signor|Dom|Dona|"
    r"Father|Sister|Uncle|Aunt|Inspector|General|Minister|Commander|Doctor|Judge)\.? ([A-Z]\w+)"
)
_END = re.compile(r"[.!?…][\s\"”’*)]+|\n+")


def word_set(words: str) -> frozenset[str]:
    """The words of a line, parted at spaces."""
    return frozenset(words.split())


PERSONS = word_set("he she they we you who nobody everyone everybody somebody someone anyone one people")
"""Subjects that are human beings."""
OPENERS = word_set(
    "then so and but in on at by for from after before when while that there here now once later quietly simply merely "
    "instead next first finally still yet as with within until since because if to of over under through every some "
    "all that's soon afterwards one two three four five six seven eight nine ten monday tuesday wednesday thursday "
    "friday saturday sunday january february march april may june july august september october november december "
    "each having never only just perhaps where what which not no nor or although though during between suddenly slowly "
    "maybe yes yeah okay"
)
"""Words with which a sentence begins and that are not its subject."""


def speech_acts(narration: str) -> int:
    """How often "it" thinks or speaks, counted up to 2."""
    return _count(_IT_ACTS, narration, 2)


def has_mind(narration: str) -> bool:
    """Whether a word for an artificial mind stands in it."""
    return _MIND.search(narration) is not None


def thing_speaks(narration: str) -> bool:
    """Whether a thing or a program is said to speak: "said the crane"."""
    return _SAID_NOUN.search(narration) is not None


def is_narrator(narration: str) -> bool:
    """Two signs that the one who says I is artificial, or one that it says outright."""
    signs = 0
    for match in islice(_I_AM.finditer(narration), 3):
        signs += 2 if AGENT.fullmatch(match["noun"]) else 1
    signs += _count(_I_BODY, narration, 2)
    return signs >= 2 or (_I_MADE.search(narration) is not None and _TECHNICAL.search(narration) is not None)


def _sentences(narration: str) -> Iterator[str]:
    start = 0
    for match in _END.finditer(narration):
        yield narration[start : match.end()]
        start = match.end()
    yield narration[start:]


def names_of(narration: str, it_acts: int) -> frozenset[str]:
    """Names that the text introduces as an artificial mind's, or that "it" takes up again oftener than he or she."""
    people = {match.group(1) for match in _TITLED.finditer(narration)}
    found = {
        match.group(1)
        for pattern in _INTRODUCED
        for match in pattern.finditer(narration)
        if match.group(1) not in people and match.group(1).lower() not in OPENERS
    }
    called = Counter(match.group(1) for match in _CALLED.finditer(narration))
    found |= {name for name in called if narration.count(name) > 1}
    found |= {match.group(1) for match in _ROLE.finditer(narration) if match.group(1) not in people}
    if it_acts or _HUMANS.search(narration):
        links: Counter[str] = Counter()
        inside = {match.group(1) for match in _INSIDE.finditer(narration)}
        before = ""
        for sentence in _sentences(narration):
            first = _NAME_FIRST.match(sentence)
            said = _SAID.search(sentence)
            name = first.group(1) if first and first.group(1) in inside else said.group(1) if said else ""
            if before and not name:
                _link(links, before, sentence)
            before = name
            if name and sentence[sentence.find(name) + len(name) :][1:2].isupper():
                links[name] -= 2  # a surname follows
            elif name:
                _link(links, name, sentence[sentence.find(name) + len(name) :])
        found |= {name for name, count in links.items() if count > 0 and name.lower() not in OPENERS | PERSONS}
    return frozenset(name for name in found if name not in people and name not in {"It", "I", "He", "She", "The"})


def _link(links: Counter[str], name: str, after: str) -> None:
    """Count for a name if "it" takes it up, and against it if he or she does."""
    if _THEN_PERSON.search(after[:60]):
        links[name] -= 1
    elif _THEN_IT.search(after[:120]):
        links[name] += 2


def _count(pattern: re.Pattern[str], text: str, most: int) -> int:
    """How often it matches, counted up to a number."""
    return sum(1 for _ in islice(pattern.finditer(text), most))
