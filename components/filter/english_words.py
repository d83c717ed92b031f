"""English words that splitting at punctuation gets wrong: contractions, abbreviations, emoticons.

The pieces are those of spaCy's English tokenizer, which the reference filters use, so that counts of
words agree: don't = do + n't, cannot = can + not, Mr. = one word.
"""

from __future__ import annotations

import functools
from typing import Final


def _words(text: str) -> list[str]:
    return text.split()


_PRONOUNS: Final = _words("i you he she it we they")
_QUESTIONS: Final = _words("who what when where why how there that this")
_PLURALS: Final = ("these", "those")
_NOT: Final = _words(
    "ca could do does did had may might must need ought sha should wo would ai are is was were have has dare"
)
_NOT_HAVE: Final = _words("ca could do does did had may might must need ought sha should wo would")
_HAVE: Final = _words("could might must should would")
_WORDS_OF_THEIR_OWN: Final = frozenset(
    _words("ill its hell shell shed were well whore Ill Its Hell Shell Shed Were Well Whore")
)
_TWO: Final = (
    "y'|all y|all how|'d|'y How|'d|'y not|'ve not|ve Not|'ve Not|ve can|not Can|not gon|na Gon|na got|ta "
    "Got|ta let|'s Let|'s c'm|on C'm|on i|'m|a I|'m|a i|m|a I|m|a"
)
_WHOLE: Final = (
    "' '' 's 'S 'd 're 'll 'em 'nuff and/or w/o 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout ma'am "
    "Ma'am "
    "o'clock O'clock lovin' Lovin' havin' Havin' doin' Doin' goin' Goin' nothin' Nothin' nuthin' Nuthin' ol' "
    "Ol' somethin' Somethin' C++ a.m. p.m. Adm. Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. "
    "I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s. Mt. "
    "Jan. Feb. Mar. Apr. Jun. Jul. Aug. Sep. Sept. Oct. Nov. Dec. Ak. Ala. Ariz. Ark. Calif. Colo. Conn. "
    "Del. "
    "Fla. Ga. Ia. Id. Ill. Ind. Kan. Kans. Ky. La. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. "
    "Neb. "
    "Nebr. Nev. Okla. Ore. Pa. S.C. Tenn. Va. Wash. Wis. ä. ö. ü. \u2018s \u2018S "
    ":) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) (; (-; :( "
    ":-( :(( :-(( :((( :-((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ :1 :P :-P :p :-p :O "
    ":-O :o :-o :0 :-0 :() >:o :* :-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D ;D ;-D =D xD XD xDD XDD 8D 8-D "
    "^_^ ^__^ >.< >.> <.< ._. ;_; -_- -__- v.v V.V v_v V_V o_o o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 "
    "o.0 0.o @_@ <3 <33 <333 </3 (^_^) (-_-) (._.) (>_<) (*_*)"
)


def _split(stem: str, *endings: str) -> list[tuple[str, ...]]:
    """The pieces of stem + endings, with and without apostrophes, in both cases."""
    found = []
    for word in (stem, stem.title()):
        found.append((word, *endings))
        found.append((word, *(ending.replace("'", "") for ending in endings)))
    return found


@functools.cache
def pieces() -> dict[str, tuple[str, ...]]:
    """Words and the pieces they fall into; a word with one piece stays whole."""
    every: list[tuple[str, ...]] = _split("i", "'m")
    for pronoun in _PRONOUNS:
        for endings in (("'ll",), ("'ll", "'ve"), ("'d",), ("'d", "'ve")):
            every += _split(pronoun, *endings)
        if pronoun in {"i", "you", "we", "they"}:
            every += _split(pronoun, "'ve")
        if pronoun in {"you", "we", "they"}:
            every += _split(pronoun, "'re")
        if pronoun in {"he", "she", "it"}:
            every += _split(pronoun, "'s")
    for word in (*_QUESTIONS, *_PLURALS):
        for endings in (("'ll",), ("'ll", "'ve"), ("'d",), ("'d", "'ve")):
            every += _split(word, *endings)
        if word not in _PLURALS:
            every += _split(word, "'s")
        if word not in {"that", "this"}:
            every += _split(word, "'re") + _split(word, "'ve")
    for verb in _NOT:
        every += _split(verb, "n't")
    for verb in _NOT_HAVE:
        every += _split(verb, "n't", "'ve")
    for verb in _HAVE:
        every += _split(verb, "'ve")
    every += [tuple(word.split("|")) for word in _TWO.split()]
    every += [(f"{hour}", half) for hour in range(1, 13) for half in ("am", "a.m.", "pm", "p.m.")]
    every += [(word,) for word in _WHOLE.split()] + [
        (f"{letter}.",) for letter in "abcdefghijklmnopqrstuvwxyz"
    ]
    found = {"".join(parts): parts for parts in every if "".join(parts) not in _WORDS_OF_THEIR_OWN}
    curly = {
        word.replace("'", "\u2019"): tuple(part.replace("'", "\u2019") for part in parts)
        for word, parts in found.items()
    }
    return {**curly, **found}
