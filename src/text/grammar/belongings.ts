/** What is worn and carried: bags, shoes, glasses, clothes, jewellery. */
import { list, phrases } from './phrases.ts';

export const bagActions = phrases({
  any: `being packed for a trip; spilling open; stuffed with books; being zipped up; hanging from a hook; full of fruit; leaning against a wall; lying on {its} side;
    with a kitten peeking out of it; with a map sticking out of it; bursting at the seams; being searched; emptied of everything; slung over a shoulder`,
  out: `hanging from a branch; strapped to a bicycle; left behind on a bench; leaning against a signpost; being carried up a mountain; lying next to a tent;
    hanging from a fence; on the back of a hiker; propped against a milestone; covered in raindrops`,
  in: `hanging on the back of a door; lying on an unmade bed; in an overhead luggage rack; passing through an airport scanner; standing in a school corridor; lying under a desk;
    hanging over the back of a chair; in a shop window; in a locker; waiting by the front door`,
  own: `on an airport carousel; hanging from a chairlift; floating in space; on the shoulders of an astronaut; on the back of a camel; on the back of a child walking to school;
    being carried away by balloons; in the boot of a taxi; strapped to a motorcycle; drifting on a raft`,
});
export const bagExtras = phrases({
  any: `with enamel pins on {its} straps; with a water bottle in a side pocket; with a keyring on the zip; with a rain cover; with embroidered patches; with a luggage label;
    with a silk scarf tied to the handle; with a pompom on the zip; with a reflective strip; with a sleeping bag strapped on top; with a pair of boots tied to {it};
    with a fluffy lining; with a name written on {it}; with a small flag sewn on; with an umbrella sticking out; with a bell on the zip; with leather buckles; with studs;
    with a badge collection; with a flower in the pocket; with long fringes; with a teddy bear hanging from {it}; with a rope tied around {it}`,
});
export const bagStates = phrases({
  any: 'unzipped; turned inside out; with a broken strap; crammed full; completely empty; with a torn pocket; still in {its} wrapping; with the price tag still on; patched at the corners; flattened; in a smaller size',
  out: 'bleached by the sun; caked in mud; covered in frost; dripping after the rain; covered in pine needles',
});

export const shoeActions = phrases({
  any: `splashing through a puddle; being laced up; stepping on a leaf; hanging by {its} laces; being polished with a brush; with a mouse peeking out of it; being tried on;
    lying on {its} side; standing on tiptoe; kicking a football; being cleaned with a toothbrush; drying on a rack; being pulled off`,
  out: `hanging from a telephone wire; climbing a rock; standing at the edge of a puddle; left on a riverbank; leaving a print in the mud; running on a track; jumping over a hurdle;
    standing outside a tent; pedalling a bicycle; stuck in the mud; used as a flowerpot; balanced on a fence post`,
  in: `in a shop window; on a dance floor; standing on a doormat; lying under a bed; at the end of a row of shoes; being repaired by a cobbler; pressing the pedal of a piano;
    standing on a bathroom scale; in an open shoebox; on a gym mat; climbing a staircase`,
  own: `floating in space; leaving a footprint on the moon; on the foot of a statue; washed up on a desert island; on a rotating display stand; flying through the air with small wings;
    being chewed by a puppy; orbiting a small planet; sailing down a gutter like a boat`,
});
export const shoeExtras = phrases({
  any: `with neon laces; with a silver buckle; with a flower tucked into it; with a woolly sock; with a bow on top; with tiny wings; with a spur; with studs along the sole;
    with beaded laces; with a sock sticking out of it; with a name written on the sole; with a fluffy lining; with light-up soles; with a price tag; with a leather tassel;
    with glitter on the toe; with a reflective stripe; with a bell on the laces; in a shoebox with tissue paper; with a shoehorn in it; with patches of lace; with a coin taped to it`,
});
export const shoeStates = phrases({
  any: 'with {its} laces untied; worn through at the sole; missing {its} laces; straight out of the box; with a hole in the toe; stuffed with newspaper; with a scuffed heel; cut in half; seen sole up; two sizes too big',
  out: 'caked in mud; full of sand; covered in dew; frozen solid; bleached by the sun',
});

export const eyewearActions = phrases({
  any: `lying on an open book; being cleaned with a cloth; being tried on; hanging from a shirt collar; pushed up on somebody's forehead; being folded; lying in an open case;
    held up to the light; lying upside down; reflecting a window; magnifying a line of print; being repaired with a small screwdriver; balanced on the nose of a statue`,
  out: `lying in the sand; reflecting palm trees; hanging from a branch; lying on a towel; reflecting the clouds; perched on the head of a snail; left on a park bench;
    covered in raindrops; lying beside a swimming pool; hanging on a wire fence`,
  in: `lying on a newspaper; on a mannequin's head; on a rotating display; lying beside a crossword; lying on a bedside table; resting on piano keys; in an optician's window;
    next to a pair of earrings; on top of a computer keyboard; lying on a restaurant menu`,
  own: `worn by a cat; worn by an old lady; worn by a pineapple; floating in space; worn by a surfer; worn by a robot; worn by a man on a motorbike; on a marble bust;
    worn by a skeleton; sinking to the bottom of a swimming pool; worn by a toddler; worn by a ski instructor; worn by a scarecrow`,
});
export const eyewearExtras = phrases({
  any: `with a beaded chain; with a leather case; with a price tag; with gold-plated arms; with rhinestones on the frame; with a cord around the arms; with flowers on the frame;
    with tiny windscreen wipers; with tinted lenses; with feathers on the frame; with a microfibre cloth; with a moustache attached; with stickers on the lenses;
    with a matching scarf; with lights on the frame; with tortoiseshell arms; with cat ears on the frame; with a plaster around the bridge; with a ribbon tied around {it}`,
});
export const eyewearStates = phrases({
  any: 'with a cracked lens; missing a lens; folded shut; held together with tape; with fogged-up lenses; with smudged lenses; in pristine condition; bent out of shape; with one arm missing; still in the box',
  out: 'covered in sand; misted over by the cold; sprinkled with raindrops; covered in salt',
});
export const eyewearAdjectives =
  list(`brand new; vintage; scratched; broken; tiny; oversized; dusty; elegant; cheap; expensive; old-fashioned; futuristic; plain; handmade;
  crooked; smudged; round; square; thin-rimmed; thick-rimmed; folded; bent; lost; steamed-up; sporty; spotless; rimless`);

export const clothesActions = phrases({
  any: 'being folded; being ironed; lying in a heap; hanging on a hook; being buttoned up; with {its} sleeves rolled up; being measured by a tailor; draped over a chair; being mended with a needle; being tried on',
  out: 'hanging on a washing line; flapping in the wind; worn by a scarecrow; hanging from a branch; left on a bench; drying on a rock; worn by a cyclist',
  in: 'hanging in a wardrobe; on a mannequin; spinning in a washing machine; on a coat stand; in a shop window; lying on an unmade bed; being packed into a suitcase',
  own: 'worn by a dancer on a stage; worn by an astronaut; floating in space; worn by a fisherman on a boat; worn by a pianist at a concert; on a hanger carried by a drone; worn by a street musician',
});
export const clothesExtras = phrases({
  any: 'with a brooch pinned to {it}; with embroidered flowers; with silver buttons; with a price tag; with leather patches; with a fur trim; with a name label; with sequins; with a ribbon sewn along the edge; with fringes; with a flower in the buttonhole; with a matching scarf; on a padded hanger; with a row of safety pins; with a lace hem',
});
export const clothesStates = phrases({
  any: 'with a torn seam; with a missing button; turned inside out; neatly folded; badly creased; two sizes too big; moth-eaten; straight from the dryer; with paint stains; in an unusual cut',
});

export const jewelleryActions = phrases({
  any: 'lying in an open box; being polished; held up to the light; sparkling; lying on velvet; being fastened; resting in the palm of a hand; being engraved; lying on a letter; being inspected through a magnifying glass',
  in: 'in a jeweller’s window; lying beside a sink; in a museum case; on a dressing table; in an open drawer',
  own: 'worn by a dancer; at the bottom of a fountain; in a magpie’s nest; in a treasure chest; on the arm of a statue; found on a forest floor; worn by a queen in a portrait',
});
