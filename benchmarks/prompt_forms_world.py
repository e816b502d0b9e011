"""One-shot episodes and questions for the search of a prompt form: many sentence forms, each question one answer.

Development data only. Every episode is a filled sentence form; a question mentions some of its slots and asks one of
the others. A distractor is another episode of the same form that shares slots with the gold one and differs in at
least one slot the question mentions, so the question keeps exactly one answer.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

NAMES = """Carol Marcus Yolanda Dmitri Priya Gareth Noemi Abel Fatima Leonard Sunniva Hector Mireille Tobias
Wanda Rashid Clara Edmund Paloma Viktor Ayesha Bruno Celeste Desmond Elodie Farouk Greta Hamish
Imani Joaquin Katya Lorenzo Maribel Nikolai Octavia Pascal Quentin Rosalind Stefan Tamsin Ulrich
Verity Walter Xenia Yusuf Zelda Anselm Beatrix Cormac Delphine Emil Freya Gustav Henrietta Isidore
Jocasta Kasper Lavinia Magnus Nadia Orson Petra Ramona Silas Tatiana Umberto Valerie Winston Yvette
Zachary Amadou Bettina Cyrus Dolores Esteban Florence Gwendolyn Hugo Irina Jasper Keiko Ludwig
Marisol Neville Olympia Percival Rufus Sabine Theodora Ursula Vincent Wilhelmina Ximena Yorick Zora
Bartholomew Cecily Dominic Eugenia Felix Gloria Horace Ines Julius Kirsten Lionel Minerva Norbert
Odette Philippa Roland Salome Trevor
""".split()
ADJECTIVES = """copper velvet wooden silver blue cracked painted brass leather woollen green tiny striped ceramic golden
rusty folded crimson ivory dusty spotted marble linen amber glass bronze yellow hollow carved woven tin plaid""".split()
OBJECTS = """key lantern violin teapot compass umbrella notebook telescope basket drum candle ladder kettle suitcase
mirror hammer blanket saddle trumpet vase whistle clock chessboard helmet lamp scarf map globe ribbon flask typewriter
accordion bucket cradle parcel locket ring stool puppet quilt""".split()
PLACES = """harbour|library|bakery|lighthouse|old mill|train station|botanical garden|town hall|fish market|observatory
north gate|chapel|boathouse|post office|museum|vineyard|swimming pool|castle ruins|ferry terminal|orchard|theatre
quarry|clock tower|school yard|pharmacy|windmill|cider barn|ice rink|concert hall|riverbank|south pier|monastery
tea house|sawmill|flower shop|power station|bus depot|print shop|stone bridge|zoo""".replace("\n", "|").split("|")
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
CITIES = """Lisbon Tallinn Kyoto Marrakesh Oslo Quito Bergen Cusco Hanoi Dublin Turin Zagreb Nairobi Austin Lagos
Riga Havana Malmo Perth Seville Tbilisi Utrecht Vilnius Windhoek Leipzig Fukuoka Bologna Porto Ghent Dakar Lima
Krakow""".split()
TOPICS = """the harvest|the broken dam|a wedding|the new timetable|tax reform|a lost dog|the school play|bee keeping
the flood|a chess match|the missing painting|road repairs|a boat race|the election|solar panels|a film festival
the strike|honey prices|an old map|the choir""".replace("\n", "|").split("|")
FOODS = """plum cake|lentil soup|pickled herring|mango sorbet|rye bread|goat cheese|pumpkin pie|fried plantain|miso soup
almond biscuits|smoked trout|beetroot salad|cherry jam|garlic noodles|walnut bread|fig tart|onion soup|rice pudding
stuffed peppers|ginger tea|apple cider|barley water|rose lemonade|oat milk""".replace("\n", "|").split("|")
SERVERS = "alpha beta gamma delta epsilon zeta kappa lambda sigma omega orion vega rigel atlas titan hydra".split()
SERVICES = "postgres redis nginx mongodb mysql kafka rabbitmq memcached elastic grafana vault consul".split()
DOORS = (
    """east vault|north shed|main gate|wine cellar|attic door|boat ramp|server room|west tower|archive room|bike
garage|tool cabinet|rooftop door|music room|cold store|garden gate|staff entrance""".replace("bike\n", "bike ")
    .replace("\n", "|")
    .split("|")
)
JOBS = """plumber|violin maker|bus driver|beekeeper|pilot|tailor|nurse|locksmith|glass blower|park ranger|chemist|cook
translator|surveyor|baker|dentist|welder|archivist|florist|judge""".replace("\n", "|").split("|")
ACTIONS = "repaired sold painted borrowed dropped hid cleaned photographed returned broke".split()

POOLS: dict[str, list[str]] = {
    "who": NAMES,
    "other": NAMES,
    "what": [f"{a} {o}" for a in ADJECTIVES for o in OBJECTS],
    "where": PLACES,
    "day": DAYS,
    "month": MONTHS,
    "city": CITIES,
    "topic": TOPICS,
    "food": FOODS,
    "server": SERVERS,
    "service": SERVICES,
    "door": DOORS,
    "job": JOBS,
    "action": ACTIONS,
    "port": [str(port) for port in range(1024, 9999)],
    "code": [f"{code:04d}" for code in range(1000, 9999)],
    "number": [str(number) for number in range(12, 400)],
    "daynumber": [str(number) for number in range(2, 365)],
    "clock": [f"{hour}:{minute:02d}" for hour in range(7, 22) for minute in range(0, 60, 5)],
    "year": [str(year) for year in range(1962, 2024)],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A kind of episode."""

    name: str
    text: str
    questions: tuple[tuple[str, str, str], ...]
    """(kind, question, slot that answers it); what the question mentions are its placeholders."""


FORMS = (
    Form(
        name="left",
        text="{who} left the {what} at the {where} on {day}.",
        questions=(
            ("where", "Where did {who} leave the {what}?", "where"),
            ("where", "Where was the {what} left on {day}?", "where"),
            ("who", "Who left the {what} at the {where}?", "who"),
            ("who", "Who was at the {where} on {day}?", "who"),
            ("what", "What did {who} leave at the {where}?", "what"),
            ("when", "When did {who} leave the {what} at the {where}?", "day"),
            ("when", "On which day did {who} go to the {where}?", "day"),
        ),
    ),
    Form(
        name="did",
        text="On {day}, {who} {action} a {what} in the {where}.",
        questions=(
            ("who", "Who {action} a {what}?", "who"),
            ("what", "Which object did {who} have in the {where}?", "what"),
            ("where", "Where was {who} on {day}?", "where"),
            ("when", "When was {who} in the {where}?", "day"),
        ),
    ),
    Form(
        name="met",
        text="{who} met {other} at the {where} on {day} and they talked about {topic}.",
        questions=(
            ("who", "Who did {who} meet at the {where}?", "other"),
            ("what", "What did {who} and {other} talk about?", "topic"),
            ("where", "Where did {who} meet {other}?", "where"),
            ("when", "When did {who} meet {other}?", "day"),
        ),
    ),
    Form(
        name="first_meeting",
        text="{who} and {other} first met in {city} in {month} {year}.",
        questions=(
            ("where", "In which city did {who} and {other} first meet?", "city"),
            ("who", "Who did {who} first meet in {city}?", "other"),
            ("number", "In what year did {who} first meet {other}?", "year"),
        ),
    ),
    Form(
        name="server",
        text="On day {daynumber}, server {server} runs {service} on port {port}.",
        questions=(
            ("number", "Which port does server {server} use on day {daynumber}?", "port"),
            ("number", "What port is {service} on server {server} running on?", "port"),
            ("what", "Which service does server {server} run on day {daynumber}?", "service"),
            ("who", "Which server runs {service} on port {port}?", "server"),
        ),
    ),
    Form(
        name="code",
        text="Update: the passcode of the {door} is now {code}.",
        questions=(
            ("number", "What is the passcode of the {door}?", "code"),
            ("number", "What is the current code for the {door}?", "code"),
        ),
    ),
    Form(
        name="favourite",
        text="{who} told me that the best thing in {city} is the {food}.",
        questions=(
            ("what", "What does {who} like best in {city}?", "food"),
            ("where", "In which city does {who} like the {food}?", "city"),
            ("who", "Who likes the {food} in {city}?", "who"),
        ),
    ),
    Form(
        name="job",
        text="{who} has worked as a {job} in {city} since {month}.",
        questions=(
            ("what", "What is {who}'s job?", "job"),
            ("where", "Where does {who} work?", "city"),
            ("when", "Since when has {who} worked in {city}?", "month"),
            ("who", "Who works as a {job} in {city}?", "who"),
        ),
    ),
    Form(
        name="price",
        text="{who} bought a {what} from {other} for {number} coins.",
        questions=(
            ("number", "How many coins did {who} pay for the {what}?", "number"),
            ("who", "Who sold {who} a {what}?", "other"),
            ("what", "What did {who} buy from {other}?", "what"),
        ),
    ),
    Form(
        name="train",
        text="The {day} train to {city} leaves at {clock}.",
        questions=(
            ("when", "When does the {day} train to {city} leave?", "clock"),
            ("where", "Where does the {clock} train on {day} go?", "city"),
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A question, the episode that answers it, and episodes that nearly do."""

    form: str
    kind: str
    question: str
    answer: str
    gold: str
    distractors: tuple[str, ...]


def make_items(seed: int, count: int) -> list[Item]:
    """Return `count` items, the same for the same seed, going round the (form, question) pairs."""
    rng = random.Random(seed)
    pairs = [(form, question) for form in FORMS for question in form.questions]
    rng.shuffle(pairs)
    return [_make_item(rng, *pairs[index % len(pairs)]) for index in range(count)]


def _make_item(rng: random.Random, form: Form, asked: tuple[str, str, str]) -> Item:
    kind, question, target = asked
    names = [name for name in POOLS if "{" + name + "}" in form.text]
    mentioned = [name for name in names if "{" + name + "}" in question]
    slots = _draw(rng, names, {})
    distractors: list[str] = []
    while len(distractors) < 3:
        # One mentioned slot differs for sure; half of the others are shared. The answer always differs.
        changed = {rng.choice(mentioned), target} | {name for name in names if rng.random() < 0.5}
        other = _draw(rng, names, {name: slots[name] for name in names if name not in changed})
        if any(other[name] == slots[name] for name in (*changed,)) or other.get("other") == other.get("who", ""):
            continue
        distractors.append(form.text.format(**other))
    return Item(
        form=form.name,
        kind=kind,
        question=question.format(**slots),
        answer=slots[target],
        gold=form.text.format(**slots),
        distractors=tuple(distractors),
    )


def _draw(rng: random.Random, names: list[str], fixed: dict[str, str]) -> dict[str, str]:
    while True:
        slots = {name: fixed.get(name) or rng.choice(POOLS[name]) for name in names}
        if slots.get("who") != slots.get("other", ""):
            return slots
