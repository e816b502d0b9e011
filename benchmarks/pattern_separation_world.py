"""Worlds of near-duplicates: episodes of four slots, half of which differ from another one in exactly one slot.

Every cue mentions one, two or three slots, and in that combination their values belong to one episode only; for an
episode with a twin the slot that differs is among them. `prove` checks both by counting, apart from the generator.
The three splits share no name, thing, place, year, verb or sentence form.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

Split = Literal["train", "dev", "test"]
SLOTS = ("who", "what", "where", "when")
CUE_SIZES = (1, 2, 3)

FIRST_NAMES = """Rosalind Marcus Yolanda Dmitri Priya Gareth Noemi Abel Fatima Leonard Sunniva Hector Mireille Tobias
Wanda Rashid Clara Edmund Paloma Viktor Ayesha Bruno Celeste Desmond Elodie Farouk Greta Hamish Imani
Joaquin Katya Lorenzo Maribel Nikolai Octavia Pascal Quentin Ramona Stefan Tamsin Ulrich Verity Walter
Xenia Yusuf Zelda Anselm Beatrix Cormac Delphine Emil Freya Gustav Henrietta Isidore Jocasta Kasper
Lavinia Magnus Nadia Orson Petra Rufus Silas Tatiana Umberto Valerie Winston Yvette Zachary Amadou
Bettina Cyrus Dolores Esteban Florence Gwendolyn Hugo Irina Jasper Keiko Ludwig Marisol Neville Olympia
Percival Sabine Theodora Ursula Vincent Wilhelmina Ximena Yorick Zora Bartholomew Cecily Dominic Eugenia
Felix Gloria Horace Ines Julius Kirsten Lionel Minerva Norbert Odette Philippa Roland Salome Trevor
Agatha Boris Camille Darius Esther Fabian Gudrun Harald Ingrid Jerome Klara Leopold Mathilda Nelson
Ophelia Pavel Rebecca Samuel Thelma Ulla Virgil Wendel Alberta Benedict Carlotta Dorian Elvira Ferdinand
Gisela Hubert Isolde""".split()
LAST_NAMES = """Whitaker Lindqvist Moreau Okafor Petrov Haverford Castellan Nakamura Osgood Hargrove Mulligan Pemberton
Valdez Brandt Thornbury Delacroix Ferreira Kessler Aldous Moriarty Bonham Dufresne Plum Barrow Trent Mbeki
Fenwick Quigley Salt Vance Blum Navarro Abernathy Bexley Cavendish Dunmore Eastwick Fairbanks Grimaldi
Holloway Iverson Jankowski Kowalczyk Lombardi Marchetti Novak Oyelaran Pritchard Quince Rasmussen Sandoval
Tremblay Underhill Villanueva Wexford Yamamoto Zielinski Ashdown Birkett Corrigan Draper Ellsworth
Fontaine Galloway Hendricks Ingram Jessop Kirkland Lockhart Merriweather Northcott Ormond Pickering
Radcliffe Sinclair Tennyson Upton Vandermeer Winslow Yarrow Zimmer Arbuckle Bramley Chaudhry Devereux
Engstrom Fitzroy Goldberg Huxley Ishikawa Jorgensen Kaminski Larkspur Montague Nightingale Olsson
Papadakis Quintana Rutherford Stavros Tolliver Ullman Varga Westerberg Xavier Youngblood Zamora Anand
Bakshi Cordova Dragomir Eklund Farrow Guerrero Haddad Ivanova Jacoby Kapoor Laurent Mendoza Nyberg Orlov
Pascoe Qureshi Romero Szabo Takahashi Urquhart Vasquez Wojcik Yilmaz Zhukov Acheson Bellamy Crowther
Dalgaard Easton Fairchild Grantham""".split()
LOOKS = """copper velvet wooden silver blue cracked painted brass leather woollen green tiny striped ceramic golden
rusty folded crimson ivory dusty spotted marble linen amber glass bronze yellow hollow carved woven tin
plaid pewter denim plastic oval emerald maroon wicker rubber turquoise lilac khaki mauve polished quilted
square magnetic scarlet indigo beige bamboo satin porcelain chrome nickel walnut oak pine birch cedar
mahogany ebony teak felt flannel suede canvas cotton silken lace knitted embroidered checked dotted
speckled mottled faded bleached stained scratched dented bent twisted curved round triangular hexagonal
flat heavy slender bulky miniature enormous antique modern foreign borrowed homemade gilded enamelled
lacquered varnished waxed glazed frosted tinted transparent opaque shiny matt luminous grey black white
purple orange pink brown violet teal navy cream rose olive coral rust ochre sandy pearly smoky charred
soaked frozen sticky furry prickly smooth grooved ribbed perforated""".split()
THINGS = """key lantern violin teapot compass umbrella notebook telescope basket drum candle ladder kettle suitcase
mirror hammer blanket saddle trumpet vase whistle clock chessboard helmet lamp scarf map globe ribbon
flask typewriter accordion bucket cradle parcel locket ring stool puppet quilt camera necklace flute
pillow rug lute sled paddle anchor trophy envelope barrel wallet bracelet saw guitar jug skateboard
trolley bell medal crate goblet thimble purse backpack hourglass screwdriver spoon bottle plate tray bowl
curtain carpet cushion chair table bench wardrobe drawer shelf frame portrait statue figurine dice card
dartboard kite balloon ball racket glove boot sandal hat coat apron belt brooch earring comb brush razor
towel sponge bar-stool thermometer barometer microscope binoculars tripod radio phonograph record harp
banjo oboe clarinet cello piano organ gong tambourine xylophone harmonica bagpipe rope chain hook pulley
lever spade rake hoe sickle axe chisel anvil bellows tongs""".split()
PLACES = """harbour, library, bakery, lighthouse, old mill, train station, botanical garden, town hall, fish market,
observatory, north gate, chapel, boathouse, post office, museum, vineyard, swimming pool, castle, ferry
terminal, orchard, theatre, quarry, clock tower, school, pharmacy, windmill, cider barn, ice rink, concert
hall, riverbank, south pier, monastery, tea house, sawmill, flower shop, power station, bus depot, print shop,
stone bridge, zoo, hatchery, courthouse, glassworks, cinema, opera house, aquarium, playground, tennis court,
airport, bookshop, barber shop, laundromat, petrol station, cathedral, fountain, sluice, reservoir, dental
clinic, noodle bar, wine cellar, radio tower, tram stop, beach hut, picnic ground, stable, smithy, dance
studio, winery, gymnasium, stadium, campsite, consulate, nursery, kennel, freight yard, golf course, science
lab, hospital, recycling centre, sauna, marina, rectory, bowling alley, shipyard, weaving shed, cricket pitch,
planetarium, sculpture park, tannery, silk bazaar, brewery, foundry, customs house, barracks, greenhouse,
paper mill, watchtower, embassy, pottery, archive""".replace("\n", " ").split(", ")
TOWNS = """Lisbon Tallinn Kyoto Marrakesh Oslo Quito Bergen Cusco Hanoi Dublin Turin Zagreb Nairobi Austin Lagos Riga
Havana Malmo Perth Seville Tbilisi Utrecht Vilnius Windhoek Leipzig Fukuoka Bologna Porto Ghent Dakar Lima
Krakow Aberdeen Basel Cardiff Durban Esbjerg Florence Geneva Hamburg Izmir Jakarta Kampala Lyon Madrid
Naples Odessa Prague Quebec Reykjavik Santiago Toulouse Uppsala Valencia Warsaw Yerevan Zurich Antwerp
Bilbao Cologne Dresden Edinburgh Freiburg Genoa Helsinki Innsbruck Jaipur Karachi Leeds Minsk Nantes Osaka
Palermo Rotterdam Salzburg Trieste Ulm Verona Wellington Xalapa Yokohama Zadar Adelaide Boston Calgary
Denver Eindhoven Fresno Glasgow Houston Ipswich Jena Kazan Lucerne Memphis Norwich Orleans Plovdiv Rennes
Sofia Tampere Udine Vancouver Wroclaw York Aarhus Brisbane Cork Darwin Exeter Fargo Galway Halifax
Inverness Juneau Kobe Limerick Montreal Newcastle Oulu Pisa Rouen Stuttgart Trondheim Utica Varna Winnipeg
Accra Bogota Cairo Delhi Erfurt Faro Graz Hobart Ibadan Jinan Kigali Linz Mombasa Nagoya Oxford Padua
Regina Sapporo Tunis Venice Wuhan Zagora Brno""".split()
MONTHS = """January February March April May June July August September October November December""".split()
YEARS = {"train": range(1945, 1965), "dev": range(1965, 1985), "test": range(1985, 2025)}

VERBS = {
    "train": ("found", "repaired", "bought", "hid", "painted", "carried"),
    "dev": ("dropped", "cleaned", "wrapped", "measured"),
    "test": ("left", "sold", "photographed", "borrowed", "polished", "weighed"),
}
EPISODE_FORMS = {
    "train": (
        "On {when}, {who} {verb} the {what} at the {where}.",
        "{who} {verb} a {what} near the {where} on {when}.",
        "It was {when} when {who} {verb} the {what} by the {where}.",
    ),
    "dev": (
        "{when}: at the {where}, {who} {verb} a {what}.",
        "At the {where}, the {what} was what {who} {verb} on {when}.",
    ),
    "test": (
        "{who} went to the {where} on {when} and {verb} a {what} there.",
        "The {what} that {who} {verb} was in the {where}; the date was {when}.",
        "In the {where} on {when} somebody called {who} {verb} the {what}.",
    ),
}
CUE_FORMS = {
    "train": ("Anything on {parts}?", "I am thinking of {parts}.", "Which story has {parts} in it?", "{parts}"),
    "dev": ("Remind me of {parts}.", "Something with {parts}?"),
    "test": (
        "What do you recall about {parts}?",
        "Tell me what happened: {parts}.",
        "There was something with {parts}.",
    ),
}
_SHARES: dict[Split, tuple[int, ...]] = {"test": (0, 2), "train": (1,), "dev": (3,)}  # which of every four words


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One episode."""

    slots: tuple[str, str, str, str]
    """Values of `SLOTS`."""
    text: str
    twin: int | None
    """The event that differs from this one in exactly one slot; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialCue:
    """A text that mentions some slots of one event."""

    text: str
    target: int
    mentioned: tuple[int, ...]
    """Places in `SLOTS`."""
    twin: bool
    """Whether the target has a twin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Events and the cues that ask for them."""

    events: tuple[Event, ...]
    cues: tuple[PartialCue, ...]


def make_world(split: Split, seed: int, *, n_events: int, cues_each: tuple[int, int, int]) -> World:
    """Return a world: half of its events have a twin, and so have half of the cues' targets.

    Args:
        split: whose words and forms are used.
        seed: same seed, same world.
        n_events: a multiple of 4.
        cues_each: cues of one, two and three slots, as many again for events with a twin.
    """
    rng = random.Random(f"{split}-{seed}")
    pools = _pools(split)
    events = _events(rng, split, pools, n_events)
    return World(events=events, cues=_cues(rng, split, events, cues_each))


def prove(world: World) -> None:
    """Raise ValueError unless exactly half of the events have one twin and every cue has exactly one answer."""
    without: Counter[tuple[int, tuple[str, ...]]] = Counter()
    for event in world.events:
        without.update((place, _rest(event.slots, place)) for place in range(4))
    if len({event.slots for event in world.events}) != len(world.events):
        raise ValueError("two events have the same slots")
    n_twins = 0
    for event in world.events:
        near = sum(without[place, _rest(event.slots, place)] - 1 for place in range(4))
        if near != int(event.twin is not None):
            raise ValueError(f"{near} events are one slot away from {event.text!r}")
        n_twins += near
    if 2 * n_twins != len(world.events):
        raise ValueError(f"{n_twins} of {len(world.events)} events have a twin, not half")
    holders: dict[tuple[int, str], set[int]] = {}
    for number, event in enumerate(world.events):
        for slot in enumerate(event.slots):
            holders.setdefault(slot, set()).add(number)
    for cue in world.cues:
        wanted = world.events[cue.target]
        fitting = set.intersection(*(holders[place, wanted.slots[place]] for place in cue.mentioned))
        if fitting != {cue.target} or not all(wanted.slots[place] in cue.text for place in cue.mentioned):
            raise ValueError(f"cue {cue.text!r} fits {len(fitting)} events")
        unnamed = set(range(4)) - set(cue.mentioned)
        if any(wanted.slots[place] in cue.text for place in unnamed) or cue.twin != (wanted.twin is not None):
            raise ValueError(f"cue {cue.text!r} is not what it says")


def prove_disjoint() -> None:
    """Raise ValueError if two splits share a value, a verb or a form."""
    for one, other in combinations(("train", "dev", "test"), 2):
        for mine, theirs in zip(_pools(one), _pools(other), strict=True):
            if set(mine) & set(theirs):
                raise ValueError(f"{one} and {other} share {sorted(set(mine) & set(theirs))[:3]}")
        for table in (VERBS, EPISODE_FORMS, CUE_FORMS):
            if set(table[one]) & set(table[other]):
                raise ValueError(f"{one} and {other} share {set(table[one]) & set(table[other])}")
    for words in (FIRST_NAMES, LAST_NAMES, LOOKS, THINGS, PLACES, TOWNS):
        if len(set(words)) != len(words):
            raise ValueError(f"a word is twice in a list: {[w for w, n in Counter(words).items() if n > 1]}")


def _pools(split: Split) -> tuple[list[str], ...]:
    def mine(words: list[str]) -> list[str]:
        return [word for number, word in enumerate(words) if number % 4 in _SHARES[split]]

    return (
        [f"{first} {last}" for first in mine(FIRST_NAMES) for last in mine(LAST_NAMES)],
        [f"{look} {thing}" for look in mine(LOOKS) for thing in mine(THINGS)],
        [f"{place} in {town}" for place in mine(PLACES) for town in mine(TOWNS)],
        [f"{day} {month} {year}" for year in YEARS[split] for month in MONTHS for day in range(1, 29)],
    )


def _events(rng: random.Random, split: Split, pools: tuple[list[str], ...], n_events: int) -> tuple[Event, ...]:
    taken: set[tuple[int, tuple[str, ...]]] = set()  # every event with each slot left out: a hit is a distance of one
    drawn: list[tuple[tuple[str, ...], str, int | None]] = []  # slots, text, twin

    def fill(slots: tuple[str, ...], form: str, verb: str) -> str:
        return form.format(verb=verb, **dict(zip(SLOTS, slots, strict=True)))

    while len(drawn) < n_events:
        slots = tuple(rng.choice(pool) for pool in pools)
        form, verb = rng.choice(EPISODE_FORMS[split]), rng.choice(VERBS[split])
        place = rng.randrange(4)
        other = (*slots[:place], rng.choice(pools[place]), *slots[place + 1 :])
        group = [slots, other] if len(drawn) < n_events // 2 else [slots]
        rests = {(place, _rest(one, place)) for one in group for place in range(4)}
        # Two twins share one of their rests; any other repetition would be a second near-duplicate
        if rests & taken or len(rests) != 4 * len(group) - (len(group) - 1):
            continue
        taken |= rests
        first = len(drawn)
        for number, one in enumerate(group):
            twin = first + 1 - number if len(group) == 2 else None
            drawn.append((one, fill(one, form, verb), twin))
    order = list(range(n_events))
    rng.shuffle(order)
    position = {old: new for new, old in enumerate(order)}
    return tuple(
        Event(slots=drawn[old][0], text=drawn[old][1], twin=None if drawn[old][2] is None else position[drawn[old][2]])
        for old in order
    )


def _cues(
    rng: random.Random, split: Split, events: tuple[Event, ...], cues_each: tuple[int, int, int]
) -> tuple[PartialCue, ...]:
    subsets = [places for size in CUE_SIZES for places in combinations(range(4), size)]
    counts = Counter((places, _some(event.slots, places)) for event in events for places in subsets)
    cues: list[PartialCue] = []
    for size, count in zip(CUE_SIZES, cues_each, strict=True):
        for twin in (False, True):
            possible = [
                (number, places)
                for number, event in enumerate(events)
                if (event.twin is not None) == twin
                for places in subsets
                if len(places) == size and counts[places, _some(event.slots, places)] == 1
            ]
            if len(possible) < count:
                raise ValueError(f"only {len(possible)} of {count} cues of {size} slots; make the pools larger")
            for target, mentioned in rng.sample(possible, count):
                parts = [_part(place, events[target].slots[place]) for place in rng.sample(mentioned, size)]
                said = " and ".join([", ".join(parts[:-1]), parts[-1]]) if size > 1 else parts[0]
                text = rng.choice(CUE_FORMS[split]).format(parts=said)
                cues.append(PartialCue(text=text, target=target, mentioned=mentioned, twin=twin))
    return tuple(cues)


def _part(place: int, value: str) -> str:
    return (value, f"the {value}", f"the {value}", value)[place]


def _some(slots: tuple[str, ...], places: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(slots[place] for place in places)


def _rest(slots: tuple[str, ...], place: int) -> tuple[str, ...]:
    return (*slots[:place], *slots[place + 1 :])
