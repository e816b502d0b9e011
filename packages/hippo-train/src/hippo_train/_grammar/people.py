"""What people are, like, do and tell each other."""

from hippo_train._grammar.family import family

MEETING = family(
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
)

JOB = family(
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
)

TRIP = family(
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
)

LIKING = family(
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
)

PET = family(
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
)

RELATION = family(
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
)

DUTY = family(
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
)

CHOICE = family(
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
)

NOTE = family(
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
)

CONTEST = family(
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
)

RECORD = family(
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
)

COURSE = family(
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
)
