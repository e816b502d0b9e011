"""Events, whose sentences are composed: who did what with which thing, where and when."""

from __future__ import annotations

VERBS: tuple[tuple[str, str, str], ...] = tuple(
    (base, past, participle)
    for base, past, participle in (
        line.split()
        for line in """knit knitted knitted
        polish polished polished
        mend mended mended
        film filmed filmed
        wrap wrapped wrapped
        auction auctioned auctioned
        donate donated donated
        ship shipped shipped
        sketch sketched sketched
        inspect inspected inspected
        glue glued glued
        assemble assembled assembled
        clean cleaned cleaned
        varnish varnished varnished
        steal stole stolen
        smuggle smuggled smuggled
        swap swapped swapped
        rent rented rented
        order ordered ordered
        collect collected collected
        deliver delivered delivered
        measure measured measured
        burn burned burned
        wash washed washed
        label labelled labelled
        trade traded traded
        pawn pawned pawned
        restore restored restored
        exhibit exhibited exhibited
        admire admired admired
        forget forgot forgotten
        break broke broken
        throw threw thrown
        catch caught caught
        draw drew drawn
        choose chose chosen
        bring brought brought
        build built built
        see saw seen
        take took taken""".splitlines()
    )
)
"""Actions of composed events: base form, past, participle."""

PLACE_PREPOSITIONS = ("in the", "near the", "behind the", "outside the", "inside the", "beside the", "opposite the")
EVENT_TEXTS = (
    "{who} {past} the {what} {place} {time}.",
    "{who} {past} the {what} {time} {place}.",
    "{Time}, {who} {past} the {what} {place}.",
    "{Place}, {who} {past} the {what} {time}.",
    "The {what} was {participle} {place} {time} by {who}.",
    "{Time}, the {what} was {participle} by {who} {place}.",
    "{Place} the {what} was {participle} {time} by {who}.",
    "It was {who} who {past} the {what} {place} {time}.",
    "{Time} {who} and nobody else {past} the {what} {place}.",
    "The {what} {who} {past} {time} had been {place} all along.",
    "What {who} {past} {place} {time} was the {what}.",
)
EVENT_QUESTIONS = {
    "who": (
        "Who {past} the {what}{tail}?",
        "By whom was the {what} {participle}{tail}?",
        "Which person {past} the {what}{tail}?",
        "Who was it that {past} something{tail}?",
        "Name the one who {past} the {what}{tail}.",
    ),
    "what": (
        "What did {who} {base}{tail}?",
        "What was {participle} by {who}{tail}?",
        "Which object did {who} {base}{tail}?",
        "What was it that {who} {past}{tail}?",
        "What was {participle}{tail}?",
    ),
    "place": (
        "Where did {who} {base} the {what}{tail}?",
        "Where was the {what} {participle}{tail}?",
        "In which place did {who} {base} something{tail}?",
        "Where was the {what} when {who} {past} it{tail}?",
        "Where was something {participle} by {who}{tail}?",
    ),
    "time": (
        "When did {who} {base} the {what}{tail}?",
        "When was the {what} {participle}{tail}?",
        "At what time did {who} {base} something{tail}?",
        "When was it that {who} {past} the {what}{tail}?",
        "When was something {participle} by {who}{tail}?",
    ),
}
