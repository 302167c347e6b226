/** What things do, are made of and carry, by kind. */
import { list, phrases } from './phrases.ts';

export const thingActions = phrases({
  any: `being cleaned with a cloth; lying on {its} side; standing upright; tipping over; wrapped in a blanket; being unwrapped; being sketched by an artist;
    spinning around; covered by a glass dome; half hidden in shadow; balanced on a stack of coins; sitting in a beam of light; tied up with string;
    being repaired with glue; being measured with a ruler; waiting to be collected; being packed into a box; being passed from hand to hand`,
  out: `sinking into the sand; half buried in leaves; lying forgotten in the grass; gathering raindrops; catching the evening sun; covered in frost;
    rolling down a hill; left behind after a picnic; being admired by passers-by; swinging from a branch`,
  in: `displayed in a glass case; gathering dust; being sold at an auction; casting a shadow on the wall; falling off a table; lit by a desk lamp;
    being photographed in a studio; standing among unpacked boxes; being handed across a counter; stored in a drawer`,
  own: `floating in space; being carried away by balloons; drifting down a river; falling from the sky; travelling on a conveyor belt;
    hanging from a parachute; being lifted by a crane; washed up on a desert island; exploding into confetti; riding on a toy train;
    orbiting a small planet; being carried by a column of ants; frozen in a block of ice; hovering above a table`,
});
export const thingAdjectives =
  list(`brand new; very old; broken; tiny; enormous; dusty; dented; scratched; spotless; antique; handmade; cheap; expensive; worn-out;
  modern; old-fashioned; miniature; forgotten; elegant; plain; ornate; muddy; dirty; freshly painted; faded; crooked; well-loved; chunky; slender; lopsided;
  oversized; futuristic; unfinished; polished; homemade`);
export const foodAdjectives =
  list(`fresh; burnt; half-eaten; homemade; tiny; enormous; delicious-looking; frozen; steaming; sliced; golden brown; squashed; leftover;
  crispy; soggy; colourful; rustic; fancy; stale; sticky; miniature; oversized; glazed; plain; unappetising; neatly wrapped; perfectly round; organic; sugary`);
export const plantAdjectives =
  list(`wilting; blooming; potted; tiny; towering; wild; freshly watered; dried; rare; leafy; thorny; young; old; bare; overgrown; fragile;
  tropical; windswept; frost-covered; moss-covered; artificial; neglected; thriving; solitary; crooked; delicate; miniature; giant`);
export const buildingAdjectives =
  list(`abandoned; ancient; half-finished; freshly painted; tiny; enormous; crumbling; modern; elegant; crooked; run-down; grand; haunted; isolated;
  old-fashioned; futuristic; whitewashed; ivy-covered; moss-covered; plain; ornate; brick-built; wooden; famous; forgotten; medieval; restored; stone-built; miniature`);
export const neutralAdjectives =
  list(`tiny; enormous; dusty; muddy; colourful; strange; beautiful; forgotten; lonely; elegant; ordinary; extraordinary; famous; rare; miniature;
  oversized; funny-looking; odd; gigantic; pale; small; large; well-known; mysterious; perfect; unusual; clean; neglected; peculiar; magnificent`);
export const neutralActions = phrases({
  any: `standing still; lying on {its} side; half hidden in shadow; being photographed; being sketched by an artist; in a beam of light; wrapped in a blanket; surrounded by onlookers;
    being carried; being weighed; spinning around; being measured; being washed; casting a shadow; moving slowly; being examined; partly out of sight`,
  out: `sinking into the sand; half buried in leaves; left out in the rain; catching everybody's eye; being admired by passers-by; blocking a path; at the end of a trail`,
  in: `behind a curtain; under a spotlight; at the top of a staircase; beside a window; in an empty room; by the fire`,
  own: `floating in space; being carried away by balloons; drifting down a river on a raft; falling from the sky; hanging from a parachute; riding on a toy train; on a theatre stage;
    washed up on a desert island; on the back of a truck; in a hot-air balloon; on a throne; at a birthday party; in a shop window; on a merry-go-round; on the deck of a ship; crossing a bridge`,
});
export const neutralExtras = phrases({
  any: `with a ribbon tied around {it}; decorated with fairy lights; with a bow on top; wearing a tiny party hat; wearing a paper crown; draped in tinsel; with a gift tag;
    with a garland of flowers; wearing sunglasses; with a sign around {it}; wrapped in a tartan scarf; decorated with daisies; with a small flag; under a tiny parasol;
    with a bell; wearing a straw hat; covered with a lace veil; with a golden crown on top; with a bunch of balloons tied to {it}; in a knitted cover; with a name tag`,
});
export const neutralStates = phrases({
  any: `upside down; seen in an old photograph album; in perfect condition; in a much smaller size; lit from within; with a scratch; under a veil; turned away`,
  out: 'covered in dew; sprinkled with fallen petals; with a leaf on top; covered in mud',
  in: 'covered in cobwebs; under a layer of dust; wrapped in tissue paper',
});
export const fabricColours = list(
  'blue; orange; turquoise; emerald green; gold; silver; bright yellow; pale pink; black; white; navy blue; mint green; olive green; lavender; crimson; brown; checks; stripes; polka dots; tartan; denim; lace; sequins; leather',
);
export const softAdjectives =
  list(`fluffy; well-loved; brand new; tiny; enormous; patched-up; squashed; faded; homemade; old-fashioned; cuddly; sleepy-looking; lopsided;
  floppy; freshly washed; one-eyed; dusty; worn-out; forgotten; round; miniature; oversized; soft; velvety; grubby`);
export const thingStates = phrases({
  any: `with a small crack; split in two; upside down; in pristine condition; with peeling paint;
    in need of repair; still in {its} wrapping; with a chipped edge; covered in stickers; lit from within; seen in an old catalogue`,
  out: 'covered in dew; overgrown with ivy; bleached by the sun; sprinkled with fallen petals; half covered in moss',
  in: 'under a layer of dust; covered in cobwebs; wrapped in tissue paper',
});

export const colours =
  list(`blue; orange; turquoise; emerald green; golden; silver; bright yellow; pale pink; jet-black; ivory; navy blue; mint green; copper-coloured;
  rainbow-coloured; two-tone; lavender; crimson; mustard yellow; olive green; sky-blue; peach-coloured; charcoal grey; brown; white`);
export const patterns =
  list(`striped; spotted; tartan; chequered; polka dot; glittering; transparent; glowing; marbled; floral; speckled; camouflage; zigzag-patterned;
  iridescent; metallic; holographic; pyramid-shaped; spherical; heart-shaped; star-shaped; long and thin; paint-splattered; gem-studded; furry`);
export const animalPatterns =
  list(`striped; spotted; tartan; glowing; transparent; marbled; speckled; zebra-striped; leopard-print; iridescent; metallic; glittering;
  holographic; curly-haired; pyramid-shaped; spherical; heart-shaped; long and thin; paint-splattered; polka dot; silver-grey; cinnamon-coloured; two-headed`);
export const materials =
  list(`glass; ice; origami paper; toy bricks; clay; wool; marble; bronze; wood; porcelain; balloons; moss; leaves; recycled metal; chocolate;
  sand; gingerbread; cardboard; felt; gold; crystal; stone; wire; denim; flowers; jelly; newspaper; sea glass; straw; smoke; water; candyfloss; clockwork parts;
  velvet; seashells; feathers; vegetables; LEDs; mosaic tiles; clouds`);
export const coverings =
  list(`paint splashes; glitter; flour; moss; frost; gold leaf; confetti; flowers; tiny lights; feathers; sprinkles; post-it notes; soap suds;
  butterflies; dust; stickers; ladybirds; sequins; handwriting; stamps`);

export const thingExtras = phrases({
  any: `with a ribbon tied around {it}; with a gift tag; wrapped in brown paper; decorated with fairy lights; tied up with string; with googly eyes stuck on {it};
    in a gift box lined with tissue paper; decorated with dried flowers; with a bow on top; with a smiley face painted on {it}; with initials engraved on {it};
    in a velvet-lined case; with a luggage label; covered with a lace doily; with a bell tied to {it}; with a paper flag stuck to {it}; with a wax seal on {it};
    under a tiny parasol; in a transparent plastic bag; with a golden trim; with a string of beads; draped in tinsel; in a knitted cover; with a QR code on {it}`,
});
export const toyActions = phrases({
  any: `lying upside down; being wound up; marching in a row of other toys; falling over; waiting in a toy box; standing guard over a sandcastle;
    riding in a toy train; sitting at a dolls' tea party; being hugged tightly; hiding under a blanket; balancing on a stack of blocks; being passed around`,
  out: `lying forgotten in the grass; floating in a paddling pool; sitting in a swing; riding down a slide; caught in a tree; half buried in a sandpit;
    sitting on a picnic blanket; being carried off by a seagull; taking a ride on a skateboard; left out in the rain`,
  in: `rolling across the floor; floating in a bathtub; peeking out of a drawer; sitting on a shelf of old toys; guarding a bedroom door; sitting in a shop window;
    perched on a computer; falling down the stairs; lined up on a windowsill; sitting at the dinner table; taking a nap in a doll's bed`,
  own: `floating in space; riding in a shopping trolley; falling from the sky with a parachute; sailing in a paper boat; driving a toy car; flying a model plane;
    climbing a mountain of pillows; exploring a cardboard castle; fighting a paper dragon; driving over a road painted on a carpet`,
});
export const toyVehicleActions = phrases({
  any: 'being wound up; doing a wheelie; driving around a corner; with {its} wheels spinning; turning in circles; driving over a ramp of books; carrying a tiny load',
  out: `racing along a path; splashing through a puddle; jumping over a ramp; driving through the sand; climbing over rocks; kicking up dust; stuck in the mud`,
  in: 'speeding down a hallway; driving under a sofa; crashing into a tower of blocks; parked in a cardboard garage; racing across the floor',
});
export const robotActions = phrases({
  any: 'waving one arm; with {its} eyes lit up; being wound up with a key; walking stiffly; carrying a flower; standing at attention; with sparks flying from {its} head',
});
export const duckToyActions = phrases({
  own: 'floating in a bathtub; bobbing in a swimming pool; floating in a sea of foam; drifting under a bridge; floating in a puddle; leading a line of smaller ducks',
});
export const plushActions = phrases({
  any: `sitting with {its} arms outstretched; being hugged tightly; slumped to one side; tucked under a blanket; waiting in a toy box; holding a felt heart;
    holding a balloon; sitting back to back with a doll; being stitched up; lying face down; being squeezed`,
  out: `sitting in a swing; hanging from a washing line; riding in a pram; sitting at a picnic; lost on a forest path; riding in a bicycle basket; caught in the rain;
    sitting in a wheelbarrow; riding on a child's shoulders; looking out over a valley`,
  in: `sitting at a tea party; tucked into bed; reading a picture book; peeking out of a suitcase; sitting on a rocking horse; tumbling in a washing machine;
    sitting on a shelf of old toys; sitting in a high chair; wrapped in a towel after a bath; propped up against a pillow; sitting in a shop window`,
  own: `floating in space; sailing in a paper boat; riding a carousel; riding a rollercoaster; driving a toy car; sitting in an airplane seat; flying under a bunch of balloons;
    waiting in a lost property office; blowing out birthday candles; riding on the back of a turtle`,
});
export const vesselExtras = phrases({
  any: `with a gold rim; painted with birds; with a crack mended in gold; with a hand-painted pattern; with a matching saucer; with a crocheted cover; tied with a ribbon;
    with a paper label; decorated with shells; painted with blue flowers; with initials painted on {it}; wrapped in brown paper; with fingerprints on {it};
    in a straw-filled crate; with a smiley face painted on {it}; with a glazed finish; with a gift tag; on a lace doily; with googly eyes stuck on {it}`,
});
export const vesselStates = phrases({
  any: 'with a chipped rim; half full; filled to the brim; completely empty; upside down; lying on {its} side; broken into pieces; stacked on a second one; with a hairline crack; in pristine condition',
  out: 'overgrown with moss; full of rainwater; covered in dew; half buried in the earth',
  in: 'left unwashed; on a drying rack; covered in cobwebs; under a layer of dust',
});
export const potteryActions = phrases({
  any: 'being painted with a fine brush; being dried with a tea towel; being filled with water; being polished; being passed from hand to hand; tipping over; spinning on a potter’s wheel',
  in: 'being washed in a sink; being taken out of a kiln; standing in a row of empty jars; being displayed in a glass case; falling off a shelf; standing in a china cabinet',
});
