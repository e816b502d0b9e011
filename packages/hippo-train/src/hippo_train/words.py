"""Where the values of training episodes come from: word lists, invented words, numbers, the model's vocabulary."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Iterable, Sequence
from importlib import resources

_LOOKS = """pale shiny broken narrow heavy tiny huge crooked fluffy sticky woven carved dull spiky curved glossy faded
gilded flat round triangular transparent frozen warm soft greasy knotted brown violet pink grey black white yellow
orange cheap antique plain noisy hairy wet dry torn sharp blunt loose tight stiff floral stone glass iron steel brass
cotton wool felt clay chalk cork straw lead zinc birch walnut pine oak fur gravel concrete paper cardboard""".split()
_THINGS = """table chair spoon fork knife plate bowl cup bottle pan towel soap brush comb sponge curtain carpet sofa
shelf drawer fridge oven toaster blender teacup napkin tray jar lid broom mop vacuum pencil eraser ruler stapler
calendar folder poster magnet battery cable charger keyboard tablet speaker microphone tripod lens drone radio
television remote calculator thermometer bandage syringe wheelchair stroller bicycle scooter helicopter rocket
tractor wheelbarrow shovel rake hose fence pump pipe valve screw nail bolt wrench chisel drill plank brick tile
rope chain hook wire net sail oar raft canoe surfboard racket bat glove boot sandal sock shirt jacket coat skirt
dress belt tie hat cap crown ring earring brooch button zipper needle thread loom quilt doll kite marble puzzle
dice card chessboard balloon whip saddle harness cage nest shell fossil coin stamp medal statue painting sketchbook
diary dictionary novel map passport ticket receipt cheque parcel crate sack pouch trunk safe ladle grater kettlebell
dumbbell barbell mattress hammock tent lamp torch match ashtray pipe cigar perfume lipstick razor wig mask costume
accordion cello harp piano tambourine xylophone bagpipe clarinet trombone""".split()
_PLACES = """kitchen garage attic basement balcony cellar stairwell corridor lobby ballroom palace tower dungeon
fortress barracks hospital clinic prison school college dormitory laboratory greenhouse garden park forest meadow
valley canyon cave cliff beach island swamp desert glacier volcano waterfall lake pond creek canal dam pier dock
shipyard factory refinery foundry mine mill farm barn ranch market mall supermarket butcher florist tailor bank
embassy parliament ministry stadium gym arena circus theatre gallery studio workshop temple mosque church abbey
cemetery crossroads roundabout tunnel viaduct motorway railway airport runway terminal hotel hostel inn tavern
pub cafe diner canteen sauna spa casino nightclub skatepark racetrack velodrome""".split()
_PLACE_WORDS = "old new upper central royal municipal public abandoned haunted crowded quiet modern private".split()
_TASKS = """sweep the floor|feed the hens|lock the doors|count the money|wind the clock|water the plants|ring the bell
sort the mail|check the pipes|light the fire|change the sheets|oil the hinges|write the minutes|read the meters
wash the windows|open the shutters|make the tea|guard the entrance|greet the guests|empty the bins|test the alarm
stack the chairs|clear the snow|walk the dogs|fill the tanks|print the programme""".replace("\n", "|").split("|")
_TOPICS = (
    """the weather|taxes|the new law|chess|poker|gymnastics|boxing|astronomy|geometry|the strike|the flood
the election|old maps|grammar|gardening|wine making|bee keeping|the budget|poetry|rumours|the lost letters|algebra
modern art|ghosts|the drought|noise|fire safety|mushrooms|the wedding plans|railways|billiards|sailing|surgery|botany
medieval history|road signs|the broken pump|inflation|whales|the comet|jazz|folk dance|robots|the harvest|a lost ring
coffee prices|the burglary|volcanoes|the new mayor|shipwrecks|the neighbours|table tennis|debating|darts|cooking
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
_FOODS = """lentil soup|apple pie|fried rice|roast chicken|tomato salad|potato cakes|mango juice|green tea|black coffee
hot chocolate|lemonade|beef stew|fish fingers|cheese toast|grilled corn|peanut noodles|bean tacos|carrot cake|plum jam
pork ribs|shrimp curry|egg sandwiches|barley bread|coconut milk|ginger beer|orange sherbet|mint syrup|buttermilk
spinach pie|turnips|dumplings|sausages|pumpkin seeds|goat cheese|sardines|omelettes|waffles|pretzels|cider|tonic water
iced water|cherry soda|cabbage rolls|radishes|garlic bread|rice pudding|honey cake|walnuts""".replace("\n", "|").split(
    "|"
)
_JOBS = """plumber|nurse|tailor|welder|dentist|baker|judge|pilot|janitor|translator|chemist|violinist|cook|mechanic
surveyor|librarian|bookkeeper|goldsmith|roofer|midwife|sculptor|detective|secretary|glazier|butler|courier|porter
engineer|lawyer|cashier|gardener|watchmaker|editor|trainer|bricklayer|optician|brewer|diver|shepherd|announcer
night guard|tram driver|music teacher|piano tuner|shop assistant|sound engineer""".replace("\n", "|").split("|")
_CREATURES = """poodle|kitten|tortoise|canary|rabbit|mouse|snake|frog|duck|goose|pig|sheep|donkey|camel|monkey|gecko
spider|turtle|ferret|budgie|cockatoo|greyhound|spaniel|terrier|guinea pig|stick insect|peacock|alpaca|hen|crow
mule|llama|crab|newt|toad|owl""".replace("\n", "|").split("|")
_TRAITS = """lazy|clever|shy|greedy|nervous|playful|grumpy|gentle|curious|stubborn|loud|brave|sleepy|sly|proud|clumsy
spotless|three-legged|half-blind|very old|well fed|long-haired""".replace("\n", "|").split("|")
_OCCASIONS = """birthday|wedding|anniversary|graduation|farewell party|housewarming|new year feast|christening
retirement|victory parade|name day|opening night|harvest feast|reunion|engagement|promotion""".replace("\n", "|").split(
    "|"
)
_VEHICLES = """train|bus|plane|ferry|car|bicycle|motorbike|taxi|coach|sailing boat|tram|van|night train|hot-air balloon
horse|steamer|cable car|truck|sleigh|moped""".replace("\n", "|").split("|")
_RELATIONS = """cousin|aunt|uncle|nephew|niece|brother|sister|grandmother|grandfather|son|daughter|stepson|godfather
mother-in-law|twin|landlord|business partner|oldest friend|neighbour|former boss|tenant""".replace("\n", "|").split("|")
_ATTRIBUTES = """access code|opening time|door number|fire warden|alarm code|manager|deputy|telephone number|nickname
account number|inspector|rent|password|contact person|locker number|owner|floor number|colour|radio name|batch number
sponsor|area code|permit number|tenant|supervisor|customer number""".replace("\n", "|").split("|")
_PEOPLE_ATTRIBUTES = {
    *("fire warden", "manager", "deputy", "inspector", "contact person", "owner", "sponsor", "tenant", "supervisor"),
}
_MEALS = "supper|lunch|brunch|dinner|tea time|the midnight meal|picnics|the first course".split("|")
_MESSAGES = """the tickets are sold out|bring an umbrella|the boiler is leaking|the doctor cannot come|buy more flour
the road is closed|the dog ran away|call back tomorrow|the rehearsal is cancelled|pick up the children|use the side door
the bank was right|the parcel is too big|nobody answered|the car will not start|the roof needs tiles|wear warm clothes
the guests are early|the test went well|sign the contract|the fish is off|take the second exit|lock the bicycle
the lights are still on|do not wait up|the price went up|send the photographs|the lift is stuck""".replace(
    "\n", "|"
).split("|")
_QUANTITIES = "pressure|humidity|voltage|noise level|water level|temperature|speed|weight|current|brightness".split("|")
_PURPOSES = (
    """the garden|the long journey|the living room|the new uniform|rainy days|the front page|the exam|the stage
the first aid kit|the winter|the bathroom wall|the company car|the ringtone|the party|the nursery|the flag|the menu
the logo of the club|the evening class|the school trip|the shop window|the cover|the workshop|the tea party
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
_SPOTS = """under the|behind the|on top of the|inside the|next to the|below the|above the|in front of the""".split("|")
_MONTHS = "February May August November".split()
_DAYS = "Monday Wednesday Friday".split()
_MOMENTS = "at dawn|at dusk|at noon|at midnight|before breakfast|after lunch|around teatime".split("|")
_SEASONS = "spring summer autumn winter".split()
_ONSETS = "b br c ch cl d dr f fl g gl gr h j k kl l m n p ph pl pr qu r s sh sk st str t th tr v w y z".split()
_VOWELS = "a e i o u ai au ea ei ia io oa oo ou".split()
_CODAS = ["", "", "", "n", "r", "l", "s", "m", "t", "ck", "nd", "rt", "x", "th", "sk"]
_ENDINGS = "son ham ley ick ow er well stad berg ova ini sen wick dale ard".split()


def whole_words(vocabulary: Iterable[str]) -> list[str]:
    """Return the whole words of a byte-level or sentence-piece vocabulary, sorted, without their mark of a space."""
    return sorted(
        {token[1:] for token in vocabulary if token[:1] in "Ġ▁" and token[1:].isascii() and token[1:].isalpha()}
    )


def reserved_words() -> frozenset[str]:
    """Return the words that the experiments test with, in lower case: no training episode holds one of them."""
    return frozenset((resources.files("hippo_train") / "reserved_words.txt").read_text("utf-8").split())


class Words:
    """Draws slot values of a kind.

    Args:
        vocabulary: words beside the written lists; whole words of a tokenizer's vocabulary, lower case and capitalised.
        reserved: words that no value may contain, in lower case: those that experiments test with.
        rng: where chance comes from.
    """

    def __init__(self, vocabulary: Iterable[str], *, reserved: Collection[str], rng: random.Random) -> None:
        self._reserved = frozenset(reserved)
        self._rng = rng
        known = [word for word in vocabulary if self._allowed(word)]
        self._common = [word for word in known if word.islower() and len(word) >= 4]
        self._proper = [word for word in known if word.istitle() and len(word) >= 3]

    def draw(self, kind: str) -> str:
        """Return a value of a kind, free of reserved words."""
        while True:
            value = getattr(self, f"_{kind}")()
            if self._allowed(value):
                return value

    def _allowed(self, text: str) -> bool:
        return self._reserved.isdisjoint(re.findall(r"\w+", text.lower()))

    def _chance(self, p: float) -> bool:
        return self._rng.random() < p

    def _pick(self, values: Sequence[str]) -> str:
        return self._rng.choice(values)

    def _invented(self) -> str:
        syllables = [
            self._pick(_ONSETS) + self._pick(_VOWELS) + self._pick(_CODAS)
            for _ in range(self._rng.choice((1, 1, 2, 2)))
        ]
        word = "".join(syllables)
        return word + self._pick(_ENDINGS) if self._chance(0.3) or len(word) < 4 else word

    def _proper_name(self) -> str:
        return self._pick(self._proper) if self._proper and self._chance(0.5) else self._invented().capitalize()

    def _person(self) -> str:
        return f"{self._proper_name()} {self._proper_name()}" if self._chance(0.45) else self._proper_name()

    def _noun(self, written: Sequence[str]) -> str:
        if self._common and self._chance(0.4):
            return self._pick(self._common)
        return self._invented() if self._chance(0.1) else self._pick(written)

    def _thing(self) -> str:
        noun = self._noun(_THINGS)
        return f"{self._noun(_LOOKS)} {noun}" if self._chance(0.7) else noun

    def _place(self) -> str:
        noun = self._noun(_PLACES)
        return f"{self._noun(_PLACE_WORDS)} {noun}" if self._chance(0.4) else noun

    def _facility(self) -> str:
        first = self._noun(_PLACE_WORDS + _LOOKS)
        return f"{first} {self._noun(_PLACES)}" if self._chance(0.8) else f"{self._proper_name()} {self._noun(_PLACES)}"

    def _spot(self) -> str:
        return f"{self._pick(_SPOTS)} {self._thing()}"

    def _city(self) -> str:
        return f"{self._proper_name()} {self._invented().capitalize()}" if self._chance(0.15) else self._proper_name()

    def _firm(self) -> str:
        return f"{self._proper_name()} {self._pick(['Ltd', 'Brothers', 'Works', 'Group', 'Press', 'Motors', 'Foods'])}"

    def _machine(self) -> str:
        roll = self._rng.random()
        name = self._invented() if roll < 0.4 else self._noun(_THINGS)
        return f"{name} {self._small()}" if roll > 0.85 else name

    def _number(self) -> str:
        return str(self._rng.randint(10 ** (digits := self._rng.randint(1, 4)), 10 ** (digits + 1) - 1))

    def _small(self) -> str:
        return str(self._rng.randint(2, 99))

    def _year(self) -> str:
        return str(self._rng.randint(1880, 2030))

    def _clock(self) -> str:
        return f"{self._rng.randint(0, 23)}:{self._rng.randint(0, 59):02d}"

    def _code(self) -> str:
        letters = "".join(self._rng.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=self._rng.randint(1, 3)))
        return f"{letters}{self._pick(['', '-', ' '])}{self._rng.randint(10, 9999)}"

    def _month(self) -> str:
        return self._pick(_MONTHS)

    def _day(self) -> str:
        return self._pick(_DAYS)

    def _date(self) -> str:
        day, month = self._rng.randint(1, 31), self._month()
        return self._pick(
            [f"{day} {month}", f"{month} {day}", f"{day} {month} {self._year()}", f"day {self._number()}"]
        )

    def _value(self) -> str:
        roll = self._rng.random()
        if roll < 0.3:
            return self._number()
        if roll < 0.45:
            return self._code()
        if roll < 0.65:
            return self._person()
        if roll < 0.8:
            return f"{self._proper_name()} {self._small()}"
        return self._pick([self._clock(), self._noun(_THINGS), self._proper_name()])

    def _title(self) -> str:
        return f"{self._pick(['The', 'A', 'One', 'My', 'No', 'Our'])} {self._thing().title()}"

    def _topic(self) -> str:
        return self._thing() if self._chance(0.3) else self._pick(_TOPICS)

    def _food(self) -> str:
        return (
            f"{self._noun(_THINGS)} {self._pick(['soup', 'pie', 'juice', 'bread', 'salad'])}"
            if self._chance(0.3)
            else (self._pick(_FOODS))
        )

    def _time(self) -> str:
        """A point in time with its preposition."""
        return self._pick(
            [
                f"on {self._rng.randint(1, 31)} {self._month()}",
                f"on {self._day()}",
                f"on {self._day()} {self._pick(_MOMENTS)}",
                f"in {self._year()}",
                f"in {self._month()}",
                f"at {self._clock()}",
                f"in the {self._pick(_SEASONS)} of {self._year()}",
                f"on the {self._rng.randint(4, 20)}th of {self._month()}",
                f"on {self._month()} {self._rng.randint(1, 31)}",
                f"on day {self._number()}",
                f"before {self._clock()}",
                f"after {self._day()}",
            ]
        )

    def _program(self) -> str:
        return self._invented() if self._chance(0.6) else self._noun(_CREATURES)

    def _version(self) -> str:
        return ".".join(str(self._rng.randint(0, 30)) for _ in range(self._rng.choice((2, 2, 3))))

    def _quantity(self) -> str:
        return self._pick(_QUANTITIES)

    def _purpose(self) -> str:
        return self._pick(_PURPOSES)

    def _name(self) -> str:
        return f"{self._proper_name()} {self._small()}" if self._chance(0.3) else self._person()

    def _task(self) -> str:
        return self._pick(_TASKS)

    def _job(self) -> str:
        return self._pick(_JOBS)

    def _creature(self) -> str:
        return self._noun(_CREATURES)

    def _trait(self) -> str:
        return self._noun(_TRAITS)

    def _occasion(self) -> str:
        return self._pick(_OCCASIONS)

    def _vehicle(self) -> str:
        return self._pick(_VEHICLES)

    def _relation(self) -> str:
        return self._pick(_RELATIONS)

    def _attribute(self) -> str:
        return self._pick(_ATTRIBUTES)

    def _meal(self) -> str:
        return self._pick(_MEALS)

    def _message(self) -> str:
        return self._pick(_MESSAGES)
