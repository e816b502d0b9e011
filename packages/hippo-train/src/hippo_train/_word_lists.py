"""The written lists behind the values of training episodes; what an experiment tests with is in none of them."""

LOOKS = """pale shiny broken narrow heavy tiny huge crooked fluffy sticky woven carved dull spiky curved glossy faded
gilded flat round triangular transparent frozen warm soft greasy knotted brown violet pink grey black white yellow
orange cheap antique plain noisy hairy wet dry torn sharp blunt loose tight stiff floral stone glass iron steel brass
cotton wool felt clay chalk cork straw lead zinc birch walnut pine oak fur gravel concrete paper cardboard""".split()
THINGS = """table chair spoon fork knife plate bowl cup bottle pan towel soap brush comb sponge curtain carpet sofa
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
PLACES = """kitchen garage attic basement balcony cellar stairwell corridor lobby ballroom palace tower dungeon
fortress barracks hospital clinic prison school college dormitory laboratory greenhouse garden park forest meadow
valley canyon cave cliff beach island swamp desert glacier volcano waterfall lake pond creek canal dam pier dock
shipyard factory refinery foundry mine mill farm barn ranch market mall supermarket butcher florist tailor bank
embassy parliament ministry stadium gym arena circus theatre gallery studio workshop temple mosque church abbey
cemetery crossroads roundabout tunnel viaduct motorway railway airport runway terminal hotel hostel inn tavern
pub cafe diner canteen sauna spa casino nightclub skatepark racetrack velodrome""".split()
PLACE_WORDS = "old new upper central royal municipal public abandoned haunted crowded quiet modern private".split()
TASKS = """sweep the floor|feed the hens|lock the doors|count the money|wind the clock|water the plants|ring the bell
sort the mail|check the pipes|light the fire|change the sheets|oil the hinges|write the minutes|read the meters
wash the windows|open the shutters|make the tea|guard the entrance|greet the guests|empty the bins|test the alarm
stack the chairs|clear the snow|walk the dogs|fill the tanks|print the programme""".replace("\n", "|").split("|")
TOPICS = (
    """the weather|taxes|the new law|chess|poker|gymnastics|boxing|astronomy|geometry|the strike|the flood
the election|old maps|grammar|gardening|wine making|bee keeping|the budget|poetry|rumours|the lost letters|algebra
modern art|ghosts|the drought|noise|fire safety|mushrooms|the wedding plans|railways|billiards|sailing|surgery|botany
medieval history|road signs|the broken pump|inflation|whales|the comet|jazz|folk dance|robots|the harvest|a lost ring
coffee prices|the burglary|volcanoes|the new mayor|shipwrecks|the neighbours|table tennis|debating|darts|cooking
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
FOODS = """lentil soup|apple pie|fried rice|roast chicken|tomato salad|potato cakes|mango juice|green tea|black coffee
hot chocolate|lemonade|beef stew|fish fingers|cheese toast|grilled corn|peanut noodles|bean tacos|carrot cake|plum jam
pork ribs|shrimp curry|egg sandwiches|barley bread|coconut milk|ginger beer|orange sherbet|mint syrup|buttermilk
spinach pie|turnips|dumplings|sausages|pumpkin seeds|goat cheese|sardines|omelettes|waffles|pretzels|cider|tonic water
iced water|cherry soda|cabbage rolls|radishes|garlic bread|rice pudding|honey cake|walnuts""".replace("\n", "|").split(
    "|"
)
JOBS = """plumber|nurse|tailor|welder|dentist|baker|judge|pilot|janitor|translator|chemist|violinist|cook|mechanic
surveyor|librarian|bookkeeper|goldsmith|roofer|midwife|sculptor|detective|secretary|glazier|butler|courier|porter
engineer|lawyer|cashier|gardener|watchmaker|editor|trainer|bricklayer|optician|brewer|diver|shepherd|announcer
night guard|tram driver|music teacher|piano tuner|shop assistant|sound engineer""".replace("\n", "|").split("|")
CREATURES = """poodle|kitten|tortoise|canary|rabbit|mouse|snake|frog|duck|goose|pig|sheep|donkey|camel|monkey|gecko
spider|turtle|ferret|budgie|cockatoo|greyhound|spaniel|terrier|guinea pig|stick insect|peacock|alpaca|hen|crow
mule|llama|crab|newt|toad|owl""".replace("\n", "|").split("|")
TRAITS = """lazy|clever|shy|greedy|nervous|playful|grumpy|gentle|curious|stubborn|loud|brave|sleepy|sly|proud|clumsy
spotless|three-legged|half-blind|very old|well fed|long-haired""".replace("\n", "|").split("|")
OCCASIONS = """birthday|wedding|anniversary|graduation|farewell party|housewarming|new year feast|christening
retirement|victory parade|name day|opening night|harvest feast|reunion|engagement|promotion""".replace("\n", "|").split(
    "|"
)
VEHICLES = """train|bus|plane|ferry|car|bicycle|motorbike|taxi|coach|sailing boat|tram|van|night train|hot-air balloon
horse|steamer|cable car|truck|sleigh|moped""".replace("\n", "|").split("|")
RELATIONS = """cousin|aunt|uncle|nephew|niece|brother|sister|grandmother|grandfather|son|daughter|stepson|godfather
mother-in-law|twin|landlord|business partner|oldest friend|neighbour|former boss|tenant""".replace("\n", "|").split("|")
ATTRIBUTES = """access code|opening time|door number|fire warden|alarm code|manager|deputy|telephone number|nickname
account number|inspector|rent|password|contact person|locker number|owner|floor number|colour|radio name|batch number
sponsor|area code|permit number|tenant|supervisor|customer number""".replace("\n", "|").split("|")
PEOPLE_ATTRIBUTES = {
    *("fire warden", "manager", "deputy", "inspector", "contact person", "owner", "sponsor", "tenant", "supervisor"),
}
MEALS = "supper|lunch|brunch|dinner|tea time|the midnight meal|picnics|the first course".split("|")
MESSAGES = """the tickets are sold out|bring an umbrella|the boiler is leaking|the doctor cannot come|buy more flour
the road is closed|the dog ran away|call back tomorrow|the rehearsal is cancelled|pick up the children|use the side door
the bank was right|the parcel is too big|nobody answered|the car will not start|the roof needs tiles|wear warm clothes
the guests are early|the test went well|sign the contract|the fish is off|take the second exit|lock the bicycle
the lights are still on|do not wait up|the price went up|send the photographs|the lift is stuck""".replace(
    "\n", "|"
).split("|")
QUANTITIES = "pressure|humidity|voltage|noise level|water level|temperature|speed|weight|current|brightness".split("|")
PURPOSES = (
    """the garden|the long journey|the living room|the new uniform|rainy days|the front page|the exam|the stage
the first aid kit|the winter|the bathroom wall|the company car|the ringtone|the party|the nursery|the flag|the menu
the logo of the club|the evening class|the school trip|the shop window|the cover|the workshop|the tea party
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
SPOTS = """under the|behind the|on top of the|inside the|next to the|below the|above the|in front of the""".split("|")
MONTHS = "February May August November".split()
DAYS = "Monday Wednesday Friday".split()
MOMENTS = "at dawn|at dusk|at noon|at midnight|before breakfast|after lunch|around teatime".split("|")
SEASONS = "spring summer autumn winter".split()
ONSETS = "b br c ch cl d dr f fl g gl gr h j k kl l m n p ph pl pr qu r s sh sk st str t th tr v w y z".split()
VOWELS = "a e i o u ai au ea ei ia io oa oo ou".split()
CODAS = ["", "", "", "n", "r", "l", "s", "m", "t", "ck", "nd", "rt", "x", "th", "sk"]
ENDINGS = "son ham ley ick ow er well stad berg ova ini sen wick dale ard".split()
GRAMMAR = frozenset(
    """a about above across actually after again against all almost alone along already also although always am among
an and another any anyone anything anyway are around as aside at away back be because been before behind being
below beneath beside besides best better between beyond both but by can cannot certainly could day despite did
do does doing done down due during each either else enough especially even ever every everyone everything
exactly except few finally for from further generally given had has have having he hence her here hers herself
him himself his hopefully how however i if immediately in including indeed initially inside instead into is it
its itself just largely later latter least less like likely little many maybe me merely might mine more moreover
most mostly much must my myself namely near nearly neither never nevertheless next no nobody none nor not
nothing now nowhere of off often on once one only onto opposite or other others otherwise our ours ourselves out
outside over own particularly per perhaps possibly probably quite rather really recently same seemed seems
several shall she should similarly simply since so some somehow someone something sometimes somewhere soon still
such than that the their theirs them themselves then there therefore these they this those though through
throughout thus to together too toward towards truly under underneath unfortunately unless unlike until up upon
us usually various very via was we well were what whatever when whenever where whereas wherever whether which
while who whoever whole whom whose why will with within without would yes yet you your yours yourself""".split()
)
"""Words that are no values, in lower case: "day" as in "day 7" is one, "may" is not, since it is a month."""
