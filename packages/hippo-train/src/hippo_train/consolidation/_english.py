"""Closed English word lists, and the forms of verbs."""

from __future__ import annotations

import re

DETERMINERS = frozenset(
    "the a an his her its their my your our this that these those some every each no any another".split()
)
DEFINITE = frozenset("the his her its their my your our this that these those".split())
PRONOUNS = frozenset("i you he she it we they there this that these those who what which something nothing".split())
PREPOSITIONS = frozenset(
    "in on at by from to with without behind under underneath near for into onto over above below beneath beside "
    "between inside outside opposite through across along against around after before during until since about "
    "among beyond towards toward within past off".split()
)
PLACE_PREPOSITIONS = PREPOSITIONS - frozenset("by with without for after before during until since about".split())
PLAIN_PREPOSITIONS = frozenset("in at on to from".split())
"""Those that an answer to "where" or "when" leaves out."""
COPULAS = frozenset("is are was were".split())
AUXILIARIES = COPULAS | frozenset(
    "has have had will would can could shall should may might must do does did be been".split()
)
NEGATIONS = frozenset("not never no nobody nothing none neither nor".split())
RELATIVES = frozenset("who which that where when".split())
FUNCTION_WORDS = DETERMINERS | PREPOSITIONS | AUXILIARIES | PRONOUNS | frozenset("and or but of than as".split())

EMPTY_ADVERBS = frozenset("now currently".split())
BARE_TIMES = EMPTY_ADVERBS | frozenset("today yesterday tomorrow tonight recently later earlier again".split())
TIME_WORDS = frozenset(
    """january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday morning afternoon evening night noon midnight dawn dusk lunchtime today yesterday
    tomorrow tonight day week weekend month year spring summer autumn winter o'clock hour hours minute minutes
    christmas easter""".split()
)

# Base, past, participle, where they are not the base and "ed"
_IRREGULAR = """bear bore borne|beat beat beaten|become became become|begin began begun|bend bent bent|bet bet bet
bind bound bound|bite bit bitten|blow blew blown|break broke broken|bring brought brought|build built built
burst burst burst|buy bought bought|catch caught caught|choose chose chosen|come came come|cost cost cost|cut cut cut
deal dealt dealt|dig dug dug|do did done|draw drew drawn|drink drank drunk|drive drove driven|eat ate eaten
fall fell fallen|feed fed fed|feel felt felt|fight fought fought|find found found|fly flew flown|forget forgot forgotten
forgive forgave forgiven|freeze froze frozen|get got got|give gave given|go went gone|grow grew grown|hang hung hung
have had had|hear heard heard|hide hid hidden|hit hit hit|hold held held|hurt hurt hurt|keep kept kept
know knew known|lay laid laid|lead led led|leave left left|lend lent lent|let let let|lose lost lost|make made made
mean meant meant|meet met met|pay paid paid|put put put|read read read|ride rode ridden|ring rang rung|rise rose risen
run ran run|say said said|see saw seen|seek sought sought|sell sold sold|send sent sent|set set set|sew sewed sewn
shake shook shaken|shine shone shone|shoot shot shot|show showed shown|shut shut shut|sing sang sung|sink sank sunk
sit sat sat|sleep slept slept|speak spoke spoken|spend spent spent|spread spread spread|stand stood stood
steal stole stolen|stick stuck stuck|strike struck struck|sweep swept swept|swim swam swum|swing swung swung
take took taken|teach taught taught|tear tore torn|tell told told|think thought thought|throw threw thrown
understand understood understood|wake woke woken|wear wore worn|weave wove woven|win won won|wind wound wound
write wrote written"""
_FORMS = [entry.split() for entry in _IRREGULAR.replace("\n", "|").split("|")]
BASE_OF_PAST = {past: base for base, past, _ in _FORMS}
_BASE_OF_PARTICIPLE = {participle: base for base, _, participle in _FORMS}
_PAST_OF = {base: past for base, past, _ in _FORMS}
_PARTICIPLE_OF = {base: participle for base, _, participle in _FORMS}
_THIRD_OF = {"be": "is", "have": "has", "do": "does", "go": "goes"}

# A stem that ends so lost an e before "ed": stored, moved, glued, arranged
_LOST_E = re.compile(
    r"(?:[^aeiou][aiu][bcdgkmnpstvz]|[aeiou][sc]|[^aeiou]o[kmnpstv]|[^aeiou][ao]r|[^ae]ir|[lr][gv]|[nd]g|[nr]c|"
    r"[rl]s|[bdfgkptz]l|[aeiou]z|[ei][ea]?v|[aou]v|u)$"
)
_WITH_E = frozenset(
    """agree cite code complete create delete die dye erode excite explode file free guarantee guide interfere lie
    measure owe paste persevere persuade quote rule smile square taste tie waste""".split()
)
_KEPT_STEM = re.compile(
    r"(?:sit|dit|mit|bit|fit|cit|en|er|(?:monit|anch|doct|auth|col|hon|fav|spons|tail)or|gallop|develop|gossip|worship)$"
)


def base_of_regular(word: str) -> str:
    """Return the base form of a regular past form: "carried" → "carry"."""
    stem = word[:-2]
    if word[:-1] in _WITH_E:
        return word[:-1]
    if stem.endswith("i"):
        return stem[:-1] + "y"
    if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "lsfz":
        return stem[:-1]
    if stem.endswith("ell"):
        return stem[:-1]
    return stem + "e" if _LOST_E.search(stem) and not _KEPT_STEM.search(stem) else stem


def base_of_participle(word: str) -> str | None:
    """Return the base form of a past participle, None where it is none."""
    if word in _BASE_OF_PARTICIPLE:
        return _BASE_OF_PARTICIPLE[word]
    return base_of_regular(word) if word.endswith("ed") and len(word) > 3 else None


def base_of_third(word: str) -> str:
    """Return the base form of what follows "she": "carries" → "carry"."""
    irregular = {third: base for base, third in _THIRD_OF.items()}
    if word in irregular:
        return irregular[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-2] if re.search(r"(?:[sxz]|ch|sh)es$", word) else word[:-1]


def past_of(base: str) -> str:
    """Return a verb's past form."""
    return _PAST_OF.get(base) or _regular_past(base)


def participle_of(base: str) -> str:
    """Return a verb's past participle."""
    return _PARTICIPLE_OF.get(base) or _regular_past(base)


def third_of(base: str) -> str:
    """Return what follows "she"."""
    if base in _THIRD_OF:
        return _THIRD_OF[base]
    if base.endswith("y") and base[-2:-1] not in "aeiou":
        return base[:-1] + "ies"
    return base + ("es" if base.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _regular_past(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if base.endswith("y") and base[-2:-1] not in "aeiou":
        return base[:-1] + "ied"
    doubled = re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", base) is not None
    return base + (base[-1] if doubled else "") + "ed"
