"""What training episodes say and how they are asked about: families of sentences with slots.

Written for training alone. No sentence or question here has the form of one that an experiment tests with, and months,
weekdays and verbs are others (a test of the workspace compares them).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A kind of episode."""

    name: str
    slots: dict[str, str]
    """Slot to the kind of its values (see `hippo_train.words.Words.draw`)."""
    texts: tuple[str, ...]
    """Sentence forms; each holds every slot once."""
    questions: dict[str, tuple[str, ...]]
    """Slot to the questions that it answers; what else a question mentions is its cue."""


def _family(name: str, slots: str, texts: str, /, **questions: str) -> Family:
    return Family(
        name=name,
        slots=dict(pair.split(":") for pair in slots.split()),
        texts=_lines(texts),
        questions={slot: _lines(forms) for slot, forms in questions.items()},
    )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


FAMILIES: tuple[Family, ...] = (
    _family(
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
    ),
    _family(
        "meeting",
        "first:person second:person place:place topic:topic",
        """{first} ran into {second} outside the {place}, and they spoke of {topic}.
        Outside the {place}, {first} and {second} argued about {topic}.
        {topic} kept {first} and {second} talking for hours in the {place}.
        In the {place}, {second} asked {first} for advice about {topic}.""",
        first="""Who talked with {second} about {topic}?
        Who was with {second} at the {place}?
        With whom did {second} speak of {topic}?""",
        second="""Who talked with {first} about {topic}?
        Who was together with {first} near the {place}?
        With whom did {first} discuss {topic}?""",
        place="""Where did {first} and {second} talk?
        In which place did {first} speak of {topic}?
        Where were {second} and {first} talking about {topic}?""",
        topic="""What did {first} and {second} discuss?
        Which subject came up between {first} and {second}?
        What was {second} talking about in the {place}?""",
    ),
    _family(
        "job",
        "who:person job:job firm:firm since:year",
        """{who} has been a {job} for {firm} since {since}.
        Since {since}, {firm} has employed {who} as a {job}.
        {firm} hired {who} in {since} as its {job}.
        In {since} {who} became a {job} and joined {firm}.""",
        who="""Who is a {job} for {firm}?
        Who joined {firm} in {since}?
        Whom did {firm} hire as a {job}?""",
        job="""What is {who}'s profession?
        As what does {who} work for {firm}?
        Which job did {who} take in {since}?""",
        firm="""Which company employs {who}?
        For which firm does {who} work as a {job}?
        Where has {who} been employed since {since}?""",
        since="""Since when has {who} been with {firm}?
        In what year did {firm} hire {who}?
        In which year did {who} become a {job}?""",
    ),
    _family(
        "trip",
        "who:person city:city by:vehicle month:month",
        """{who} travelled to {city} by {by} in {month}.
        In {month} {who} took a {by} to {city}.
        {city} was where {who} went by {by} that {month}.
        By {by}, {who} reached {city} one day in {month}.""",
        who="""Who travelled to {city} by {by}?
        Who visited {city} in {month}?
        Who took a {by} to {city}?""",
        city="""Where did {who} travel in {month}?
        Which city did {who} visit?
        To which town did {who} go by {by}?""",
        by="""How did {who} get to {city}?
        By what means did {who} travel to {city}?
        What did {who} take to {city} in {month}?""",
        month="""In which month did {who} visit {city}?
        When did {who} travel to {city}?
        When did {who} take a {by} to {city}?""",
    ),
    _family(
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
    ),
    _family(
        "flight",
        "flight:code city:city gate:small time:clock",
        """Flight {flight} to {city} boards through gate {gate} at {time}.
        At {time}, flight {flight} leaves for {city} from gate {gate}.
        Passengers to {city}: flight {flight}, gate {gate}, boarding time {time}.
        Gate {gate} is for flight {flight}, which goes to {city} at {time}.""",
        flight="""Which flight goes to {city} at {time}?
        What is the number of the flight to {city}?
        Which flight uses gate {gate}?""",
        city="""Where does flight {flight} go?
        What is the destination of flight {flight}?
        To which city does the flight from gate {gate} go?""",
        gate="""From which gate does flight {flight} leave?
        Through which gate do passengers to {city} board?
        What is the gate of the {time} flight to {city}?""",
        time="""At what time does flight {flight} board?
        When does the flight to {city} leave?
        What is the boarding time of flight {flight} to {city}?""",
    ),
    _family(
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
    ),
    _family(
        "machine",
        "machine:machine program:machine number:number date:date",
        """Machine {machine} listens for {program} on channel {number}, as of {date}.
        As of {date}, the program {program} uses channel {number} of machine {machine}.
        Channel {number} of machine {machine} was given to {program}, dated {date}.
        From {date}, {machine} handles {program} through channel {number}.""",
        machine="""Which machine handles {program} through channel {number}?
        On what machine is the program {program}, as of {date}?""",
        program="""Which program uses channel {number} of machine {machine}?
        What does machine {machine} handle as of {date}?""",
        number="""Which channel does {program} use on machine {machine}?
        Through what channel number does {machine} handle {program}?
        As of {date}, which channel does machine {machine} listen on?""",
        date="""As of when does {machine} handle {program}?
        From what date is {program} on channel {number}?""",
    ),
    _family(
        "liking",
        "who:person food:food meal:meal drink:food",
        """{who} likes {food} with {drink} best when it is time for {meal}.
        At {meal}, {who} always orders {food}, and to it {drink}.
        {who}'s favourite {meal} is {food} followed by {drink}.
        Give {who} {food} and {drink}, and the {meal} is a success.""",
        who="""Who always orders {food} at {meal}?
        Whose favourite {meal} is {food}?
        Who likes {drink} with {food}?""",
        food="""What does {who} like best with {drink}?
        What does {who} order first at {meal}?
        Which dish is {who}'s favourite for {meal}?""",
        drink="""What does {who} have with {food} at {meal}?
        What goes with {food} if {who} is asked?""",
        meal="""For which meal does {who} want {food}?
        At what meal does {who} have {food} with {drink}?""",
    ),
    _family(
        "pet",
        "owner:person pet:creature name:person trait:trait",
        """{owner} keeps a {trait} {pet} called {name}.
        {name} is the {trait} {pet} of {owner}.
        The {pet} that {owner} calls {name} is {trait}.
        {owner} and a {trait} {pet} by the name of {name} live next door.""",
        owner="""Who keeps a {pet} called {name}?
        Whose {pet} is {name}?
        Who owns the {trait} {pet}?""",
        pet="""What kind of animal is {name}?
        Which animal does {owner} keep?
        What is {owner}'s {name}?""",
        name="""What is {owner}'s {pet} called?
        What name did {owner} give the {pet}?
        How does {owner} call the {trait} {pet}?""",
        trait="""What is {owner}'s {pet} {name} like?
        How would one describe the {pet} of {owner}?""",
    ),
    _family(
        "course",
        "teacher:person subject:topic room:small day:day",
        """{teacher} teaches {subject} in room {room} every {day}.
        Every {day}, there is a class on {subject} in room {room}, given by {teacher}.
        Room {room} is booked on {day}s: {teacher} explains {subject}.
        The {day} course about {subject} is held by {teacher} in room {room}.""",
        teacher="""Who teaches {subject} every {day}?
        Who gives a class in room {room}?
        By whom is the course about {subject} held?""",
        subject="""What does {teacher} teach?
        Which class is in room {room} every {day}?
        About what is {teacher}'s {day} course?""",
        room="""In which room does {teacher} teach {subject}?
        What is the room for the class on {subject}?
        Which room is {teacher} in every {day}?""",
        day="""On what day is the class on {subject}?
        Which day does {teacher} teach in room {room}?
        When in the week does {teacher} explain {subject}?""",
    ),
    _family(
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
    ),
    _family(
        "contest",
        "winner:person sport:topic points:small loser:person",
        """{winner} beat {loser} in {sport}, with a lead of {points} points.
        In {sport}, {loser} lost to {winner} by {points} points.
        By {points} points, the {sport} title went to {winner} rather than {loser}.
        {loser} came second in {sport}, {points} points behind {winner}.""",
        winner="""Who beat {loser} in {sport}?
        To whom did {loser} lose?
        Who took the {sport} title?""",
        loser="""Whom did {winner} beat in {sport}?
        Who came second behind {winner}?
        Who lost to {winner} by {points} points?""",
        sport="""In what did {winner} beat {loser}?
        Which contest did {loser} lose to {winner}?""",
        points="""By how many points did {winner} beat {loser}?
        How many points behind {winner} was {loser}?""",
    ),
    _family(
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
    ),
    _family(
        "duty",
        "who:person task:task day:day place:place",
        """On {day}s it falls to {who} to {task} in the {place}.
        {who} has to {task} in the {place} each {day}.
        Each {day}, the job to {task} in the {place} is {who}'s.
        In the {place}, it is {who} who must {task} when {day} comes.""",
        who="""Who has to {task} each {day}?
        Whose job is it to {task} in the {place}?
        Who must {task}?""",
        task="""What does {who} have to do in the {place}?
        What is {who}'s task each {day}?
        What must {who} do when {day} comes?""",
        day="""On what day must {who} {task}?
        When does {who} have to {task} in the {place}?""",
        place="""Where does {who} have to {task}?
        In which place is it {who}'s job to {task}?""",
    ),
    _family(
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
    ),
    _family(
        "relation",
        "a:person relation:relation b:person town:city",
        """{a} from {town} is the {relation} of {b}.
        {b}'s {relation} is {a}, who lives in {town}.
        In {town} lives {a}, {b}'s {relation}.
        {a}, the {relation} of {b}, moved away to {town}.""",
        a="""Who is the {relation} of {b}?
        Who in {town} is related to {b}?
        What is the name of {b}'s {relation}?""",
        b="""Whose {relation} is {a}?
        To whom is {a} from {town} related?""",
        relation="""How is {a} related to {b}?
        What is {a} to {b}?""",
        town="""Where does {a} live?
        In which town does {b}'s {relation} live?""",
    ),
    _family(
        "reading",
        "sensor:machine quantity:quantity value:number hour:clock",
        """At {hour}, sensor {sensor} showed a {quantity} of {value}.
        Sensor {sensor}: {quantity} {value}, measured at {hour}.
        The {quantity} that {sensor} measured at {hour} came to {value}.
        {value} was the {quantity} shown by {sensor} at {hour}.""",
        sensor="""Which sensor showed a {quantity} of {value}?
        What measured the {quantity} at {hour}?""",
        quantity="""What did sensor {sensor} measure at {hour}?
        Which quantity was {value} at {hour}?""",
        value="""Which {quantity} did {sensor} show at {hour}?
        How high was the {quantity} at {hour}, by sensor {sensor}?
        What {quantity} was measured by {sensor}?""",
        hour="""At what time did {sensor} show a {quantity} of {value}?
        When was the {quantity} {value}?""",
    ),
    _family(
        "release",
        "program:program version:version date:date author:person",
        """{author} released version {version} of {program}, dated {date}.
        {program} reached version {version}, says {author} in a mail of {date}.
        Version {version} of {program} came from {author}; it is dated {date}.
        In the list of {date}, {program} stands at version {version}, entered by {author}.""",
        program="""Of which program did {author} release version {version}?
        What reached version {version}?""",
        version="""Which version of {program} did {author} release?
        At what version does {program} stand in the list of {date}?
        What is the version number of {program} by {author}?""",
        date="""What date does version {version} of {program} bear?
        When did {author} release {program}?""",
        author="""Who released version {version} of {program}?
        From whom came {program} in version {version}?""",
    ),
    _family(
        "service",
        "service:program host:machine socket:number admin:person",
        """{admin} moved {service} to host {host}, socket {socket}.
        Host {host} answers for {service} at socket {socket}; {admin} looks after it.
        To reach {service}, dial socket {socket} of host {host}, or ask {admin}.
        Socket {socket} of {host} now belongs to {service}, by order of {admin}.""",
        service="""What runs at socket {socket} of host {host}?
        Which service did {admin} move to host {host}?""",
        host="""Which host answers for {service}?
        To what host did {admin} move {service}?
        On which host is socket {socket} used by {service}?""",
        socket="""Which socket number has {service} on host {host}?
        What is the socket of {service}?
        Through which socket can {service} of {host} be reached?""",
        admin="""Who moved {service} to host {host}?
        Who looks after {service} on {host}?""",
    ),
    _family(
        "choice",
        "who:person option:thing purpose:purpose over:thing",
        """For {purpose}, {who} chose {option} over {over}.
        {who} would rather have {option} than {over} for {purpose}.
        When it comes to {purpose}, {option} is what {who} wants, not {over}.
        {who} is fond of {option} for {purpose} and dislikes {over}.""",
        who="""Who chose {option} for {purpose}?
        Who dislikes {over} for {purpose}?
        Who would rather have {option} than {over}?""",
        option="""What does {who} want for {purpose}?
        What did {who} choose for {purpose}?
        What would {who} rather have for {purpose}?""",
        purpose="""For what does {who} want {option}?
        For which purpose did {who} choose {option} over {over}?""",
        over="""What does {who} dislike for {purpose}?
        What was {option} chosen over by {who}?""",
    ),
    _family(
        "record",
        "who:person distance:number sport:topic date:date",
        """On the way to the record in {sport}, {who} reached {distance} metres, {date}.
        {who} holds the record in {sport} with {distance} metres, set {date}.
        With {distance} metres, set {date}, {who} leads the table in {sport}.
        The list for {sport} names {who}, {distance} metres, {date}.""",
        who="""Who holds the record in {sport}?
        Who reached {distance} metres in {sport}?""",
        distance="""How many metres did {who} reach in {sport}?
        What is {who}'s record, in metres?""",
        sport="""In what does {who} hold a record?
        Which sport has a record of {distance} metres by {who}?""",
        date="""When did {who} set the record in {sport}?
        On what date were {distance} metres reached in {sport}?""",
    ),
    _family(
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
    ),
    _family(
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
    ),
    _family(
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
    ),
    _family(
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
    ),
    _family(
        "note",
        "from:person to:person at:clock message:message",
        """At {at} {from} left word for {to}: {message}.
        Message for {to} from {from}, taken at {at}: {message}.
        {from} called {to} at {at} to say this: {message}.
        "{message}", {from} told {to} at {at}.""",
        message="""What did {from} tell {to}?
        What word did {from} leave for {to} at {at}?
        What is the message for {to}?""",
        to="""For whom did {from} leave word at {at}?
        Whom did {from} call?""",
        at="""At what time did {from} call {to}?
        When was the message for {to} taken?""",
        **{"from": "Who left word for {to}?\nWho called {to} at {at}?\nFrom whom is the message for {to}?"},
    ),
)
"""Families with sentences of their own. `hippo_train.episodes` adds events, whose sentences it composes."""


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
