"""Machines, programs, flights and what is measured."""

from hippo_train._grammar.family import family

FLIGHT = family(
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
)

MACHINE = family(
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
)

READING = family(
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
)

RELEASE = family(
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
)

SERVICE = family(
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
)
