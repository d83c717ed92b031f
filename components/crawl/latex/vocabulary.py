r"""What is known about LaTeX commands: symbols, accents, arguments to pass over, environments.

Tables only. A command that is in none of them is passed over itself and its groups are read as text.
"""

from __future__ import annotations

from typing import Final


def names(text: str) -> list[str]:
    """The words of `text`: a list of command names that can be read."""
    return text.split()


ACCENTS: Final = {
    "\\`": "\u0300", "\\'": "\u0301", "\\^": "\u0302", "\\~": "\u0303", "\\=": "\u0304", "\\u": "\u0306",
    "\\.": "\u0307", '\\"': "\u0308", "\\r": "\u030a", "\\H": "\u030b", "\\v": "\u030c", "\\d": "\u0323",
    "\\c": "\u0327", "\\k": "\u0328", "\\b": "\u0331", "\\t": "\u0361", "\\textcommabelow": "\u0326",
}  # fmt: skip
"""Accent command → combining character."""

SYMBOLS: Final = {
    # letters
    "\\ss": "ß", "\\SS": "SS", "\\o": "ø", "\\O": "Ø", "\\ae": "æ", "\\AE": "Æ", "\\oe": "œ", "\\OE": "Œ",
    "\\aa": "å", "\\AA": "Å", "\\l": "ł", "\\L": "Ł", "\\i": "ı", "\\j": "ȷ", "\\dh": "ð", "\\DH": "Ð",
    "\\th": "þ", "\\TH": "Þ", "\\dj": "đ", "\\DJ": "Đ", "\\ng": "ŋ", "\\NG": "Ŋ",
    # escaped and spaces
    "\\%": "%", "\\&": "&", "\\#": "#", "\\_": "_", "\\{": "{", "\\}": "}", "\\$": "$", "\\ ": " ",
    "\\,": " ", "\\;": " ", "\\:": " ", "\\>": " ", "\\!": "", "\\/": "", "\\-": "", "\\@": "", "\\|": "‖",
    "\\quad": " ", "\\qquad": " ", "\\enspace": " ", "\\enskip": " ", "\\thinspace": " ", "\\space": " ",
    "\\textvisiblespace": "␣", "\\nobreakspace": " ", "\\hfill": " ", "\\hfil": " ", "\\hss": " ",
    "\\dotfill": " ", "\\hrulefill": " ", "\\tab": " ", "\\newline": "\n", "\\linebreak": " ", "\\break": " ",
    # signs
    "\\S": "§", "\\P": "¶", "\\copyright": "©", "\\pounds": "£", "\\dag": "†", "\\ddag": "‡",
    "\\ldots": "…", "\\dots": "…", "\\textellipsis": "…", "\\slash": "/", "\\euro": "€", "\\EUR": "€",
    "\\degree": "°", "\\textdegree": "°", "\\textbullet": "•", "\\textperiodcentered": "·",
    "\\textasciitilde": "~", "\\textasciicircum": "^", "\\textbackslash": "\\", "\\textbar": "|",
    "\\textless": "<", "\\textgreater": ">", "\\textunderscore": "_", "\\textdollar": "$",
    "\\textquotedblleft": "“", "\\textquotedblright": "”", "\\textquoteleft": "‘", "\\textquoteright": "’",
    "\\textquotesingle": "'", "\\textquotedbl": '"', "\\quotedblbase": "„", "\\quotesinglbase": "‚",
    "\\guillemotleft": "«", "\\guillemotright": "»", "\\og": "« ", "\\fg": " »", "\\glqq": "„",
    "\\grqq": "“", "\\flqq": "«", "\\frqq": "»", "\\lq": "‘", "\\rq": "’", "\\lbrack": "[", "\\rbrack": "]",
    "\\textendash": "–", "\\textemdash": "—", "\\texttrademark": "™", "\\textregistered": "®",
    "\\textcopyright": "©", "\\texttimes": "×", "\\textpm": "±", "\\textmu": "µ", "\\micro": "µ",
    "\\textonehalf": "½", "\\textonequarter": "¼", "\\textthreequarters": "¾", "\\textdagger": "†",
    "\\textdaggerdbl": "‡", "\\textsection": "§", "\\textparagraph": "¶", "\\textexclamdown": "¡",
    "\\textquestiondown": "¿", "\\textordfeminine": "ª", "\\textordmasculine": "º",
    "\\textasteriskcentered": "*",
    "\\textbraceleft": "{", "\\textbraceright": "}", "\\textrightarrow": "→", "\\textleftarrow": "←",
    "\\lbrace": "{", "\\rbrace": "}", "\\checkmark": "✓", "\\cmark": "✓", "\\xmark": "✗", "\\ding": "",
    "\\textohm": "Ω", "\\ohm": "Ω", "\\angstrom": "Å", "\\deg": "°",
    "\\textcelsius": "℃", "\\celsius": "℃", "\\textnumero": "№", "\\No": "№", "\\permil": "‰",
    # names
    "\\TeX": "TeX", "\\LaTeX": "LaTeX", "\\LaTeXe": "LaTeX2e", "\\BibTeX": "BibTeX", "\\AmS": "AMS",
    "\\eg": "e.g.", "\\ie": "i.e.", "\\etal": "et al.", "\\etc": "etc.", "\\cf": "cf.", "\\wrt": "w.r.t.",
    "\\vs": "vs.", "\\Eg": "E.g.", "\\Ie": "I.e.", "\\aka": "a.k.a.", "\\iid": "i.i.d.",
    # letters that 1990s papers set in text mode
    "\\alpha": "α", "\\beta": "β", "\\gamma": "γ", "\\delta": "δ", "\\epsilon": "ε", "\\lambda": "λ",
    "\\mu": "μ", "\\pi": "π", "\\sigma": "σ", "\\times": "×", "\\pm": "±", "\\sim": "~", "\\approx": "≈",
    "\\rightarrow": "→", "\\to": "→", "\\leq": "≤", "\\geq": "≥", "\\le": "≤", "\\ge": "≥",
    "\\infty": "∞", "\\cdot": "·", "\\bullet": "•", "\\star": "⋆", "\\dagger": "†", "\\ddagger": "‡",
}  # fmt: skip
"""Command → what it prints in text; a user's definition of the same name wins."""


def _specs(lines: str) -> dict[str, str]:
    table: dict[str, str] = {}
    for line in lines.split("\n"):
        spec, _, names = line.strip().partition(" ")
        for name in names.split():
            table["\\" + name] = spec
    return table


SKIPPED_ARGUMENTS: Final[dict[str, str]] = _specs(
    """s allowdisplaybreaks
sm vspace hspace
m addvspace thispagestyle pagestyle pagenumbering bibliographystyle nocite markright index glossary hypersetup
m geometry usetikzlibrary usepgfplotslibrary pgfplotsset tikzset captionsetup phantom hphantom vphantom
m email orcid orcidlink orcidID ccsdesc received revised accepted published preprint acmConference acmYear
m acmISBN acmDOI acmJournal acmVolume acmNumber acmArticle acmMonth acmPrice acmSubmissionID setcopyright
m copyrightyear citestyle setcitestyle theoremstyle lstset UseTblrLibrary usemintedstyle authorrunning
m titlerunning shorttitle shortauthors runningtitle runningauthor inst urlstyle hyphenation addbibresource
m setstretch linespread selectlanguage AtEndDocument AtBeginShipout date journalname journal offprints
m enlargethispage sisetup bstctlcite floatstyle mathversion
m usebox lhead rhead chead lfoot rfoot cfoot thanksref corref fnref doi history editor
m definechangesauthor setenumerate setitemize ProvidesPackage ProvidesClass cline setmathfont newlength
m newsavebox hyperlink hypertarget sbox savebox altaffilmark tablewidth tabletypesize tablecolumns
m figurenum tablenum bibnamefont icmlcorrespondingauthor icmlsetsymbol symbolfootnote deleted
m mciteSubRef lstMakeShortInline MakeShortVerb
m foreignlanguage pdfinfo eprint arxivnumber SetAlgoLined dontprintsemicolon
mm setlength addtolength settowidth settoheight settodepth markboth
mm setbeamertemplate setbeamercolor crefname Crefname crefalias fontsize colorlet DeclareUnicodeCharacter
mm AddToHook DeclareCaptionFont setkomafont addtokomafont newfontfamily
mmm addcontentsline textblock SetKwFor specialrule
o addlinespace hdashline makecell thead rothead
om arrayrulecolor
m cdashline Xhline noalign
ommm rowcolors
mmmm DeclareMathSymbol DeclareFontFamily DeclareSymbolFont usefont
mmmmm DeclareMathAlphabet SetSymbolFont SetMathAlphabet
mmmmmm DeclareFontShape
mmmmmmmmm newtheoremstyle
om href ead cortext fntext RequirePackage LoadClass todo missingfigure setlist rotatebox parbox textcolor
om setmainfont setsansfont setmonofont setdefaultlanguage setotherlanguage fancyhead fancyfoot fancyhf
om color pagecolor colorbox titlecontents rhead lhead NeedsTeXFormat
omm definecolor fcolorbox rule providecolor
smm resizebox
mo scalebox
moo raisebox
oo framebox makebox
o pagebreak nopagebreak nolinebreak listoftodos linenumbers onslide
smmmmm titlespacing titleformat
pm cmidrule
mm newfont
om marginpar
o hyperref
"""
)
SKIPPED_ARGUMENTS.update(
    {
        "\\cmidrule": "opm",
        "\\rowcolor": "om",
        "\\cellcolor": "om",
        "\\newcolumntype": "mom",
        "\\definecolor": "mmm",
        "\\rule": "omm",
        "\\fcolorbox": "omm",
        "\\usepackage": "omo",
        "\\makebox": "oo",
        "\\linebreak": "o",
    }
)
"""Command → arguments that are passed over: s star, o optional, m mandatory, p in parentheses."""

REGISTERS: Final = frozenset(
    names(
        r"\hsize \vsize \hoffset \voffset \parindent \parskip \baselineskip \lineskip \magnification "
        r"\pageno \tolerance \pretolerance \hbadness \vbadness \hfuzz \vfuzz \topskip \leftskip "
        r"\rightskip \parfillskip \abovedisplayskip \belowdisplayskip \abovedisplayshortskip "
        r"\belowdisplayshortskip \textwidth \textheight \topmargin \oddsidemargin \evensidemargin "
        r"\headheight \headsep \footskip \footheight \columnsep \marginparwidth \marginparsep "
        r"\footnotesep \floatsep \textfloatsep \intextsep \tabcolsep \arraycolsep \arrayrulewidth "
        r"\unitlength \fboxsep \fboxrule \itemsep \parsep \topsep \partopsep \labelsep \labelwidth "
        r"\leftmargin \rightmargin \listparindent \itemindent \looseness \penalty \vskip \hskip \kern "
        r"\mskip \mkern \raise \lower \moveleft \moveright \hangindent \hangafter \clubpenalty "
        r"\widowpenalty \displaywidowpenalty \interlinepenalty \linepenalty \hyphenpenalty "
        r"\exhyphenpenalty \emergencystretch \belowcaptionskip \abovecaptionskip \dbltextfloatsep "
        r"\columnwidth \linewidth \epsfxsize \epsfysize \epsfverbosetrue \hrule \vrule \spaceskip "
        r"\xspaceskip \lineskiplimit \advance \multiply \divide \count \dimen \skip \pdfoutput "
        r"\pdfminorversion \brokenpenalty \predisplaypenalty \postdisplaypenalty \floatpagefraction "
        r"\delimitershortfall \delimiterfactor \mathsurround \showboxdepth \showboxbreadth \everypar "
        r"\doublerulesep \jot \bibsep \bibhang \extrarowheight \cmidrulekern \aboverulesep "
        r"\belowrulesep \footins \normalbaselineskip \pdfpagewidth \pdfpageheight \paperwidth "
        r"\paperheight \overfullrule \language \lefthyphenmin \righthyphenmin \pdfcompresslevel "
        r"\pdfsuppresswarningpagegroup \escapechar \endlinechar \newlinechar"
    )
)
"""Registers and primitives that are followed by a number or a length."""

SECTION_LEVELS: Final = {
    "\\part": 0, "\\chapter": 1, "\\section": 2, "\\subsection": 3, "\\subsubsection": 4,
    "\\paragraph": 5, "\\subparagraph": 6, "\\addchap": 1, "\\addsec": 2, "\\subsubsubsection": 5,
}  # fmt: skip

DRAWINGS: Final = frozenset(
    names(
        "tikzpicture pgfpicture picture pspicture pspicture* axis circuitikz tikzcd forest feynman "
        "fmffile fmfgraph fmfgraph* psfrags prooftree bytefield tikz feynmandiagram dot2tex "
        "chronology ganttchart neuralnetwork quantikz yquant sequencediagram"
    )
)
"""Environments that draw with commands; they have no bitmap and no readable text."""

MATH: Final = {
    "equation": "", "equation*": "", "displaymath": "", "dmath": "", "dmath*": "", "empheq": "",
    "eqnarray": "aligned", "eqnarray*": "aligned", "align": "aligned", "align*": "aligned",
    "flalign": "aligned", "flalign*": "aligned", "alignat": "aligned", "alignat*": "aligned",
    "xalignat": "aligned", "xalignat*": "aligned", "IEEEeqnarray": "aligned", "IEEEeqnarray*": "aligned",
    "gather": "gathered", "gather*": "gathered", "multline": "gathered", "multline*": "gathered",
    "math": "", "dseries": "gathered", "darray": "aligned", "dgroup": "gathered", "dgroup*": "gathered",
}  # fmt: skip
"""Display environment → the inner environment that keeps its rows once it stands between `$$`."""

MATH_ARGUMENTS: Final = {
    "alignat": "m", "alignat*": "m", "xalignat": "m", "xalignat*": "m", "IEEEeqnarray": "m",
    "IEEEeqnarray*": "m", "empheq": "om",
}  # fmt: skip

TABULARS: Final = {
    "tabular": "om", "tabular*": "mom", "tabularx": "mom", "tabulary": "mom", "longtable": "om",
    "supertabular": "m", "mpsupertabular": "m", "xtabular": "m", "tabu": "m", "longtabu": "m",
    "deluxetable": "mo", "deluxetable*": "mo", "tblr": "om", "longtblr": "om", "tabbing": "",
    "NiceTabular": "om",
    "NiceTabular*": "mom", "xltabular": "mom", "tabularray": "om", "ltabulary": "mom",
}  # fmt: skip
"""Table environment → its arguments."""

ENVIRONMENT_ARGUMENTS: Final = {
    "minipage": "ooom", "multicols": "mo", "multicols*": "mo", "adjustbox": "m", "adjustwidth": "mm",
    "adjustwidth*": "mm", "spacing": "m", "tcolorbox": "o", "mdframed": "o", "otherlanguage": "m",
    "otherlanguage*": "m", "hyphenrules": "m", "scope": "o", "threeparttable": "o", "landscape": "",
    "sideways": "", "turn": "m", "rotate": "m", "CJK": "mm", "CJK*": "mm", "beamercolorbox": "om",
    "columns": "o", "column": "om", "block": "", "letter": "m", "tablenotes": "o", "flushleft": "",
    "appendices": "", "subequations": "", "acks": "", "fullwidth": "o", "shaded": "", "framed": "",
    "keywords": "", "keyword": "", "frontmatter": "", "widetext": "", "sloppypar": "", "raggedright": "",
    "list": "mm", "trivlist": "", "changemargin": "mm", "wrapfloat": "mommo", "SCfigure": "o",
    "textblock*": "m", "resizebox": "mm", "scaletikzpicturetowidth": "m", "quoting": "o", "floatrow": "o",
}  # fmt: skip
"""Other environments → arguments that are passed over."""

THEOREMS: Final = {
    "theorem": "Theorem", "thm": "Theorem", "lemma": "Lemma", "lem": "Lemma", "corollary": "Corollary",
    "cor": "Corollary", "proposition": "Proposition", "prop": "Proposition", "definition": "Definition",
    "defn": "Definition", "remark": "Remark", "rem": "Remark", "example": "Example", "claim": "Claim",
    "conjecture": "Conjecture", "assumption": "Assumption", "observation": "Observation", "fact": "Fact",
    "question": "Question", "problem": "Problem", "exercise": "Exercise", "note": "Note", "case": "Case",
    "property": "Property", "axiom": "Axiom", "notation": "Notation", "solution": "Solution",
}  # fmt: skip
"""Theorem-like environments that classes define, used where the paper does not."""

STYLE_WORDS: Final = frozenset(
    names(
        r"\bf \it \rm \sc \tt \sl \sf \em \bfseries \itshape \rmfamily \sffamily \ttfamily \scshape "
        r"\slshape \upshape \mdseries \normalfont \tiny \scriptsize \footnotesize \small \normalsize "
        r"\large \Large \LARGE \huge \Huge \centering \raggedright \raggedleft \noindent \indent "
        r"\textbf \textit \textrm \textsf \texttt \textsc \textsl \textup \textmd \textnormal \emph "
        r"\underline \uline \mbox \fbox \centerline \leftline \rightline \protect \relax \leavevmode "
        r"\strut \null \ignorespaces \unskip \expandafter \noexpand \global \long \outer \boldmath "
        r"\unboldmath \nobreak \allowbreak \clearpage \newpage \cleardoublepage \smallskip \medskip "
        r"\bigskip \vfill \vfil \eject \maketitle \hline \midrule \toprule \bottomrule \displaystyle "
        r"\textstyle \sloppy \fussy \onecolumn \twocolumn \balance \flushbottom \raggedbottom "
        r"\singlespacing \doublespacing \onehalfspacing \FloatBarrier \hyp \notag \nonumber "
        r"\backmatter \mainmatter \frontmatter \printindex \break \loop \repeat \makeatletter "
        r"\makeatother \BooleanTrue \BooleanFalse"
    )
)
"""Commands that print nothing and take nothing; their groups are read as text."""
