/** Nouns and what kind of thing they name. */
import type { GrammaticalNumber, Pronouns } from './english.ts';
import { singularOf } from './english.ts';
import { list } from './phrases.ts';

const nouns = {
  dog: `dog; puppy; corgi; poodle; terrier; labrador; beagle; dachshund; husky; bulldog; pug; spaniel; retriever; chihuahua; dalmatian; greyhound; collie; shepherd; hound; mutt`,
  cat: 'cat; kitten; tabby; siamese; persian; maine coon; tomcat; kitty',
  horse: 'horse; pony; donkey; foal; mule; zebra; unicorn',
  animal: `animal; pet; rabbit; bunny; hamster; guinea pig; mouse; rat; squirrel; fox; wolf; bear; panda; lion; tiger; leopard; cheetah; elephant; giraffe; monkey; gorilla;
    sheep; lamb; goat; cow; calf; pig; piglet; deer; moose; kangaroo; koala; raccoon; hedgehog; otter; beaver; ferret; sloth; camel; llama; alpaca; rhino; hippo; seal; creature; dragon; wolfhound; badger; meerkat`,
  bird: `bird; parrot; owl; duck; goose; chicken; hen; rooster; penguin; eagle; hawk; swan; pigeon; sparrow; crow; robin; flamingo; peacock; canary; budgie; seagull; toucan; duckling; chick; turkey; raven`,
  fish: 'fish; goldfish; koi; shark; dolphin; whale; clownfish; seahorse; octopus; jellyfish; manta ray; salmon; trout; guppy',
  crawler: 'lizard; gecko; iguana; snake; frog; toad; turtle; tortoise; chameleon; crocodile; snail; crab; spider; beetle; butterfly; bee; ladybird; caterpillar; ant; dragonfly; dinosaur; lobster; salamander',
  man: 'man; boy; king; prince; father; grandfather; uncle; actor; monk; gentleman; son; brother; husband; wizard; knight; cowboy',
  woman: 'woman; girl; lady; queen; princess; mother; grandmother; aunt; actress; bride; daughter; sister; wife; witch; ballerina',
  person: `person; child; baby; toddler; teenager; adult; face; doctor; teacher; dancer; singer; player; athlete; soldier; chef; artist; friend; student; scientist; musician; nurse; farmer; astronaut; pirate; human; model`,
  plush: 'stuffed animal; stuffed toy; plush; plushie; teddy; teddy bear; teddybear; soft toy; plush toy; stuffed bear; cuddly toy; plush animal; rag doll',
  toy: `toy; doll; action figure; figurine; puppet; puzzle; spinning top; yo-yo; lego set; game; emoji; statue; statuette; sculpture; ornament; model; bobblehead; nutcracker; garden gnome; gnome; figure; piggy bank; ball`,
  robot: 'robot toy; toy robot; robot; monster toy; toy monster; transformer',
  duckToy: 'duck toy; rubber duck; toy duck; bath toy',
  toyVehicle: 'rc car; toy car; toy train; toy truck; model car; toy plane; model train; remote control car; toy bus; toy tractor; radio-controlled car',
  character: 'cartoon; cartoon character; character; mascot; cartoon devil; monster; superhero; ghost; alien; elf; fairy; mermaid; devil; angel',
  vehicle: `car; truck; bus; van; taxi; tractor; motorcycle; motorbike; scooter; bicycle; bike; train; tram; ambulance; fire engine; sports car; jeep; caravan; lorry; pickup; limousine; tank; wagon; carriage; pram; wheelbarrow; locomotive; minibus; moped; vehicle; skateboard`,
  boat: 'boat; ship; sailing boat; sailboat; canoe; kayak; yacht; ferry; gondola; submarine; raft; barge; dinghy',
  aircraft: 'plane; airplane; aeroplane; helicopter; glider; airship; hot-air balloon; drone; jet; biplane; spaceship; rocket; spacecraft',
  building: `house; building; castle; church; tower; cottage; temple; palace; barn; cabin; lighthouse; windmill; bridge; skyscraper; hut; shed; mosque; cathedral; pagoda; villa; hotel; shop; school; museum; statue of liberty; gate; pavilion; mansion; ruin`,
  bag: 'backpack; bag; handbag; rucksack; suitcase; purse; briefcase; tote; tote bag; satchel; wallet; duffel bag; schoolbag; shoulder bag; luggage; basket; pouch; bum bag',
  footwear: 'boot; shoe; sneaker; trainer; sandal; slipper; heel; loafer; flip-flop; clog; moccasin; cleat; high heel; wellington; running shoe; sock; roller skate; ski boot',
  eyewear: 'glasses; sunglasses; spectacles; goggles; eyeglasses; reading glasses; binoculars; shades',
  clothes: `hat; cap; shirt; t-shirt; jacket; coat; dress; skirt; scarf; sweater; jumper; hoodie; suit; glove; mitten; tie; belt; blouse; robe; kimono; costume; uniform; vest; helmet; apron; cardigan; beanie; mask; poncho; trousers; jeans; pants; shorts; pyjamas; leggings; tights; clothing`,
  jewellery: 'watch; ring; necklace; bracelet; earring; brooch; crown; pendant; tiara; locket; medal; jewellery; jewelry; wristwatch; pocket watch; cufflink',
  bowl: 'bowl; dish; plate; pan; pot; saucepan; wok; bucket; tray; berry bowl; wooden pot; cauldron; frying pan; baking dish; trough; tub',
  vase: 'vase; urn; flowerpot; planter; jar; amphora; plant pot',
  teapot: 'teapot; kettle; coffee pot; samovar; jug; pitcher; watering can; coffee pot',
  can: 'can; tin; bottle; flask; thermos; carton; beer can; soda can; tin can; canister; water bottle; drink can; box; tube',
  cup: 'cup; mug; teacup; glass; goblet; tankard; wine glass; tumbler; beaker; chalice; coffee cup; coffee mug',
  candle: 'candle; tea light; tealight; candlestick; torch',
  clock: 'clock; alarm clock; wall clock; grandfather clock; cuckoo clock; timer',
  lamp: 'lamp; lantern; desk lamp; light; chandelier; table lamp; floor lamp; lampshade; light bulb; flashlight',
  furniture: `chair; table; sofa; couch; bed; desk; bench; stool; armchair; shelf; bookcase; cupboard; wardrobe; dresser; cabinet; cradle; rocking chair; mirror; piano; rug; carpet; throne; chest; furniture; mattress; door; window; fridge; barrel; stove; oven; fireplace; bathtub; swing; tent`,
  food: `cake; sandwich; burger; pizza; fruit; apple; banana; orange; pear; pie; biscuit; cookie; doughnut; donut; croissant; cupcake; muffin; ice cream; bread; cheese; chocolate; sushi; soup; salad; egg; pancake; waffle; hot dog; steak; pasta; spaghetti; rice; strawberry; pineapple; watermelon; melon; tomato; carrot; pumpkin; loaf; popcorn; food; lollipop; bun; taco; noodles; pretzel; broccoli; cauliflower; spinach; butter; garlic`,
  plant: 'plant; flower; tree; rose; cactus; bonsai; fern; sunflower; tulip; orchid; bush; shrub; succulent; houseplant; palm; lily; daisy; mushroom; ivy; vine; bouquet',
  device: `phone; smartphone; camera; laptop; computer; television; tv; radio; headphones; keyboard; tablet; console; typewriter; printer; microphone; telephone; telescope; microscope; toaster; vacuum cleaner; mixer; calculator; game controller; speaker; record player; machine; drill; hair dryer; washing machine; sewing machine; joystick; projector; monitor`,
  instrument: 'guitar; violin; drum; flute; trumpet; saxophone; cello; harp; banjo; ukulele; accordion; clarinet; harmonica; mandolin; trombone; lute; oboe; electric guitar; instrument',
  thing: `book; pen; pencil; key; knife; fork; spoon; scissors; hammer; tool; coin; stone; rock; shell; flag; pillow; cushion; blanket; towel; soap; brush; broom; ladder; rope; kite; balloon; card; letter; painting; picture; frame; poster; sign; map; globe; object; thing; item; product; logo; bell; sword; shield; surfboard; racket; brick; paper; newspaper; pot plant; tongs; tweezers; dice; crystal; perfume; cosmetics; equipment; money; decoration; umbrella; parasol; hourglass; sundial`,
} as const; // prettier-ignore

export type Kind = keyof typeof nouns;
export const kinds = Object.keys(nouns) as readonly Kind[];

const kindOf = new Map<string, Kind>(kinds.flatMap((kind) => list(nouns[kind]).map((noun) => [noun, kind] as const)));

/** Nouns that are plural and counted in pairs, or have no plural. */
const pairs = new Set(
  list(
    'glasses; sunglasses; spectacles; goggles; eyeglasses; binoculars; shades; scissors; trousers; jeans; pants; shorts; pyjamas; headphones; leggings; tights; tongs; tweezers; pliers; dungarees',
  ),
);
const masses = new Set(
  list(
    'bread; cheese; chocolate; rice; pasta; spaghetti; sushi; soup; salad; popcorn; food; fruit; furniture; luggage; jewellery; jewelry; clothing; soap; money; equipment; perfume; paper; ivy; water; coffee; tea; milk; sand; wool; art; pottery; lace; fabric; honey; broccoli; cauliflower; spinach; butter; garlic',
  ),
);
const pluralForms = new Set(list('noodles; cosmetics; dice; people; men; women; children'));

export interface Noun {
  /** As it was given, in lower case but for what has capitals inside. */
  words: string;
  /** Its last word: no prompt holds it beside the subject. */
  head: string;
  kind: Kind;
  number: GrammaticalNumber;
  pronouns: Pronouns;
  /** The lexicon has it; otherwise it is taken for a thing. */
  known: boolean;
}

/** What the grammar knows of a class: "dog", "berry bowl", "a pair of sunglasses", "quokkas". */
export function lookUp(className: string): Noun {
  const words = className
    .trim()
    .replace(/\s+/g, ' ')
    .toLowerCase()
    .replace(/^(a|an|the|some) /, '')
    .replace(/^(a )?pair of /, '');
  const parts = words.split(' ');
  const head = parts.at(-1)!;
  const singularHead = kindOf.has(head) ? undefined : singularOf(head);
  const singular = [...parts.slice(0, -1), singularHead ?? head];
  // The longest known ending decides: "robot toy" before "toy".
  const known = singular.map((_, i) => singular.slice(i).join(' ')).find((ending) => kindOf.has(ending));
  const kind =
    known === undefined
      ? parts.length > 2 && parts.includes('of')
        ? lookUp(parts.slice(0, parts.indexOf('of')).join(' ')).kind
        : 'thing'
      : kindOf.get(known)!;
  const plural = pluralForms.has(head) || (singularHead !== undefined && !pairs.has(head));
  const number: GrammaticalNumber = pairs.has(head)
    ? 'pair'
    : masses.has(head)
      ? 'mass'
      : !plural
        ? 'one'
        : kind === 'footwear'
          ? 'pair'
          : 'plural';
  const pronouns: Pronouns =
    number === 'pair' || number === 'plural'
      ? 'they'
      : kind === 'man'
        ? 'he'
        : kind === 'woman'
          ? 'she'
          : kind === 'person'
            ? 'they'
            : 'it';
  return { words, head, kind, number, pronouns, known: known !== undefined };
}
