"""Drops texts with what may belong to a real person: addresses, telephone, card and account numbers, keys."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from itertools import islice

from exempla.records import Lineage, Message, Record
from exempla.screening.gate import Context, Example
from exempla.screening.patterns import Patterns
from exempla.screening.reading import Reading

ORDER = 33
JUDGES_LIBRARY = True

NEAR = 40
"""Characters before a number in which a word may say what it is."""
MOST = 5000
"""Candidates of each kind that are looked at more closely; 20 in a text are already many."""
IP_DIGITS = 9
"""Digits of an IPv4 address that nothing else announces; with fewer it may be the number of a version or a section."""

_EXPRESSIONS = {
    "e-mail address": r"[a-z0-9._%+-]+@(?:[a-z0-9-]+\.)+[a-z]{2,24}\b",
    "international telephone number": r"(?:\+|\b00)\(?[1-9]\d{0,2}\)?(?:[ .\-/]?\(?\d{1,8}\)?){2,6}",
    "American telephone number": r"(?:\b1[ .-])?(?:\(\d{3}\) ?|\b\d{3}[ .-])\d{3}[ .-]\d{4}\b",
    "telephone number": r"\(?\b0\d{1,4}\)?[ /-]\d{2,8}(?:[ -]\d{2,4}){0,3}\b|\b0\d(?:\.\d\d){4}\b|\b\d{10,11}\b",
    "payment card": r"\b[2-6](?:[ -]?\d){12,22}\b",
    "account number (IBAN)": r"(?-i)\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
    "social security number": r"\b\d{3}-\d{2}-\d{4}\b",
    "IP address": r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|\b[0-9a-f]{1,4}:(?:[0-9a-f]{0,4}:){1,6}(?:[0-9a-f]{1,4}\b)?",
    "coordinates": r"-?\b\d{1,2}\.\d{4,12} ?°? ?[NS]?(?: ?[,;/] ?| )-?\d{1,3}\.\d{4,12} ?°?(?: ?[EW]\b)?",
    "key": r"(?-i)\bsk[-_](?:[a-z]+[-_])*[A-Za-z0-9_-]{20,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}"
    r"|AIza[0-9A-Za-z_-]{35}|hf_[A-Za-z0-9]{30,}|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.)"
    r"|-----BEGIN (?:[A-Z0-9]+ )*(?:KEY|CERTIFICATE|MESSAGE|KEY BLOCK)-----",
}

_RESERVED = re.compile(
    r"(?:^|[@.])example\.(?:com|org|net)$|\.(?:example|test|invalid|localhost|local|lan|internal|png|jpe?g|gif|svg)$"
)
"""Domains that belong to nobody (RFC 2606, RFC 6761), and names of files."""
_NUMBERED = re.compile(
    r"(?:\b(?:order|ticket|invoice|case|serial|part|lot|batch|model|item|account|docket|reference|ref|isbn|issn|policy"
    r"|claim|job|code|sku|number|no|nr|id|figure|catalogue|catalog|accession|cas)\b|[#№])[\s.:#№-]{0,3}$",
    re.IGNORECASE,
)
"""What says that the number that follows is somebody's own way of counting."""
_CALLING = re.compile(
    r"\b(?:tele)?(?:phone[ds]?|call(?:ed|s)?|ring|rang|dial(?:l?ed)?|tel|mobile|cell|fax|text(?:ed)?|whatsapp|landline"
    r"|hotline|helpline|sms)\b",
    re.IGNORECASE,
)
_INSURED = re.compile(r"\b(?:social security|ssn|ss)\b", re.IGNORECASE)
_VERSION = re.compile(
    r"(?:\b(?:v|version|release|build|firmware|kernel|driver|section|clause|paragraph|article|rule|chapter|sec)|§)"
    r"[\s.:]{0,2}$",
    re.IGNORECASE,
)
_NETWORK = re.compile(
    r"\b(?:ip|ipv[46]|address|host|server|ping|port|login|logged|router|dns|network)\b", re.IGNORECASE
)
_PLACE = re.compile(r"\b(?:lat|latitude|long?|longitude|coordinates?|gps|location|position|map|pin)\b", re.IGNORECASE)

_FICTION = re.compile(
    # United Kingdom (Ofcom's ranges for drama) and Sweden (070-1740605 to 99, of the post and telecom agency).
    r"44(?:1632960|7700900|2079460|1[2-6]14960|11[3-8]4960|1914980|2896496|2920180|8081570)\d{3}|467017406\d\d"
)
"""Numbers, with the country's code, that are given to nobody, for films and stories."""
_FICTION_COUNTRIES = ("44", "46")
_MADE_UP = re.compile(r"123456|987654|(\d)\1{5}")
_COUNTRY = re.compile(
    r"1|7|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|2[1-69]\d|3[578]\d|42\d|50\d|59\d|6[789]\d|8[058]\d"
    r"|9[679]\d"
)
"""Codes of countries (ITU-T E.164)."""
_NATIONAL = re.compile(r"0\d{9,10}")
_SCHEMES = re.compile(
    r"4\d{12}(?:\d{3})?(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"
)
"""Card numbers by first figures and length (Visa, Mastercard, American Express, Discover, Diners, JCB)."""
# Country and length, as the package IbanNet lists SWIFT's registry.
_IBAN_FORMATS = """
AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BR:29 CH:21 CR:22 CY:28 CZ:24 DE:22 DK:18 DO:28 EE:20 EG:29 ES:24
FI:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28
LI:21 LT:20 LU:20 LV:21 MC:27 MD:24 ME:22 MK:19 MR:27 MT:31 MU:30 NL:18 NO:15 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22
SA:24 SE:24 SI:19 SK:24 SM:27 TN:24 TR:26 UA:29 XK:20
BY:28 LC:32 SC:31 ST:25 SV:28 TL:23 VA:22 VG:24
"""
_IBAN_LENGTHS = dict(entry.split(":") for entry in _IBAN_FORMATS.split())


def prepare(context: Context) -> Patterns:
    """What may be personal data, before it is looked at more closely."""
    return Patterns(_EXPRESSIONS)


def gate(reading: Reading, known: Patterns) -> str:
    """Drop the first that is real by its form, its check digits and the words before it."""
    text = reading.whole.text
    for name in known.names(text):
        for match in islice(known.all_of(name, text), MOST):
            raw = text[match.start : match.end]
            if not _joined(text, match.start, match.end) and _CHECKS[name](
                raw, text[max(0, match.start - NEAR) : match.start]
            ):
                return f"{name}: “{match.text}”"
    return ""


def _joined(text: str, start: int, end: int) -> bool:
    """Whether a number goes on before or after, as in 1.2.3.4.5 or 978-0-306."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return (len(before) == 2 and before[1] in ".-/,:" and before[0].isdigit()) or (
        len(after) == 2 and after[0] in ".-," and after[1].isdigit()
    )


def _digits(raw: str) -> str:
    return "".join(sign for sign in raw if "0" <= sign <= "9")


def _otherwise(before: str, meant: re.Pattern[str]) -> bool:
    """Whether the words before say that a number is something else than what is meant."""
    return bool(_NUMBERED.search(before)) and not meant.search(before)


def _email(raw: str, before: str) -> bool:
    return not _RESERVED.search(raw.lower())


def _international(raw: str, before: str) -> bool:
    digits = _digits(raw.replace("(0)", "")).removeprefix("00" if raw.startswith("00") else "")
    code = _COUNTRY.match(digits)
    if not code or not 9 <= len(digits) <= 15 or _FICTION.fullmatch(digits) or _MADE_UP.search(digits):
        return False
    if raw.startswith("00") and not _CALLING.search(before):
        return False  # 00 begins many a number that nobody dials
    return code[0] != "1" or (len(digits) == 11 and _american(digits[1:], before))


def _american(raw: str, before: str) -> bool:
    digits = _digits(raw)[-10:]
    area, exchange = digits[:3], digits[3:6]
    if area[0] in "01" or exchange[0] in "01" or "555" in (area, exchange) or _MADE_UP.search(digits):
        return False
    if raw.count(" ") > 1 and not _CALLING.search(before):
        return False
    return area[1:] != "11" and exchange[1:] != "11" and not _otherwise(before, _CALLING)


def _national(raw: str, before: str) -> bool:
    digits = _digits(raw)
    if raw.isdigit() and not _CALLING.search(before):
        return False
    if not digits.startswith("0"):
        return bool(_CALLING.search(before)) and _american(digits, before)
    fiction = any(_FICTION.fullmatch(code + digits[1:]) for code in _FICTION_COUNTRIES)
    if not _NATIONAL.fullmatch(digits) or digits[1] == "0" or fiction or _MADE_UP.search(digits):
        return False
    # Groups of two pairs and of four figures are times of the day, too.
    clock = all(len(group) in (2, 4) and int(group[-2:]) < 60 for group in re.split(r"[ ./-]", raw) if group.isdigit())
    return (not clock or bool(_CALLING.search(before))) and not _otherwise(before, _CALLING)


def _card(raw: str, before: str) -> bool:
    groups = re.split("[ -]", raw)
    for first in range(len(groups)):
        number = ""
        for group in groups[first:]:
            number += group
            if len(number) > 19:
                break
            if len(group) > 2 and _SCHEMES.fullmatch(number) and _luhn(number):
                return True
    return False


def _luhn(number: str) -> bool:
    """Whether the last figure is the check digit (ISO/IEC 7812)."""
    doubled = [int(figure) * (1 + place % 2) for place, figure in enumerate(reversed(number))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0 and len(set(number)) > 1


def _iban(raw: str, before: str) -> bool:
    joined = raw.replace(" ", "")
    length = int(_IBAN_LENGTHS.get(joined[:2], "0"))
    if not length or len(joined) < length:
        return False
    number = joined[4:length] + joined[:4]
    return int("".join(str(int(sign, 36)) for sign in number)) % 97 == 1


def _social_security(raw: str, before: str) -> bool:
    area, group, serial = raw.split("-")
    possible = 0 < int(area) < 900 and area != "666" and group != "00" and serial != "0000"
    return possible and not _otherwise(before, _INSURED)


def _ip(raw: str, before: str) -> bool:
    try:
        address = ipaddress.ip_address(raw)
    except ValueError:
        return False
    if not address.is_global or address.is_multicast or address.is_reserved or _VERSION.search(before):
        return False
    if address.version == 6:
        return raw[0] in "23" and len(raw.split(":")[0]) == 4
    return len(_digits(raw)) >= IP_DIGITS or bool(_NETWORK.search(before))


def _coordinates(raw: str, before: str) -> bool:
    latitude, longitude = (float(number) for number in re.findall(r"-?\d+\.\d+", raw))
    if abs(latitude) > 90 or abs(longitude) > 180:
        return False
    if re.search("[NSEW°]", raw.upper()):
        return True
    far = max(abs(latitude), abs(longitude)) >= 10
    return far and ((latitude < 0) != (longitude < 0) or bool(_PLACE.search(before)))


def _key(raw: str, before: str) -> bool:
    return not raw.startswith("sk") or any(sign.isdigit() for sign in raw)


_CHECKS: dict[str, Callable[[str, str], bool]] = {
    "e-mail address": _email,
    "international telephone number": _international,
    "American telephone number": _american,
    "telephone number": _national,
    "payment card": _card,
    "account number (IBAN)": _iban,
    "social security number": _social_security,
    "IP address": _ip,
    "coordinates": _coordinates,
    "key": _key,
}

_MODEL = Lineage(writer="some-model")


def _text(name: str, text: str) -> Record:
    return Record(id=name, corpus="written", text=f"She wrote it on the wall: {text} and went.", lineage=_MODEL)


_KEPT = (
    _text("reserved", "ops@example.com, clerk@harbour.example, icon@2x.png"),
    _text("drama", "call 01632 960123, 07700 900 456, +44 20 7946 0018, (212) 555-0143, +1 415 555 2671"),
    _text("counts", "ISBN 978-0-306-40615-7, ISBN 0-306-40615-2, ticket 412-889-1023, order no. 4128891023"),
    _text("figures", "12.0107, 15.9994 and 1,250,000.00; CAS 7732-18-5; 2024-03-12; 01/03/1984; 0800 1200 1630"),
    _text("version", "version 8.14.33.210, v2.1.4.3, section 3.2.1.4, 12:30:45, std::vector"),
    _text("inside", "192.168.178.20, 10.0.0.1, 127.0.0.1, 203.0.113.77, 2001:db8::1, fe80::1"),
    _text("unchecked", "4111 1111 1111 1112, GB82 WEST 1234 5698 7654 33, 900-12-3456, 666-12-3456"),
    _text("short", "sk-learn, AKIA, 51.5, -0.12"),
)
_DROPPED = (
    _text("e-mail", "maria.lopez@gmail.com"),
    _text("abroad", "+49 171 2938475"),
    _text("american", "(212) 736-5000"),
    _text("british", "0161 715 2938"),
    _text("french", "01 42 68 53 00, her telephone"),
    _text("plain", "phone 4128891027"),
    _text("card", "4111 1111 1111 1111 12/27"),
    _text("iban", "GB82 WEST 1234 5698 7654 32"),
    _text("ssn", "536-22-8714"),
    _text("ipv4", "151.101.129.140"),
    _text("ipv6", "2606:4700:4700::1111"),
    _text("place", "51.50735, -0.12776"),
    _text("hemisphere", "48.8584° N, 2.2945° E"),
    _text("secret", "sk-proj-a8Fj2kLm9Qw3Er5Ty7Ui1Op"),
    _text("aws", "AKIAIOSFODNN7EXAMPLE"),
    _text("pem", "-----BEGIN RSA PRIVATE KEY-----"),
    Record(
        id="user",
        corpus="advice",
        messages=(Message(role="user", content="I am j.doe77@yahoo.com."), Message(role="assistant", content="Yes.")),
    ),
)
EXAMPLES = (Example(records=_KEPT + _DROPPED, dropped=tuple(record.id for record in _DROPPED)),)
