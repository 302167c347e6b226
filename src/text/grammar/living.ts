/** What animals and people do, are and wear. */
import { list, phrases } from './phrases.ts';

export const animalActions = phrases({
  any: `sleeping; yawning; stretching; looking straight at the camera; looking over {its} shoulder; sitting patiently; lying on {its} back;
    curled up in a ball; scratching behind {its} ear; licking {its} lips; waiting for dinner; listening to a strange noise; shaking {its} head;
    sneaking up on a toy; turning around; chewing on a blade of grass; following a butterfly with {its} eyes; sticking out {its} tongue;
    hiding from the rain; getting {its} photo taken; resting after a long walk; playing with a feather; investigating a cardboard box`,
  open: 'running at full speed; chasing a butterfly; taking a nap; leaping through the air; looking up at the sky; enjoying the breeze; exploring; sniffing the air',
  out: `sniffing a flower; rolling in the grass; jumping over a puddle;
    drinking from a stream; digging in the earth; trotting along a path;
    splashing through a puddle; racing a bicycle; hunting for beetles; balancing on a log; climbing over rocks; staring at the moon;
    walking through tall grass; looking at {its} own footprints; snapping at falling leaves; exploring an abandoned garden`,
  in: `watching the rain through a window; drinking water from a saucer; dozing by the fire; playing with a cardboard box; tearing up wrapping paper;
    hiding under a blanket; eating from a silver dish; staring at a goldfish; sleeping on a pile of laundry; watching television;
    peeking out from behind a curtain; sitting on an open book; walking across a piano keyboard; begging for food; waiting by the door`,
  own: `riding in a shopping trolley; standing at the bow of a small boat; sitting in the driver's seat of a car; crossing a rope bridge;
    riding on a skateboard; taking a bubble bath; sleeping in a tent; floating in space; flying with a jetpack; riding a carousel horse;
    swimming across a lake; peeking out of a backpack; jumping through a hoop at a circus; walking a tightrope; sitting on a throne;
    playing the drums; painting a picture at an easel; reading a newspaper; baking a cake; playing chess; riding a bicycle;
    sailing a paper boat; conducting an orchestra; skiing down a slope; surfing a big wave; parachuting from a plane; blowing out birthday candles;
    sitting at a tea party; riding an escalator; steering a hot-air balloon`,
});
export const dogActions = phrases({
  any: `wagging {its} tail; chewing on a bone; holding out a paw; tugging on a rope; carrying a newspaper in {its} mouth; gnawing on a slipper;
    balancing a biscuit on {its} nose; howling; panting; rolling over; wearing a lead and waiting for a walk; growling at a vacuum cleaner`,
  open: `catching a frisbee in mid-air; fetching a stick; chasing a tennis ball; barking at a squirrel; running with a stick in {its} mouth; chasing {its} own tail;
    running off the lead`,
  out: `burying a bone; jumping over a fence; shaking off water; sniffing a lamp post; running through a sprinkler;
    playing with a garden hose`,
  own: `pulling a sledge across the ice; herding sheep on a hillside; sticking {its} head out of a car window; running an agility course;
    paddling in the shallow sea; sleeping in a kennel; leading a hike along a ridge; waiting outside a butcher's shop;
    riding in a motorcycle sidecar; being washed in a tin bath`,
});
export const catActions = phrases({
  any: `batting at a ball of wool; kneading a blanket; pouncing on a toy mouse; grooming a paw; peeking out of a paper bag; arching {its} back;
    purring; flicking {its} tail; playing with a piece of string; blinking slowly; stalking a feather; hissing at a broom`,
  out: `walking along the top of a fence; sharpening {its} claws on a tree trunk; stalking a sparrow; sitting on a warm car bonnet;
    watching a bird bath; climbing an apple tree; squeezing through a gap in a fence`,
  in: `climbing a curtain; napping on a warm radiator; watching birds through a window; knocking a glass off a table; sleeping on a keyboard;
    drinking from a dripping tap; sitting inside a washing basket; swatting at a Christmas bauble; hiding behind a flowerpot`,
});
export const birdActions = phrases({
  any: `spreading {its} wings; preening {its} feathers; pecking at seeds; standing on one leg; tilting {its} head; singing; looking straight at the camera;
    perched on a branch; ruffling {its} feathers; sleeping with {its} head under {its} wing; carrying a twig in {its} beak; taking off; landing`,
  out: `flying over a lake; soaring above the clouds; building a nest; splashing in a bird bath; flying through the mist; searching for worms;
    gliding over a valley; perched on a fence post; drinking from a puddle; sitting on a telephone wire; flying in front of the moon`,
  own: `looking out of a wooden nest box; flying through an open window; sitting on a pirate's shoulder; swinging on a perch; delivering a letter;
    hovering in front of a flower; nesting in an old boot; riding on the back of a cow; flying past a skyscraper`,
});
export const fishActions = phrases({
  any: `swimming in circles; blowing bubbles; chasing a smaller fish; swimming towards the camera; swimming upside down; swimming past; looking for food;
    looking straight at the camera; resting; turning around`,
  own: `hiding among water plants; leaping out of the water; nibbling at seaweed; gliding past a diver; darting between rocks; following a submarine; resting on the sea bed;
    swimming through a sunken ship; swimming through a ring of coral; floating in a plastic bag; peering out of a cave; jumping up a waterfall;
    circling a castle in an aquarium; catching a fly; swimming beside a turtle`,
});
export const horseActions = phrases({
  out: `galloping along the shore; grazing in a paddock; jumping over a hedge; pulling a cart; rearing up on {its} hind legs; trotting around a ring;
    standing under a tree; drinking from a trough; rolling in the dust; crossing a shallow river; looking over a gate`,
  in: 'eating hay in a stable; being shod by a blacksmith; looking out over a stable door; being brushed in a barn',
});
export const personActions = phrases({
  any: `laughing; reading a newspaper; playing the guitar; juggling oranges; drinking a cup of tea; taking a photograph; writing a letter;
    talking on the phone; tying {its} shoelaces; waving at the camera; eating an apple; blowing soap bubbles; looking over {its} shoulder;
    dancing; stretching; playing cards; carrying a stack of boxes; holding a lantern; checking {its} watch; sketching in a notebook;
    playing the violin; doing a handstand; lost in thought; holding a bunch of balloons; eating an ice cream; yawning`,
  open: `riding a bicycle; jogging; flying a kite; pushing a wheelbarrow; looking through binoculars; sitting on a suitcase; having a picnic; walking a goat;
    pushing a pram`,
  out: `walking in the rain; picking apples; rowing a boat; climbing a rock face; planting a tree;
    fishing; feeding pigeons; carrying a surfboard; jumping over a puddle; selling vegetables at a stall; sweeping leaves;
    waiting for a bus; pitching a tent; hailing a taxi; chopping wood`,
  in: `baking bread; playing the piano; repairing a bicycle; painting at an easel; ironing a shirt; playing chess; washing dishes; working at a laptop;
    knitting; lifting weights; making pottery; watering plants; watching television; arranging flowers; practising yoga`,
  own: `diving into a swimming pool; riding a horse along a ridge; skiing down a slope; surfing a big wave; floating in space; giving a speech on a stage;
    steering a sailing boat; parachuting from a plane; riding a rollercoaster; walking a tightrope; conducting an orchestra; driving a tractor`,
});

export const animalAdjectives =
  list(`sleepy; playful; elderly; very young; tiny; fluffy; muddy; scruffy; well-groomed; curious; shy; proud; mischievous;
  alert; chubby; skinny; bored; excited; frightened; grumpy; contented; confused; brave; lonely; enormous; hungry; lazy; sulky; dusty; windswept; newborn;
  dignified; surprised; freshly washed; long-haired; giant; cheerful; suspicious`);
export const animalStates = phrases({
  any: `with {its} eyes closed; with {its} mouth wide open; with {its} head tilted to one side; standing on {its} hind legs; with one paw raised;
    with a dirty nose; with {its} ears pricked up; in mid-yawn; showing {its} teeth; with a puzzled look; as a baby; in old age;
    with untidy fur; with {its} back to the camera; half asleep; with a guilty look; with bright blue eyes; with a very long tail`,
  out: 'in mid-leap; covered in mud; with the wind in {its} fur; with leaves stuck in {its} fur; frozen in mid-stride',
  own: 'with {its} fur lit by the evening sun',
});
export const birdStates = phrases({
  any: `with {its} wings spread; with {its} beak open; with ruffled feathers; with {its} eyes closed; with {its} head turned; as a chick; in old age;
    with {its} back to the camera; with {its} tail fanned out; half asleep; with very long tail feathers`,
});
export const fishStates = phrases({
  any: 'with {its} mouth open; with {its} fins spread wide; with very long fins; facing the camera; with {its} scales catching the light; hanging motionless; with bulging eyes; with a torn fin',
});
export const personAdjectives =
  list(`smiling; tired; elegant; elderly; very young; cheerful; shy; proud; serious; surprised; sunburnt; freckled; tall; short;
  muscular; confused; excited; lonely; elegantly dressed; windswept; muddy; sleepy; curious; nervous; barefoot; angry; dusty; dreamy; busy; heroic`);
export const personStates = phrases({
  any: `with {its} eyes closed; with curly hair; with long silver hair; with {its} arms crossed; with {its} hands in {its} pockets; with face paint;
    with a puzzled look; with messy hair; with short hair; in old age; as a child; with {its} back to the camera; with a broad smile; with a plaster
    on {its} nose; with {its} chin in {its} hands; with rosy cheeks; with braided hair; with dirty hands`,
  out: 'with the wind in {its} hair; squinting into the sun; in mid-jump; out of breath',
});

const garments = `a straw hat; a knitted bobble hat; a cowboy hat; a pirate hat and an eye patch; a flower crown; a bow tie; a tartan scarf; a superhero cape;
  a raincoat; a life jacket; a Hawaiian shirt; sunglasses; headphones; a kimono; a tuxedo; a woolly jumper; swimming goggles; a bandana; a lab coat;
  a spacesuit; a suit of armour; a party hat; a denim jacket; a leather jacket; a polka dot dress; a crown and a velvet cloak; a striped sweater;
  a sailor's cap; a beret; a sombrero; a flying helmet and goggles; a football shirt; a ballet tutu; a Viking helmet; a deerstalker;
  a graduation cap; a baseball cap; a green bow; a feather boa; a tweed waistcoat; a poncho; a bicycle helmet; a jester's hat; a string of pearls;
  a hooded sweatshirt; a trench coat; a dressing gown; pyjamas; a turban; a bell around {its} neck; a medal around {its} neck; a rucksack; angel wings;
  a paper crown; a hard hat; a tiara; earmuffs; a garland of daisies; a fisherman's hat; a lion costume; a bee costume; a pumpkin costume`;
const roles = `an astronaut; a cowboy; a doctor; a gardener; a clown; a superhero; a knight; a sailor; a samurai; a Viking; a detective; a racing driver;
  a beekeeper; a magician; a footballer; a mermaid; a ghost; a Roman soldier; a disco dancer; a ballerina; a farmer; a judge; a queen; a pilot;
  a dinosaur; a rock star; a pharaoh; a postman; a scientist; a boxer`;
export const outfits = [
  ...list(garments).map((words) => ({ words: `wearing ${words}`, where: 'any' as const })),
  ...list(roles).map((words) => ({ words: `dressed as ${words}`, where: 'any' as const })),
];
export const birdOutfits = phrases({
  any: `wearing a tiny straw hat; wearing a bow tie; wearing a party hat; wearing a knitted scarf; wearing a crown; wearing a flying helmet; 
    wearing a flower crown; wearing sunglasses; wearing a waistcoat; with a ring on {its} leg; with a ribbon around {its} neck; wearing a cape;
    wearing a bandana; dressed as a pirate; wearing a sailor's cap; with a bell around {its} neck; wearing headphones; dressed as a magician`,
});
export const fishOutfits = phrases({
  any: `wearing a diving helmet; wearing a crown; wearing sunglasses; with a ribbon on {its} tail; wearing a bow tie;
    wearing a pirate hat; wearing a party hat; wearing a moustache; with pearls around {its} neck; wearing headphones; dressed as a mermaid`,
});
export const animalCollars = phrases({
  any: `with a leather collar; with a ribbon around {its} neck; with a name tag on {its} collar; wearing a harness; in a knitted coat; wearing booties;
    with a bow on {its} head; with a daisy behind {its} ear`,
});
