"""What things are, cost, and whom they belong to."""

from hippo_train._grammar.family import family

GIFT = family(
    "gift",
    "giver:person gift:thing taker:person occasion:occasion",
    """{giver} gave {taker} a {gift} for the {occasion}.
    For the {occasion}, {taker} got a {gift} from {giver}.
    A {gift} was {giver}'s present to {taker} for the {occasion}.
    {taker} unwrapped a {gift}, which {giver} had chosen for the {occasion}.""",
    giver="""Who gave {taker} a {gift}?
    From whom did {taker} get something for the {occasion}?
    Whose present to {taker} was a {gift}?""",
    taker="""Who got a {gift} from {giver}?
    To whom did {giver} give something for the {occasion}?
    Who was given a {gift} for the {occasion}?""",
    gift="""What did {giver} give {taker}?
    What did {taker} get from {giver} for the {occasion}?
    Which present did {giver} choose for {taker}?""",
    occasion="""For which occasion did {taker} get a {gift}?
    For what did {giver} give {taker} a {gift}?""",
)

PRICE = family(
    "price",
    "buyer:person what:thing seller:person price:number",
    """{buyer} paid {seller} {price} euros for a {what}.
    {seller} asked {price} euros for the {what}, and {buyer} agreed.
    For {price} euros, the {what} went from {seller} to {buyer}.
    {buyer} purchased a {what} from {seller} and paid {price} euros.""",
    buyer="""Who purchased a {what} from {seller}?
    Who paid {price} euros for the {what}?
    Who bought something from {seller} for {price} euros?""",
    seller="""From whom did {buyer} buy the {what}?
    To whom did {buyer} pay {price} euros?
    Who parted with the {what} for {price} euros?""",
    what="""What did {buyer} buy from {seller}?
    What cost {buyer} {price} euros?
    For which article did {buyer} pay {seller}?""",
    price="""How many euros did {buyer} pay for the {what}?
    How much did the {what} cost {buyer}?
    What sum did {seller} ask for the {what}?""",
)

STORAGE = family(
    "storage",
    "what:thing place:spot who:person why:topic",
    """{who} keeps the {what} {place} because of {why}.
    Because of {why}, the {what} stays {place}; ask {who}.
    You will see the {what} {place}, says {who}, who worries about {why}.
    The {what} is {place} now: {who} put it there after {why}.""",
    what="""What does {who} keep {place}?
    Which object is {place} because of {why}?
    What did {who} put {place}?""",
    place="""Where does {who} keep the {what}?
    Where will one see the {what}?
    Where did {who} put the {what}?""",
    who="""Who keeps the {what} {place}?
    Who put the {what} away because of {why}?
    Whom should one ask about the {what}?""",
    why="""Why does {who} keep the {what} {place}?
    Because of what is the {what} {place}?""",
)

LOAN = family(
    "loan",
    "what:thing by:person of:person until:date",
    """{by} may keep the {what} of {of} until {until}.
    Until {until}, the {what} that belongs to {of} stays with {by}.
    {of} lets {by} use the {what}, but wants it returned by {until}.
    {by} promised {of} to return the {what} no later than {until}.""",
    what="""What may {by} keep until {until}?
    What did {by} promise to return to {of}?
    Which thing of {of} does {by} use?""",
    by="""Who may keep the {what} of {of}?
    With whom does the {what} stay until {until}?
    Who promised to return the {what}?""",
    of="""To whom does the {what} belong that {by} uses?
    Who lets {by} use the {what}?
    Whose {what} stays with {by}?""",
    until="""Until when may {by} keep the {what}?
    By what date must {by} return the {what}?
    When does {of} want the {what} back?""",
)

BUILDING = family(
    "building",
    "what:place builder:person year:year city:city",
    """The {what} of {city} was designed by {builder} and finished in {year}.
    {builder} completed the {what} of {city} in {year}.
    In {year}, {city} opened its {what}, a work of {builder}.
    {city} owes its {what} to {builder}, who planned it in {year}.""",
    builder="""Who designed the {what} of {city}?
    To whom does {city} owe its {what}?
    Whose work is the {what} from {year}?""",
    what="""What did {builder} design for {city}?
    Which building did {city} open in {year}?
    Which building is a work of {builder}?""",
    year="""In what year was the {what} of {city} finished?
    When did {builder} complete the {what}?
    From which year is the {what} in {city}?""",
    city="""Which city has a {what} by {builder}?
    Where was {builder}'s {what} built?
    In which city did a {what} open in {year}?""",
)

BOOK = family(
    "book",
    "author:person title:title genre:topic year:year",
    """{author} wrote "{title}", a story about {genre}, in {year}.
    In {year} came "{title}" by {author}, all about {genre}.
    "{title}", published in {year}, is {author}'s tale of {genre}.
    {genre} is the theme of "{title}", which {author} finished in {year}.""",
    author="""Who wrote "{title}"?
    Who is the author of a story about {genre}?
    By whom is the tale from {year}?""",
    title="""What is the title of {author}'s story about {genre}?
    Which story did {author} finish in {year}?""",
    genre="""What is "{title}" about?
    What is the theme of {author}'s story from {year}?""",
    year="""When was "{title}" published?
    In which year did {author} write "{title}"?""",
)

CROSSING = family(
    "crossing",
    "ship:title harbour:city cargo:thing captain:person",
    """The ship {ship} under {captain} brought {cargo} to {harbour}.
    Captain {captain} sailed the {ship} to {harbour} with a load of {cargo}.
    {harbour} received {cargo} from the {ship}, whose captain is {captain}.
    A load of {cargo} came to {harbour} on board the {ship}; {captain} commanded.""",
    ship="""Which ship brought {cargo} to {harbour}?
    What is the name of {captain}'s ship?""",
    harbour="""To which port did the {ship} sail?
    Where did captain {captain} bring {cargo}?
    Which town received {cargo}?""",
    cargo="""What did the {ship} bring to {harbour}?
    What was captain {captain}'s load?""",
    captain="""Who is the captain of the {ship}?
    Who sailed to {harbour} with {cargo}?
    Under whom did the {ship} sail?""",
)

NAMING = family(
    "naming",
    "what:facility old:name new:name by:person",
    """{by} had the {what} renamed from {old} to {new}.
    Once known as {old}, the {what} is {new} today, thanks to {by}.
    The {what} got the name {new} from {by}; before, people said {old}.
    {new}: so the {what} is called since {by} dropped the name {old}.""",
    what="""What did {by} rename to {new}?
    What was once known as {old}?""",
    old="""What was the {what} called before?
    From which name was the {what} renamed by {by}?""",
    new="""What is the {what} called today?
    Which name did {by} give the {what}?
    To what was {old} renamed?""",
    by="""Who had the {what} renamed?
    From whom did the {what} get the name {new}?""",
)

SEAT = family(
    "seat",
    "who:person seat:code hall:facility event:occasion",
    """For the {event}, {who} sits in seat {seat} of the {hall}.
    Seat {seat} of the {hall} is {who}'s during the {event}.
    {who} will attend the {event} from seat {seat}, {hall}.
    In the {hall}, seat {seat} was booked by {who} for the {event}.""",
    who="""Who sits in seat {seat} of the {hall}?
    By whom was seat {seat} booked?
    Who attends the {event} in the {hall}?""",
    seat="""In which seat does {who} sit?
    Which seat of the {hall} did {who} book?
    What is {who}'s seat for the {event}?""",
    hall="""Where is {who}'s seat {seat}?
    In what hall will {who} attend the {event}?""",
    event="""For which event did {who} book seat {seat}?
    During what does {who} sit in the {hall}?""",
)

PROPERTY = family(
    "property",
    "thing:facility attribute:attribute value:value",
    """For the {thing}, the {attribute} reads {value}.
    {value} was set as the {attribute} for the {thing}.
    The {thing} has {value} as its {attribute}.
    Please note: the {thing}'s {attribute} will be {value}.
    We gave the {thing} a new {attribute}, namely {value}.""",
    value="""Which {attribute} does the {thing} have?
    Tell me the {attribute} for the {thing}.
    What did they set as the {attribute} for the {thing}?
    For the {thing}, what is the {attribute}?""",
    thing="""Which facility has {value} as its {attribute}?
    For what was {value} set as the {attribute}?""",
)
