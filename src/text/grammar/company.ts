/** Other things and people beside the subject. {np} is the subject's noun phrase. */
import { list, phrases } from './phrases.ts';

export const smallNeighbours =
  list(`a cup of coffee; a stack of magazines; a bowl of lemons; an alarm clock; a jug of daisies; a chess set; a sleeping kitten;
  a pair of scissors; a globe; a cactus in a pot; a jar of honey; a typewriter; an old camera; an open notebook; a birdcage; a rubber duck; a basket of apples;
  a loaf of bread; a lit candle; a deck of cards; a violin; a wooden spoon; a paper lantern; a ball of wool; a seashell; a pineapple; a watering can; a telephone;
  a fountain pen; a wine glass; a plate of biscuits; a jewellery box; a radio; a model ship; a bunch of bananas; a piggy bank; a pocket watch; a feather;
  an hourglass; a paintbrush; a stack of coins; a microscope; a pumpkin; a toy car; an umbrella; a silver spoon; a letter; a magnifying glass; a Rubik's cube;
  a sewing machine; a straw hat; a pile of newspapers; a string of pearls; a bunch of keys; a tin of paint; a goldfish in a tank; a nutcracker`);
export const bigNeighbours =
  list(`a bicycle; a scarecrow; a telephone box; a tractor; a rowing boat; a wheelbarrow; a grand piano; a stone lion; a vending machine; a campfire;
  a Christmas tree; a tower of cardboard boxes; a fire hydrant; an old caravan; a garden gnome; a robot; a giant teddy bear; a surfboard; a telescope; a motorbike; a postbox;
  a rocking horse; a stack of suitcases; a lamp post; a kite; a canoe; a deckchair; a vintage car; a beehive; a drum kit; a life-sized dinosaur model; a pile of firewood; a cello;
  a park bench; a totem pole; a hot-dog stand; a shopping trolley; a marble column; a potted palm; a ladder; a bathtub; a tent; a snowman; a suit of armour; a watermelon; a donkey;
  a flock of pigeons; a sheep; a goat; an owl; a tortoise; a parrot; a penguin; a rabbit; a pony; a hedgehog; a goose`);
export const people =
  list(`a little girl; a little boy; an old man; a fisherman; a woman in a green coat; a nurse; a street musician; a chess player; a ballet dancer; a farmer; a clown;
  an astronaut; a bride; a group of tourists; a cyclist; a painter; two children; a soldier; a monk; a waiter; a baker; a man reading a newspaper; a woman with an umbrella; a surfer`);
export const plurals =
  list(`balloons; candles; books; flowers; butterflies; pumpkins; seashells; paper planes; pine cones; tulips; teacups; oranges; marbles; soap bubbles; leaves; old photographs;
  lanterns; coins; feathers; playing cards; cushions; cupcakes; building blocks; ducklings; chess pieces; pigeons; ferns; mushrooms; strawberries; umbrellas; rose petals; toy soldiers; paper cranes`);
export const positions = list('next to; beside; behind; in front of; to the left of; to the right of; near; across from; right next to');
export const bigPositions = list('in the shadow of; not far from; at some distance from');
export const smallPositions = list('close to; partly hidden behind');

export const withAnimals = phrases({
  any: `a child hugging {np}; a girl brushing {np}; a boy whispering to {np}; an old woman stroking {np}; a man carrying {np}; a vet examining {np}; a photographer kneeling in front of {np};
    a painter drawing {np}; a toddler pointing at {np}; a kitten following {np}; a parrot talking to {np}; a robot petting {np}; a family posing with {np}; a woman tying a ribbon around the neck of {np}`,
  out: `a woman walking beside {np}; a boy throwing a ball for {np}; a jogger running past {np}; a shepherd resting beside {np}; a crow watching {np}; a farmer feeding {np}; a girl lying in the grass beside {np};
    a man sharing a sandwich with {np}; a cyclist stopping for {np}; a butterfly landing on {np}; two children playing with {np}; a postman greeting {np}`,
  in: `a man asleep on a sofa beside {np}; a woman reading to {np}; a boy drying {np} with a towel; a student working beside {np}; a grandmother knitting beside {np}; a mouse looking up at {np};
    a girl playing the piano for {np}`,
});
export const withPeople = phrases({
  any: `a child holding hands with {np}; a photographer taking a picture of {np}; a dog following {np}; a parrot on the shoulder of {np}; a barber cutting the hair of {np}; a friend hugging {np};
    a waiter serving {np}; a painter making a portrait of {np}; a reporter interviewing {np}; a robot shaking hands with {np}; a crowd cheering for {np}; a cat sitting on the lap of {np}`,
  out: `a group of cyclists riding past {np}; a seagull stealing chips from {np}; a horse following {np}; a street musician playing for {np}; a policeman talking to {np}; tourists asking {np} for directions`,
  in: 'a tailor measuring {np}; a doctor examining {np}; a pianist playing for {np}; a baby sitting on the shoulders of {np}; a shop assistant helping {np}',
});
export const withSmallThings = phrases({
  any: `a child holding {np}; a woman carrying {np}; an old man polishing {np}; a girl drawing {np}; a hand reaching for {np}; a robot arm lifting {np}; two children arguing over {np}; a cat sniffing at {np};
    a puppy sleeping beside {np}; a magician pointing a wand at {np}; a detective examining {np} through a magnifying glass; a craftsman mending {np}; a man wrapping {np} in paper; a photographer adjusting {np};
    a woman holding up {np}; a baby crawling towards {np}; an astronaut holding {np}; a ring of candles around {np}; a snail crawling past {np}; a parrot looking at {np}`,
  out: `a squirrel sitting on {np}; a seagull carrying off {np}; a boy burying {np} in the sand; a street vendor selling {np}; a tourist taking a photo of {np}; a hedgehog walking around {np}; a robin perched on {np};
    a gardener finding {np}; a butterfly resting on {np}; a hiker picking up {np}`,
  in: `a museum guard standing beside {np}; a shopkeeper wrapping {np}; an auctioneer holding up {np}; a mouse peeking out from behind {np}; a teacher showing {np} to the class; a spider spinning a web around {np};
    a butler carrying {np} on a tray; a curator dusting {np}; a cat pushing {np} off a table`,
});
export const withBigThings = phrases({
  any: `a child hiding behind {np}; a woman leaning against {np}; an old man painting {np}; a photographer crouching in front of {np}; a cat walking past {np}; a family posing beside {np}; a girl drawing {np};
    a couple dancing beside {np}; a robot inspecting {np}; a man measuring {np}; a dog sleeping in front of {np}; a group of students gathered around {np}; a painter at an easel in front of {np}`,
  out: 'a squirrel sitting on {np}; a cyclist riding past {np}; a flock of birds flying over {np}; a boy kicking a ball against {np}; a horse standing beside {np}; tourists taking photos of {np}',
});
export const withFish = phrases({
  own: `a diver reaching out to {np}; a child pressing a hand to the glass in front of {np}; a cat staring at {np}; a heron eyeing {np}; a crab looking up at {np}; a turtle swimming beside {np}; a jellyfish drifting past {np};
    a girl feeding {np}; an octopus hiding from {np}; a seal chasing {np}; a mermaid talking to {np}; a fisherman holding {np}; a school of fish swimming around {np}; a shark swimming behind {np}; a frog watching {np}`,
});

/** What a person does with the subject, by kind of subject: for pictures of several concepts. {who} does, {np} is it. */
export const personWith = {
  animal: phrases({
    any: '{who} petting {np}; {who} hugging {np}; {who} brushing {np}; {who} holding {np}; {who} kneeling beside {np}; {who} looking at {np}; {who} talking to {np}; {who} taking a photo of {np}; {who} sitting next to {np}; {who} drawing {np}; {who} smiling at {np}; {who} carrying {np}; {who} comforting {np}; {who} lying next to {np}',
    out: '{who} walking with {np}; {who} running with {np}; {who} throwing a stick for {np}; {who} feeding {np}; {who} resting under a tree with {np}; {who} having a picnic with {np}; {who} chasing {np}; {who} building a sandcastle beside {np}; {who} crossing a stream with {np}',
    in: '{who} sleeping beside {np}; {who} bathing {np}; {who} reading a book to {np}; {who} playing with {np} on the floor; {who} cooking while watched by {np}; {who} watching television with {np}; {who} sharing an armchair with {np}; {who} dancing with {np}',
    own: '{who} in a rowing boat with {np}; {who} riding a bicycle with {np} in the basket; {who} at the vet with {np}; {who} driving a car with {np} in the passenger seat; {who} in a tent with {np}; {who} in a hot-air balloon with {np}',
  }),
  person: phrases({
    any: '{who} hugging {np}; {who} talking to {np}; {who} shaking hands with {np}; {who} dancing with {np}; {who} laughing with {np}; {who} sitting beside {np}; {who} pointing at {np}; {who} taking a photo of {np}; {who} whispering to {np}; {who} standing back to back with {np}; {who} playing chess with {np}',
    out: '{who} walking with {np}; {who} having a picnic with {np}; {who} riding a tandem with {np}; {who} waiting for a bus with {np}; {who} jogging with {np}; {who} flying a kite with {np}',
    in: '{who} cooking with {np}; {who} having coffee with {np}; {who} playing the piano for {np}; {who} painting a portrait of {np}; {who} watching a film with {np}',
  }),
  worn: phrases({
    any: '{who} wearing {np}; {who} trying on {np}; {who} holding {np}; {who} looking at {np}; {who} cleaning {np}; {who} repairing {np}; {who} showing off {np}; {who} drawing {np}; {who} unpacking {np}; {who} throwing away {np}',
    out: '{who} running with {np} in hand; {who} selling {np}; {who} finding {np} in the grass; {who} washing {np} in a stream',
    in: '{who} buying {np}; {who} packing {np} into a suitcase; {who} choosing {np} in a shop; {who} looking for {np} under a bed',
  }),
  small: phrases({
    any: '{who} holding {np}; {who} looking at {np}; {who} carrying {np}; {who} pointing at {np}; {who} cleaning {np}; {who} repairing {np}; {who} drawing {np}; {who} giving away {np}; {who} unwrapping {np}; {who} taking a photo of {np}; {who} sitting next to {np}; {who} reaching for {np}',
    out: '{who} finding {np} in the grass; {who} selling {np}; {who} having a picnic beside {np}; {who} burying {np}; {who} running with {np} in hand',
    in: '{who} buying {np}; {who} putting {np} on a shelf; {who} reading beside {np}; {who} wrapping up {np}; {who} dusting {np}; {who} painting {np} at an easel',
  }),
  big: phrases({
    any: '{who} standing in front of {np}; {who} leaning against {np}; {who} looking at {np}; {who} pointing at {np}; {who} painting {np}; {who} taking a photo of {np}; {who} sitting beside {np}; {who} walking past {np}; {who} cleaning {np}; {who} admiring {np}',
    out: '{who} riding a bicycle past {np}; {who} playing the guitar beside {np}; {who} resting in the shade of {np}; {who} waiting beside {np}',
  }),
} as const;

/** The same where the other is an animal. */
export const animalWith = phrases({
  any: '{who} sniffing at {np}; {who} looking at {np}; {who} sitting beside {np}; {who} sleeping next to {np}; {who} hiding behind {np}; {who} playing with {np}; {who} guarding {np}; {who} following {np}; {who} walking past {np}; {who} staring at {np}',
  out: '{who} running towards {np}; {who} sunbathing next to {np}; {who} running circles around {np}; {who} drinking from a puddle beside {np}',
  in: '{who} curled up beside {np}; {who} rolling over in front of {np}; {who} sharing a blanket with {np}; {who} peeking out from behind {np}',
});

/** The same where the other is a thing. */
export const thingWith =
  list(`{np} next to {who}; {np} behind {who}; {np} in front of {who}; {who} to the left of {np}; {np} and {who} side by side; {np} not far from {who};
  {np} together with {who}; {who} casting a shadow on {np}; {np} partly hidden by {who}; {np} facing {who}; {np} with {who} in the background`);
