"""The words that worlds are made of, in two pools that share none: one for `test` worlds, one for `dev` worlds.

Prompt forms and fusion weights are chosen on `dev` worlds; a word seen there must not turn up in a test world. The
pools also keep clear of the names in the prompts' worked examples. No entry is contained in another one of its pool,
word for word, so that a text mentions exactly the entries that it is meant to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hippo_lab.worlds import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The pools of one split."""

    people: tuple[str, ...]
    """Names of one or two words."""
    looks: tuple[str, ...]
    """Materials, colours and shapes, to put before a thing."""
    things: tuple[str, ...]
    """Objects that one person can carry."""
    places: tuple[str, ...]
    """Names that take "at the"."""
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    sites: tuple[str, ...]
    """First words of an installation's name."""
    rooms: tuple[str, ...]
    """Last words of an installation's name."""
    call_words: tuple[str, ...]
    """Words for call signs."""
    tastes: Mapping[str, tuple[str, ...]]
    """What people have preferences for, and what they may prefer."""
    servers: tuple[str, ...]
    services: tuple[str, ...]
    """The first one is critical."""
    colours: tuple[str, ...]
    """Of status lights."""

    def objects(self) -> list[str]:
        """Return every look with every thing, in a fixed order."""
        return [f"{look} {thing}" for look in self.looks for thing in self.things]

    def dates(self) -> list[str]:
        """Return the days of the split's months, for instance `3 March`; 28 days a month."""
        return [f"{day} {month}" for month in self.months for day in range(1, 29)]

    def day_parts(self) -> list[str]:
        """Return the parts of the split's weekdays, for instance `Tuesday morning`."""
        return [f"{day} {part}" for day in self.weekdays for part in ("morning", "afternoon", "evening", "night")]

    def installations(self) -> list[str]:
        """Return every site with every room, for instance `east vault`."""
        return [f"{site} {room}" for site in self.sites for room in self.rooms]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split(","))


TEST = Vocabulary(
    people=_phrases(
        """Carol, Maya, Victor, Hugo, Selma, Omar, Beatrix, Dmitri, Fatima, Gareth, Helga, Ivan, Jasmine, Klaus, Leila,
        Marta, Nigel, Olga, Pavel, Quentin, Rosalind, Stefan, Tamara, Ulrich, Vera, Wendel, Xenia, Yusuf, Zelda, Amara,
        Boris, Celeste, Desmond, Elodie, Felix, Greta, Harriet, Isidor, Joanna, Kamal, Lorenzo, Miriam, Nadia, Oskar,
        Petra, Rashid, Sabine, Theo, Ursula, Viola, Anna Whitfield, Bruno Castellan, Clara Osgood, Daniel Hargrove,
        Edith Lindqvist, Frank Mulligan, Gloria Pemberton, Henry Castor, Irene Valdez, Jonas Brandt, Karen Oyelaran,
        Lucas Thornbury, Monica Delacroix, Nathan Ferreira, Olive Kessler, Peter Aldous, Rachel Moriarty, Samuel Eide,
        Teresa Bonham, Walter Nakano, Yvonne Dufresne, Zachary Plum"""
    ),
    looks=_words(
        """copper silver velvet wooden crimson ivory leather woollen marble golden mauve striped rusty polished folded
        cracked quilted square hollow magnetic scarlet amber indigo beige bamboo linen satin porcelain ceramic tin"""
    ),
    things=_words(
        """key lantern umbrella violin suitcase notebook kettle compass clock mirror basket blanket camera helmet scarf
        necklace hammer ladder bucket flute drum vase candle pillow rug globe lute sled paddle anchor trophy envelope
        barrel flask wallet stool"""
    ),
    places=_phrases(
        """harbour, library, bakery, museum, lighthouse, chapel, hatchery, observatory, swimming pool, boathouse,
        vineyard, quarry, sawmill, pharmacy, post office, courthouse, glassworks, cinema, opera house, aquarium,
        botanical garden, playground, tennis court, ferry terminal, airport lounge, bookshop, barber shop, laundromat,
        petrol station, fish market, cathedral, monastery, castle gate, fountain, sluice, reservoir, power plant,
        lecture hall, dental clinic, tea room, noodle bar, wine cellar, radio tower, tram stop, beach hut, picnic area,
        stable, smithy, dance studio, zoo"""
    ),
    months=_words("January March April June July September October December"),
    weekdays=_words("Tuesday Thursday Saturday Sunday"),
    sites=_words("east north lower inner granite cedar falcon river sunset cobalt"),
    rooms=_words("vault depot hangar archive bunker turbine pavilion warehouse cabin elevator"),
    call_words=_words("Raven Comet Badger Orchid Thunder Willow Saffron Meteor Walrus Juniper Cactus Pelican"),
    tastes={
        "the dashboard": _phrases("teal, magenta, burgundy, ochre, mint green, sky blue, charcoal, salmon pink"),
        "lunch": _phrases(
            """lentil soup, garlic noodles, mushroom risotto, mango curry, spinach dumplings, smoked trout, barley stew,
            coconut rice, bean tacos, grilled sardines, goat cheese, vegetable lasagne"""
        ),
        "dessert": _phrases(
            """lemon sorbet, plum tart, ginger biscuits, cherry pie, almond cake, fig chutney, rhubarb jelly,
            honey wafers, baked pears, walnut ice cream"""
        ),
        "music": _phrases("polka, reggae, bluegrass, tango, gospel, ragtime, cello sonatas, harp ballads, brass bands"),
        "sports": _phrases("badminton, fencing, rowing, archery, curling, snooker, hurdles, judo, croquet, karate"),
        "the office wall": _phrases("woodcuts, mosaics, watercolours, tapestries, comic strips, calligraphy, etchings"),
        "the mascot": _phrases("hedgehogs, otters, lizards, ponies, parrots, beetles, dolphins, foxes, goats, herons"),
    },
    servers=_words("alpha beta gamma delta epsilon"),
    services=_words("postgres redis nginx mongodb mysql"),
    colours=_words("red blue green"),
)
DEV = Vocabulary(
    people=_phrases(
        """Agnes, Bertil, Cosima, Darius, Esther, Florian, Gwen, Hector, Ilse, Jerome, Katya, Ludwig, Mabel, Nestor,
        Odette, Percy, Ramona, Silas, Tilda, Umberto, Vincent, Wanda, Yolanda, Zeno, Adele Barrow, Basil Trent, Cyril
        Mbeki, Dora Fenwick, Ernest Okafor, Flora Quigley, Gideon Salt, Hester Vance, Igor Blum, Judith Navarro, Alaric,
        Bettina, Corwin, Delphine, Emeric, Frida, Gaspard, Hortense"""
    ),
    looks=_words("pewter denim plastic oval emerald maroon wicker rubber dusty spotted turquoise granular lilac khaki"),
    things=_words(
        """teapot telescope bracelet saw trumpet guitar jug typewriter puppet skateboard trolley bell whistle medal
        crate goblet thimble purse backpack hourglass"""
    ),
    places=_phrases(
        """windmill, orchard, winery, gymnasium, stadium, campsite, theatre, bridge, consulate, nursery, kennel, barn,
        freight yard, flower stall, golf course, subway entrance, school canteen, science lab, hospital ward,
        recycling centre, skating rink, concert arena, cliff path, yoga loft, coffee corner, toll booth, sauna,
        marina, rectory, kindergarten, bowling alley, shipyard, weaving
        mill, cricket pitch, planetarium, seed bank, sculpture park, tannery, vestry, silk bazaar, pier"""
    ),
    months=_words("February May August November"),
    weekdays=_words("Monday Wednesday Friday"),
    sites=_words("west southern upper outer basalt maple heron onyx birch"),
    rooms=_words("silo annex garage tunnel workshop turret kiosk foundry"),
    call_words=_words("Lynx Aurora Mustang Tulip Blizzard Clover"),
    tastes={
        "the login page": _phrases("turmeric yellow, coral, rust brown, aquamarine, sand, navy"),
        "breakfast": _phrases("onion quiche, pepper relish, fried courgettes, chickpea salad, seafood paella, muesli"),
        "snacks": _phrases("vanilla pudding, apricot crumble, rye bread, oat bars, raisins, liquorice"),
        "background sound": _phrases("flamenco, waltzes, techno, string quartets, lullabies, whale songs"),
        "exercise": _phrases("handball, skiing, sprinting, climbing, trampolines, surfing"),
        "the lobby": _phrases("portraits, pottery, graffiti, collages, engravings, statuettes"),
        "the team logo": _phrases("owls, squirrels, seals, tortoises, camels, swans"),
    },
    servers=_words("zeta theta kappa lambda sigma"),
    services=_words("cassandra memcached apache neo4j sqlserver"),
    colours=_words("orange white yellow"),
)


def vocabulary_for(split: Split) -> Vocabulary:
    """Return the split's pools."""
    return TEST if split == "test" else DEV
