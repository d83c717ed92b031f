"""What class names, ids and roles say about an element: content, boilerplate, or nothing.

The words are those that content management systems and site authors use all over the web; there is
no rule for any one site.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache
from typing import Final


class Hint(IntEnum):
    """What an element's names say about it."""

    OUT = -2
    """boilerplate: left out by the walk"""
    DOUBT = -1
    """perhaps boilerplate: counts less"""
    NONE = 0
    CONTENT = 1
    """perhaps content"""
    BODY = 2
    """an article's body"""


def _phrases(text: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrase in text.split(";"))


# Every word is matched between non-letters, so that "ad" is not found in "header".
_OUT: Final = re.compile(
    r"""(?<![a-z])(?:
    # navigation
    nav|navbar|navi|navigation|navmenu|subnav|menu|menus|mainmenu|submenu|breadcrumbs?|brdcrumb|pagination|
    paginator|pager|pagenavi|pagelinks?|page-links|skip-?links?|skip-to-content|toolbar|topbar|masthead|
    site-?header|page-?footer|site-?footer|footer|foot|footers|colophon|site-?info|post-?nav(?:igation)?|
    # beside the content
    sidebar|sidebars|side-?bar\w*|sidecolumn|side-?col|rightcol(?:umn)?|right-?rail|left-?rail|rail|
    widget-?area|widget_?title|widgets|aside|
    # from readers
    comments?|comment-?(?:list|form|respond|section|area|body|content|meta|author|reply|text|wrapper|box)|
    commentlist|commentform|kommentare?|commentaires?|comentarios?|commenti|disqus\w*|dsq|respond|livefyre|
    fb-comments|replies|reply-?form|talkback|trackbacks?|pingbacks?|discussion|
    # sharing
    share|shares|sharing|share-?\w{0,12}|sharedaddy|sharethis|social\w*|soc-?\w*|sociable|addthis\w*|addtoany\w*|
    a2a\w*|shariff|ssba\w*|heateor\w*|jp-relatedposts|jp-sharing|follow-?us|follow|followers|tweet-?button|
    # other pages
    related\w*|recommend\w*|recirc\w*|similar|more-?(?:posts|stories|articles|news|from|on|like|links|content)|
    also-?(?:like|read)|read-?(?:more|next|also)|next-?(?:post|article|story|prev\w*)|prev-?next|
    popular\w*|trending\w*|most-?(?:read|viewed|popular|recent|shared|commented)|mostread|latest-?\w*|
    recent-?(?:posts?|articles?|news|comments?|stories)|outbrain|taboola|zergnet|mgid|yarpp\w*|crp_related|
    up-?next|teasers?|teaser-?(?:list|box|row)|further-?reading|you-?may-?like|see-?also|linklist|
    # advertising
    ads?|advert\w*|adsense|adsbygoogle|adbox|adslot|ad-?(?:unit|container|wrapper|slot|block|banner|label)|
    sponsor(?:ed|s)?|promo|promos|promotion|promo-?box|dfp|anzeigen?|werbung|publicidad|commercial|
    # asking for something
    cookie\w*|gdpr|consent|onetrust\w*|newsletter\w*|subscri(?:be|ption|bers?)\w*|sign-?up|signin|login|log-in|
    mailchimp|mc_embed\w*|opt-?in|optin\w*|donate|donation|call-?to-?action|cta|paywall-?(?:message|prompt)|
    modal|modals|popup|pop-up|lightbox|tooltip|toast|flyout|offcanvas|drawer|
    # about the page
    byline|by-line|author-?(?:box|bio|info|card|profile|desc\w*|about|block|meta)|about-?(?:the-)?author|
    post-?author|entry-?author|authorbox|vcard|
    (?:post|entry|article|blog|story)-?(?:meta|tags?|categor\w+|footer|utility|tools|info|actions|date)|
    postmeta\w*|metadata|postinfo|article-?infos|dateline|timestamp|pub-?date|publish-?date|posted-?on|
    tags|tag-?(?:list|links|cloud|s)|taglist|tagcloud|cat-?links|categories|keywords|
    rating|ratings|star-?rating|vote|votes|voting|likes?|print-?(?:link|button|only)|noprint|no-print|
    feedback|error-?message|disclaimer|copyright|edit-?link|editsection|mw-editsection|permalink|
    # not seen
    screen-reader(?:-text)?|sr-only|visually-?hidden|visuallyhidden|display-none|js-only|noscript|is-hidden
    )(?![a-z]) | (?<![\w-])(?:hidden|hide|invisible|d-none)(?![\w-])""",
    re.VERBOSE,
)
# Names of wrappers that hold words of _OUT for what stands beside their content.
_SPARED: Final = re.compile(
    r"""(?<![a-z])(?:(?:has|no|with|without|left|right|single|hide|one|two|content|main)-?_?(?:side-?bar|sidebars?|nav|menu|ads?|aside)|
    side-?bar-?_?(?:left|right|none|no|layout|both|primary-on|on)(?![a-z])|
    (?:hidden|hide|d-none)[-_:](?:xs|sm|md|lg|xl|print|mobile|phone|desktop|tablet)\w*|overflow-hidden|label[-_]+(?:visually[-_])?hidden|
    (?:category|tag|categories|tags|keywords|author|topic|type|format|status)-[\w-]+|elementor[\w-]*|wp-block[\w-]*|
    (?:share|social|ad|ads|comments?|menu|nav|cookie\w*|newsletter)[-_](?:enabled|disabled|open|closed|on|off)
    )""",
    re.VERBOSE,
)
_BODY: Final = re.compile(
    r"""(?<![a-z])(?:
    (?:article|post|entry|story|news|blog|blogpost|page|single|body|main|node|rich|artikel|beitrag|text|detail|text-?content)-?_*
    (?:body|content|contents|copy|text|story|inhalt|main|entry)|
    articlebody|articletext|storybody|storytext|bodycopy|body-?content|content-?(?:body|text|article|main|post|entry|area|inner)|
    post-?(?:bodycopy|full-content)|field-name-body|td-post-content|articulo-?cuerpo|cuerpo|texto|wysiwyg|newstext|
    instapaper_body|h-?entry|e-content|the-?content|mw-parser-output|mw-content-text|fulltext|chapter-content
    )(?![a-z])""",
    re.VERBOSE,
)
_CONTENT: Final = re.compile(
    r"(?<![a-z])(?:article|articles|post|entry|story|content|text|main|blog|artikel|beitrag|news|body|article\w*|hentry)"
    r"(?![a-z])"
)
_DOUBT: Final = re.compile(
    r"(?<![a-z])(?:widget\w*|meta|header|banner|hero|tag|author|date|caption|credit|links?|list|gallery|slider|"
    r"carousel|box|infobox|module|panel|bottom|top|extra|tools?|utility|info|card|cards|teaser|notice|message|"
    r"login|form|search|bar|button|btn)(?![a-z])"
)
_CAPTION: Final = re.compile(
    r"(?<![a-z])(?:caption\w*|\w+caption|(?:image|img|photo|picture|media|foto|bild)-?_?(?:sub-?title|title|credits?|"
    r"text|desc\w*|source|info|copyright)|bildunterschrift|bildtext|legende|pie-?(?:de-)?foto|didascalia|"
    r"photo-?by|credits?)(?![a-z])"
)
_LABELS: Final = _phrases(
    """
    advert; adverts; advertisement; advertisements; advertising; sponsored; anzeige; anzeigen; werbung;
    publicité; publicidad; pubblicità; reklama; close; caption; image caption; image copyright; media
    caption; share; share this; share this article; print; email; e-mail; tweet; facebook; twitter;
    whatsapp; pinterest; linkedin; loading; download; read more; continue reading; mehr lesen;
    weiterlesen; lire la suite; leer más; skip to content; back to top; teilen; drucken; compartir;
    partager; imprimir; subscribe; follow us; advertise with us; story continues; story continues below
    advertisement; comment; comments; kommentar; kommentare; commentaires; comentarios; commenti;
    komentarze
    """
)
_COUNTED: Final = re.compile(
    r"(?:image|photo|slide|bild|foto) \d+ (?:of|von|de|/) \d+|"
    r"\(?\d+\)? (?:comments?|kommentare?|commentaires?|comentarios?|commenti|komentarze)"
)
_CLOSING: Final = _phrases(
    """
    related; related article; related articles; related post; related posts; related stories; related
    news; related content; related links; related topics; related reading; you may also like; you might
    also like; you may like; you might like; you may also enjoy; about the author; about the authors;
    most read; most popular; most viewed; recommended; recommended for you; leave a reply; leave a
    comment; post a comment; share this; share this article; recent posts; popular posts; latest news;
    latest posts; latest articles; newsletter; das könnte sie auch interessieren; das könnte dich auch
    interessieren; ähnliche beiträge; ähnliche artikel; mehr zum thema; weitere artikel; weitere
    beiträge; weitere meldungen; weitere nachrichten; lesen sie auch; auch interessant; verwandte
    artikel; verwandte beiträge; verwandte themen; schreibe einen kommentar; über den autor; à lire
    aussi; à lire également; articles similaires; articles liés; laisser un commentaire; te puede
    interesar; noticias relacionadas; artículos relacionados; lee también; deja un comentario; leia
    também; leia mais; leggi anche; potrebbe interessarti; potrebbero interessarti; articoli correlati;
    czytaj też; czytaj także; czytaj również; zobacz też; zobacz także; zobacz również; polecamy;
    powiązane
    """
)
_CLOSING_BEGIN: Final = (
    "more from ",
    "more stories",
    "more articles",
    "more news",
    "more posts",
    "what do you think",
    "sign up",
    "subscribe",
    "más sobre ",
)
_EDGES: Final = " .:…!?»›>-"
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def hint_of(names: str) -> int:
    """What the words of a class attribute and an id say together.

    Args:
        names: both, separated by white space.
    """
    out = False
    best = Hint.NONE
    doubt = False
    for token in names.split():
        hint = _hint_of_token(token)
        if hint == Hint.OUT:
            out = True
        elif hint == Hint.DOUBT:
            doubt = True
        elif hint > best:
            best = hint
    if out:
        return Hint.NONE if best == Hint.BODY else Hint.OUT
    return best or (Hint.DOUBT if doubt else Hint.NONE)


@lru_cache(maxsize=65536)
def _hint_of_token(token: str) -> Hint:
    plain = _SPARED.sub(" ", _CAMEL.sub("-", token[:80]).lower())
    if _BODY.search(plain):
        # "article-body-footer" is no body
        return Hint.BODY if not _OUT.search(plain) else Hint.NONE
    if _OUT.search(plain):
        return Hint.OUT
    if _CONTENT.search(plain):
        return Hint.CONTENT
    if _DOUBT.search(plain):
        return Hint.DOUBT
    return Hint.NONE


@lru_cache(maxsize=4096)
def names_caption(name: str) -> bool:
    """True where a class attribute speaks of the caption of a picture."""
    return bool(_CAPTION.search(_CAMEL.sub("-", name).lower()))


def is_label(text: str) -> bool:
    """True for a short text that is a label of the page's machinery: "Advertisement", "Share", "Close"."""
    if len(text) > 40:
        return False
    plain = text.lower().strip(_EDGES)
    return plain in _LABELS or _COUNTED.fullmatch(plain) is not None


def closes_article(text: str) -> bool:
    """True for a heading under which an article's own text is over: "Related articles", "Leave a reply"."""
    if len(text) > 60:
        return False
    plain = text.lower().strip(_EDGES)
    return plain in _CLOSING or plain.startswith(_CLOSING_BEGIN)
