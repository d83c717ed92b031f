"""A caption cut into sentences and claims, and put together again without some of them. No model is used.

A claim is a clause that can be judged by itself: "A blue square and a yellow square, named Dotalwen." makes
three of them, "A blue square", "a yellow square" and "named Dotalwen". The cuts are at commas, semicolons and
colons, at "while" and "but", and at "and" or "or" before a determiner, a number or a pronoun. They are rules
about English; a text in another language falls apart at its punctuation only. What a parser would know and
they don't: "A man and a woman walk" is two claims, "walks and sings" is one.

Words are compared in lower case, plurals as singulars: see `content_words`.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


NUMBERS: Final = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
    )
} | {"single": "1", "pair": "2", "both": "2", "dozen": "12"}
"""Words that are numbers, as digits."""

STOP_WORDS: Final = _set(
    "a about above across after against all along also am among an and another any are around as at be "
    "been before behind being below beneath beside besides between beyond but by can could did do does "
    "down during each either else few for from had has have having he her here hers him his how i if in "
    "inside into is it its itself just like many may me might more most much must my near no nor not of "
    "off on onto or other our out outside over own per same several shall she should so some such than "
    "that the their them then there these they this those through to too toward towards under until up "
    "upon us very was we were what when where which while who whom whose will with within without would "
    "you your"
)
"""English words that carry no content."""

_DETERMINERS: Final = _set(
    "a an the another some several many few both each every no its his her their this that these those other"
)
_PRONOUNS: Final = _set("it they he she we there someone nobody everyone")
_RELATIVES: Final = _set("which who whose whom where when that as")
_PREPOSITIONS: Final = _set(
    "in on at with without near by from of under over above below behind beside between inside outside "
    "around across along against to toward towards for during into onto through beneath next"
)
_KNOWLEDGE: Final = _set(
    "named called titled known entitled dubbed labelled labeled identified taken photographed captured "
    "shot painted drawn dated located situated built published"
)
_AUXILIARIES: Final = _set("is are was were has have had does do can will appears appear seems seem")
_PLURAL_VERBS: Final = _set("are were have")
_ABBREVIATIONS: Final = _set(
    "mr mrs ms dr prof st mt ft jr sr vs etc fig no vol ed eds inc ltd co corp dept est approx ca cf al "
    "gen col capt lt sgt rev hon gov sen rep pres jan feb mar apr jun jul aug sep sept oct nov dec e.g "
    "i.e u.s u.k u.n a.m p.m ph.d b.c a.d d.c"
)

_WORD: Final = re.compile(r"\d+(?:[.,:/]\d+)*%?|[^\W\d_]+(?:['’\-][^\W_]+)*|\w+")
_SENTENCE_END: Final = re.compile(r"""(?:\.{2,}|[.!?…])["'”’)\]»]*(?=\s|$)|[。！？]["'”’）」』]*|\n+""")
_SEPARATOR: Final = re.compile(
    r"[,;]\s+(?:(?:and|or|but|while|whereas)\s+)?|\s*[—–]\s+|\s+-\s+|:\s+"
    r"|\s+(?:and|or|but|while|whereas)\s+|[，、；]\s*"
)
_QUOTED: Final = re.compile(r"""["“«][^"”»]*["”»]|(?<!\w)['‘][^'’]*['’](?!\w)""")
_OPENERS: Final = {'"': '"', "(": ")", "[": "]", "“": "”", "«": "»", "（": "）", "「": "」", "『": "』"}
_OPENER: Final = re.compile("[" + re.escape("".join(_OPENERS)) + "'‘]")
_SINGLE_CLOSE: Final = re.compile(r"['’](?!\w)")
_MONTH: Final = re.compile(
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December|"
    r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.? \d{1,2}(?:st|nd|rd|th)?$"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of a caption: `caption[start:stop] == text`."""

    text: str
    start: int
    stop: int


def words(text: str) -> list[str]:
    """The words and numbers of a text as they stand there; hyphens and apostrophes hold words together."""
    return _WORD.findall(text)


def normal(word: str) -> str:
    """A word as it is compared: lower case, digits for a number, singular for a regular plural."""
    word = unicodedata.normalize("NFKC", word).lower().replace("’", "'").removesuffix("'s")
    if word[:1].isdigit():
        return word.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", word) else word
    if word in NUMBERS:
        return NUMBERS[word]
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def content_words(text: str) -> list[str]:
    """The words that say something, `normal`, in order, repeats included; "one" says no more than "a"."""
    found = []
    for word in words(text):
        small = word.lower()
        if small in STOP_WORDS or small == "one" or (len(word) == 1 and word.isascii() and word.isalpha()):
            continue
        found.append(normal(word))
    return found


def specifics(text: str, *, opening: bool = True) -> list[str]:
    """The names and figures of a text, `normal`: what nobody can know who only looks at a picture.

    A name is a capitalised word, but for a lonely one that opens a sentence, or one with capitals or digits
    inside. Figures are digits, not "two": things are counted by looking. What stands in quotation marks is
    not among them: it is mostly read off the picture.

    Args:
        opening: whether the text opens a sentence; a clause from the middle of one does not.
    """
    found: list[str] = []
    bare = _QUOTED.sub(lambda match: " " * len(match[0]), text)
    for start, stop in sentences(text):
        seen = list(_WORD.finditer(bare, start, stop))
        for number, match in enumerate(seen):
            word = match[0]
            inside = any(sign.isupper() or sign.isdigit() for sign in word[1:])
            opens = match.start() == start and (opening or start > 0)
            lonely = opens and not (number + 1 < len(seen) and _capital(seen[number + 1][0]))
            if word[0].isdigit() or inside or (_capital(word) and not lonely):
                found.append(normal(word))
    return found


def _capital(word: str) -> bool:
    return len(word) > 1 and word[0].isupper() and word.lower() not in STOP_WORDS


def sentences(text: str) -> list[tuple[int, int]]:
    """The sentences of a text as (start, stop), white space around them left out.

    A point does not end one after an abbreviation, after an initial, or before a lower case word.
    """
    found: list[tuple[int, int]] = []
    begin = 0
    for match in _SENTENCE_END.finditer(text):
        if not match[0].startswith("\n") and _goes_on(text, begin, match):
            continue
        found.append((begin, match.end()))
        begin = match.end()
    found.append((begin, len(text)))
    return [span for span in (_stripped(text, *one) for one in found) if span[0] < span[1]]


def _goes_on(text: str, begin: int, end: re.Match[str]) -> bool:
    rest = text[end.end() :].lstrip()
    if rest[:1].islower() and end[0][0] not in "。！？":
        return True
    if end[0][0] != "." or end[0].startswith(".."):
        return False
    last = text[begin : end.start()].rpartition(" ")[2].lstrip("(\"'“‘[")
    if not rest:
        return False
    return last.lower() in _ABBREVIATIONS or (len(last) == 1 and last.isalpha() and last.isupper())


def _stripped(text: str, start: int, stop: int) -> tuple[int, int]:
    while start < stop and text[start].isspace():
        start += 1
    while stop > start and text[stop - 1].isspace():
        stop -= 1
    return start, stop


def split_claims(caption: str) -> list[Claim]:
    """The claims of a caption, in order; they don't overlap, and hold every word but conjunctions."""
    return [claim for _, group in _by_sentence(caption) for claim in group]


@functools.lru_cache(64)  # a caption is split, then pruned
def _by_sentence(caption: str) -> tuple[tuple[tuple[int, int], tuple[Claim, ...]], ...]:
    """The sentences that hold a claim, (start, stop), with their claims."""
    found = ((span, tuple(_clauses(caption, *span))) for span in sentences(caption))
    return tuple((span, group) for span, group in found if group)


def _clauses(caption: str, start: int, stop: int) -> list[Claim]:
    body_stop = stop
    while body_stop > start and caption[body_stop - 1] in ".!?…。！？":
        body_stop -= 1
    if not _WORD.search(caption, start, body_stop):
        return []
    cuts: list[tuple[int, int]] = []
    begin = start
    closed = _closed(caption, start, body_stop)
    for match in _SEPARATOR.finditer(caption, start, body_stop):
        if any(a < match.start() < b for a, b in closed) or match.start() <= begin:
            continue
        before = caption[begin : match.start()]
        if begin == start and "," in match[0] and _introduces(before):
            continue
        if _parts(before, match[0], caption[match.end() : body_stop]):
            cuts.append(match.span())
            begin = match.end()
    bounds = [start, *(edge for cut in cuts for edge in cut), body_stop]
    pieces = list(zip(bounds[::2], bounds[1::2], strict=True))
    joined = _one_subject(caption, pieces)
    trimmed = [_stripped(caption, *one) for one in joined]
    return [Claim(caption[a:b], a, b) for a, b in trimmed if _WORD.search(caption, a, b)]


def _closed(text: str, start: int, stop: int) -> list[tuple[int, int]]:
    """Where quotation marks and brackets of a sentence open and close."""
    found: list[tuple[int, int]] = []
    opener = _OPENER.search(text, start, stop)
    while opener:
        position, sign = opener.start(), opener[0]
        if sign in "'‘":  # an apostrophe closes nothing inside a word
            close = _SINGLE_CLOSE.search(text, position + 1, stop)
            end = close.end() if close and not text[max(position - 1, start)].isalnum() else -1
        else:
            end = text.find(_OPENERS[sign], position + 1, stop) + 1 or -1
        if end > 0:
            found.append((position, end))
        opener = _OPENER.search(text, max(end, position + 1), stop)
    return found


def _first(text: str) -> str:
    match = _WORD.search(text)
    return match[0] if match else ""


def _opens_noun(text: str) -> bool:
    first = _first(text).lower()
    return first in _DETERMINERS or first in NUMBERS or first[:1].isdigit()


def _introduces(before: str) -> bool:
    """Whether a sentence has only begun: "Behind her", "In Paris, France", "Seated at a table"."""
    first, *others = before.split(",")
    opening = _first(first).lower()
    if any(word.lower() in _AUXILIARIES for word in words(before)):
        return False
    return (opening in _PREPOSITIONS or _participle(opening)) and not any(map(_opens_noun, others))


def _parts(before: str, separator: str, after: str) -> bool:
    """Whether a sentence is cut here: `before` goes back to the last cut."""
    head, first = words(before), _first(after)
    if not head or not first:
        return False
    bare = separator.strip()
    if bare in {"and", "or"}:
        small = {word.lower() for word in head}
        if "between" in small or small & {"both", "either", "neither"}:
            return False
        return _opens_noun(after) or first.lower() in _PRONOUNS
    if bare == "," and _MONTH.search(before) and first[:1].isdigit():
        return False  # June 5, 2019
    if bare == ",":
        return not _adjectives(before, after)
    return True


def _adjectives(before: str, after: str) -> bool:
    """Whether a comma stands between adjectives ("a large, red ball") and not between nouns or clauses."""
    head, first = words(before), _first(after)
    last = re.split(r"[,;]", before)[-1]
    opened = head[0].lower() in _DETERMINERS and (len(head) <= 2 or "," in before)
    if not opened or len(words(last)) > 2:
        return False
    return not (
        _opens_noun(after)
        or first[0].isupper()
        or first.lower() in _RELATIVES | _PREPOSITIONS | _PRONOUNS | _AUXILIARIES | _KNOWLEDGE | {"and", "or"}
        or _participle(first.lower())
    )


def _participle(word: str) -> bool:
    return len(word) > 4 and word.endswith(("ing", "ed"))


def _one_subject(caption: str, pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join what shares a plural verb: "A man, a woman and a child are walking" is one claim."""
    joined: list[tuple[int, int]] = []
    for start, stop in pieces:
        small = [word.lower() for word in words(caption[start:stop])]
        verb = next((i for i, word in enumerate(small) if word in _PLURAL_VERBS), None)
        plural = (
            verb is not None
            and small[0] not in _PRONOUNS | _RELATIVES
            and not any(word in _RELATIVES for word in small[:verb])
            and not any(
                word in NUMBERS or word in {"some", "several", "many", "few"} for word in small[:verb]
            )
            and not any(word.endswith("s") and not word.endswith("ss") for word in small[:verb])
        )
        first = start
        while plural and joined and _subject(caption[joined[-1][0] : joined[-1][1]]):
            first = joined.pop()[0]
        joined.append((first, stop))
    return joined


def _subject(text: str) -> bool:
    small = [word.lower() for word in words(text)]
    return kind(text) == "thing" and not any(word in _AUXILIARIES for word in small)


def kind(text: str) -> str:
    """What a claim hangs on, from its first word.

    Returns:
        `thing`: nothing, it can open a sentence ("a yellow square");
        `knowledge`: what the whole sentence is about ("named Dotalwen", "1912", "Paris");
        `detail`: what stands before it ("wearing a hat", "which is red").
    """
    first = _first(text)
    small = first.lower()
    if small in _KNOWLEDGE:
        return "knowledge"
    if small in _RELATIVES:
        return "detail"
    if small in _DETERMINERS | _PRONOUNS or small in NUMBERS:
        return "thing"
    if small in _PREPOSITIONS:
        return "knowledge" if specifics(text) else "detail"
    if first[:1].isdigit() or first[:1].isupper():
        return "knowledge"
    return "detail" if _participle(small) else "thing"


def _sort(caption: str, group: Sequence[Claim], number: int) -> str:
    """The `kind` of a claim in its sentence; what opens one, or follows "while" or ";", is a thing."""
    if number == 0 or re.search(
        r"while|whereas|but|;", caption[group[number - 1].stop : group[number].start]
    ):
        return "thing"
    return kind(group[number].text)


def _apposition(caption: str, group: Sequence[Claim], number: int, sorts: Sequence[str]) -> bool:
    """Whether a thing stands between bare commas, something that is no thing of its own behind it."""
    if number in {0, len(group) - 1} or sorts[number + 1] == "thing":
        return False
    around = (caption[group[n - 1].stop : group[n].start] for n in (number, number + 1))
    return all(gap == ", " for gap in around)


def orphans(caption: str, unwanted: Collection[Claim]) -> list[Claim]:
    """The claims that can't stand without `unwanted` ones, in order; those themselves are not among them.

    A detail goes with the thing that it belongs to; what names the whole sentence stays while a thing stands
    before it in the sentence. Of "Ada Lovelace, a mathematician, seated" the apposition may go alone.
    """
    found: list[Claim] = []
    for _, group in _by_sentence(caption):
        standing = False  # whether a thing of this sentence stands so far
        owner = True  # whether the thing (or detail) before stands
        sorts = [_sort(caption, group, number) for number in range(len(group))]
        for number, (claim, sort) in enumerate(zip(group, sorts, strict=True)):
            gone = claim in unwanted
            if gone and sort == "thing" and _apposition(caption, group, number, sorts):
                continue
            if sort == "thing":
                owner = not gone
                standing = standing or not gone
            elif gone:
                owner = owner and sort == "knowledge"
            elif (sort == "knowledge" and not standing) or (sort == "detail" and not owner):
                found.append(claim)
    return found


def remove(caption: str, unwanted: Collection[Claim]) -> str:
    """The caption without some of its claims (`split_claims`) and without their `orphans`.

    What is left of a sentence is joined again: it begins with a capital where it did, the last of a list
    has its "and". An empty text where nothing is left.
    """
    if not unwanted:
        return caption
    gone = {*unwanted, *orphans(caption, unwanted)}
    kept: list[str] = []
    for (start, stop), group in _by_sentence(caption):
        if not gone.intersection(group):
            kept.append(caption[start:stop])
        elif any(claim not in gone for claim in group):
            kept.append(_rebuilt(caption, (start, stop), group, gone))
    return " ".join(kept)


def _rebuilt(caption: str, span: tuple[int, int], group: Sequence[Claim], gone: Collection[Claim]) -> str:
    """One sentence of which some claims stay."""
    staying = [number for number, claim in enumerate(group) if claim not in gone]
    gaps = {n: caption[group[n - 1].stop : group[n].start] for n in range(1, len(group))}
    listed = [n for n in staying if n and _sort(caption, group, n) == "thing"]
    if len(staying) == 2 and len(group) > 2 and staying[1] in listed:
        gaps[staying[1]] = re.sub(r"^, (?=(?:and|or) )", " ", gaps[staying[1]])
    dropped = [n for n in gaps if n not in staying and re.search(r"\b(?:and|or)\b", gaps[n])]
    for number in dropped:  # the list's "and" went with its last member: the one before gets it
        before = [n for n in listed if n < number]
        if before and gaps[before[-1]] == ", " and not any(n > number for n in listed):
            gaps[before[-1]] = gaps[number] if len(listed) > 1 else gaps[number].removeprefix(",")
    text = group[staying[0]].text
    if caption[group[0].start].isupper():
        text = text[:1].upper() + text[1:]
    for number in staying[1:]:
        text += gaps[number] + group[number].text
    return text + caption[group[-1].stop : span[1]]
