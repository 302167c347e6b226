/** What stands in a house: vessels, candles, clocks, furniture, food, plants, devices, instruments. */
import { phrases } from './phrases.ts';

export const bowlActions = phrases({
  any: 'being filled with soup; overflowing with cherries; full of salad; holding a single egg; full of popcorn; being licked clean; with steam rising from it; being passed around; full of coins; spinning; with a whisk in it',
  out: 'collecting rainwater; full of freshly picked blackberries; being drunk from by a fox; standing on a grill; used as a bird bath',
  in: 'being washed in a sink; on a laid table; standing in a microwave; with a goldfish swimming in it; being taken out of a cupboard; waiting on a breakfast table; with noodles hanging over the edge',
});
export const vaseActions = phrases({
  any: 'holding a single rose; full of tulips; holding dried grass; being filled with water; with a sunbeam passing through it; toppling over; holding peacock feathers; full of paintbrushes; holding a bunch of daisies; being sniffed by a cat; with petals scattered around it',
  out: 'full of wild flowers; holding a sprig of lavender; standing at a grave; on a wedding table in a garden; holding olive branches',
  in: 'in the middle of a dining table; falling off a shelf; on a grand piano; holding a branch of cherry blossom; on a hospital bedside table; standing in a niche; on a pedestal in a museum',
});
export const teapotActions = phrases({
  any: 'pouring tea into a china cup; with steam rising from {its} spout; being passed around; with {its} lid lying beside it; tilted over a cup; wrapped in a tea cosy; being filled with hot water; surrounded by teacups; with a mouse peeking out of it; dripping; with mint leaves sticking out of it',
  out: 'at a garden tea party; boiling over a campfire; pouring tea beside a tent; standing among teacups on the lawn; watering a plant; on a tray carried by a waiter',
  in: 'whistling on a stove; at a tea ceremony; on a breakfast tray; standing on a trivet; in a china cabinet; beside a plate of scones; in a grandmother’s kitchen; keeping warm over a candle',
  own: 'at the Mad Hatter’s tea party; orbiting a small planet; in the window of an antique shop; on a camel’s saddle in the desert; pouring out a waterfall; with smoke curling from it like a genie’s lamp',
});
export const canActions = phrases({
  any: 'being opened with a hiss; being crushed; fizzing over; rolling along; being poured into a glass; with a straw in it; dripping with condensation; holding pencils; being shaken; used as a flowerpot; stacked into a pyramid with others',
  out: 'being kicked along a path; chilling in a stream; on a fence as a target; lying in a hammock; half buried in the sand; in a bicycle’s bottle cage; tied behind a wedding car',
  in: 'dropping out of a vending machine; standing in an open fridge; in a bucket of ice; on a supermarket shelf; on a conveyor belt at a checkout; beside a popcorn bucket; on an airplane tray table',
});
export const cupActions = phrases({
  any: 'full of steaming coffee; being filled to the brim; held in two hands; with a teabag in it; being stirred with a spoon; with a swirl of cream on top; tipping over; holding pencils; with a slice of lemon in it; overflowing with foam',
  out: 'beside a campfire; warming cold hands; standing on a wall; raised in a toast',
  in: 'under a coffee machine; beside a croissant; standing in a sink; on a breakfast tray; next to a newspaper; on a pile of papers',
});
export const candleActions = phrases({
  any: 'burning brightly; flickering; dripping wax; being lit with a match; being blown out; with smoke curling from the wick; melting into a puddle of wax; burning at both ends; reflected in a glass; casting dancing shadows; being carried in a lantern',
  out: 'flickering in the wind; burning on a grave; sheltered by two hands; floating in a paper boat; burning on a picnic table; lighting a garden path; guiding a night walk',
  in: 'lighting a dinner table; on top of a birthday cake; beside a bathtub; in a candelabra; lighting an old letter; in a church; on a window ledge during a power cut; burning beside an open diary; on a Christmas wreath',
});
export const candleStates = phrases({
  any: 'burnt halfway down; not yet lit; burnt to a stump; just blown out; with a crooked wick; snapped in two; with wax running down the side; with a tall flame; with a tiny flame; lying on {its} side',
  out: 'covered in raindrops; covered in frost',
  in: 'in a glass jar; stuck in a bottle; under a layer of dust; covered in cobwebs',
});
export const candleExtras = phrases({
  any: 'with a ribbon tied around it; in a silver holder; in a glass lantern; with dried flowers pressed into it; with a gold band; on a saucer; with a paper label; wrapped in cellophane; with a snuffer lying beside it; with pine cones around the base; with a cinnamon stick tied to it; with star-shaped holes in the shade; with a beaded collar; with an orange ribbon; in a hollowed-out pumpkin; in a brass candlestick',
});
export const clockActions = phrases({
  any: 'striking midnight; showing five to twelve; being wound up; running backwards; with {its} hands spinning; ringing; being repaired by a watchmaker; stopped at three o’clock; with {its} gears exposed; melting like wax; with {its} face lit up; being set to the right time',
  out: 'hanging from a tree; half buried in a dune; at a flea market stall; nailed to a fence; lying in the grass; above a station entrance; tied to a bunch of balloons',
  in: 'hanging on a classroom wall; ticking beside a bed; standing on a mantelpiece; hanging above a kitchen door; in a repair shop full of others; in a waiting room; falling off a wall; being dusted by a butler; being wound by a boy on a chair',
  own: 'floating in space; swallowed by a crocodile; drifting on the sea; in the belly of a ship; carried by a white rabbit; sinking into quicksand; on the tower of a fairy-tale castle',
});
export const clockStates = phrases({
  any: 'with one hand missing; with cracked glass; without numbers; with Roman numerals; showing the wrong time; opened at the back; with a second hand; upside down; in pristine condition; with tiny numbers',
  in: 'under a layer of dust; covered in cobwebs; still in {its} box',
});
export const lampActions = phrases({
  any: 'shining brightly; switched off; flickering; lighting an open book; casting a circle of light; surrounded by moths; being switched on; shining through a keyhole; being carried',
  in: 'lighting a desk; beside an armchair; hanging above a billiard table; on a bedside table; casting a shadow on the wall',
  out: 'shining on a porch; guiding a hiker; hanging from a branch; glowing in the mist',
});
export const furnitureActions = phrases({
  any: 'being assembled with a screwdriver; being carried by two movers; covered with a dust sheet; being painted; with a cat asleep on it; with a coat thrown over it; piled high with books; being sanded; with a broken leg; decorated with garlands',
  out: 'standing on a lawn; tied to the roof of a car; left at the roadside; at a yard sale; washed up on the shore; standing in long grass; under a sunshade',
  in: 'beside a window; in front of a fireplace; in a furniture showroom; in an empty room; under a chandelier; next to a bookcase; beneath a painting; facing a television',
  own: 'floating in space; on a theatre stage; on a raft; at the top of a mountain; in the back of a removal van; being lifted through a window by a crane',
});
export const foodActions = phrases({
  any: 'being sliced; with one bite taken out of it; with steam rising from it; being sprinkled with sugar; served on a plate; being shared; with a fork stuck in it; being drizzled with honey; being held up; wrapped in paper; with crumbs around it',
  out: 'at a picnic; on a grill; on a market stall; being eaten by a squirrel; on a garden table; served from a food truck; being nibbled by ants',
  in: 'fresh out of the oven; in a lunch box; on a restaurant table; in a bakery window; on a cutting board; on a cake stand; in an open fridge; on a breakfast tray; under a glass dome',
  own: 'floating in space; at a royal banquet; on an airplane tray; in a child’s lunch box; falling into a bowl of milk; on a conveyor belt; carried by a column of ants',
});
export const plantActions = phrases({
  any: 'swaying gently; growing out of a crack; being watered; bursting into bloom; losing {its} leaves; leaning towards the light; with a bee hovering above it; with a snail on it; being drawn by a botanist; casting a lacy shadow',
  out: 'bending in the wind; covered in dew; growing on a cliff; growing beside a stream; growing on a grave; being visited by a hummingbird; growing through a fence; struck by lightning',
  in: 'in a glass dome; in a clay pot; in a hanging basket; on a sunny windowsill; being repotted; growing under a lamp',
});
export const deviceActions = phrases({
  any: 'switched on; being repaired with a screwdriver; lying face down; being unpacked; plugged in; held in one hand; taken apart; with {its} lights blinking; being cleaned with a brush; tangled in its cable; covered in sticky notes',
  in: 'on a cluttered desk; in a shop window; on a charging stand; in a museum of technology; being tested in a laboratory; beside a cup of coffee; on an unmade bed',
  out: 'lying in the grass; mounted on a tripod; strapped to a bicycle; in the hand of a hiker; left on a park bench; on a picnic table',
  own: 'floating in space; on a conveyor belt; in an astronaut’s hand; sinking in a fish tank; at the bottom of a drawer; in the arms of a robot',
});
export const instrumentActions = phrases({
  any: 'being tuned; lying in an open case; leaning against a wall; being played softly; with a broken string; being polished; with sheet music beside it; hanging from a strap; being passed to a child',
  out: 'being played by a busker; beside a campfire; at a street festival; carried across a bridge; played on a rooftop; lying in the grass',
  in: 'on a concert stage; in a music shop; being played in a jazz club; beside a piano; in a recording booth; hanging on a wall; in an empty concert hall',
  own: 'floating in space; played by a skeleton; drifting down a river; played by a cat; in the orchestra pit of an opera house',
});
export const buildingActions = phrases({
  any: 'with smoke rising from {its} chimney; being repainted by workers; covered in ivy; with all {its} windows lit up; with a flag flying on {its} roof; wrapped in scaffolding; surrounded by fog; with a garden in front of it; under construction; with people queuing outside; covered in fairy lights; with birds circling above it; with {its} door wide open; being photographed by tourists; with laundry hanging from {its} windows; with music coming from {its} windows; being demolished; with shutters closed; on fire; struck by lightning',
  own: 'behind a row of poplars; seen across a lake; under a rainbow; on a cliff above the sea; at the end of a gravel drive; in the middle of a desert; on a small island; on a hill above a village; behind a wrought-iron gate; reflected in a lake; at the edge of a forest; floating in the sky; after a flood; built into a rock face; at the end of a pier; with a horse tied up outside',
});
export const vehicleActions = phrases({
  any: 'parked; being washed; with {its} headlights on; being repaired; being towed away; packed with luggage; covered with a tarpaulin; decorated for a wedding; with a flat tyre; with {its} doors open; being painted; with a surfboard on top',
  out: 'speeding along; driving through the rain; splashing through a puddle; kicking up dust; turning a corner; crossing a bridge; waiting at a traffic light; climbing a steep road; racing towards the horizon; stuck in the mud; broken down at the roadside',
  own: 'on the deck of a ferry; crossing the desert; on the surface of the moon; chased by a helicopter; driving through a tunnel; in a car wash; at the finish line of a race; on a lift in a garage; hanging from a crane; flying above the clouds; at the bottom of a lake; in a parade',
});
export const buildingStates = phrases({
  any: 'with broken windows; with a collapsed roof; with peeling paint; boarded up; with a new roof; in ruins; covered in graffiti; for sale; overgrown with brambles; with a crooked chimney; half covered in vines; with fresh plaster; with a hole in the wall',
});
export const buildingExtras = phrases({
  any: "with flower boxes under {its} windows; decorated with bunting; with a weathercock on the roof; with a wreath on the door; with striped awnings; with solar panels; with a stork's nest on top; with a neon sign; hung with lanterns; with banners on the walls; with a mural on one side; with a golden roof; with a giant bow around {it}; with stained glass windows; with a brass bell above the door; with a spiral staircase outside; with a clock above the door; decorated for Halloween; with Christmas lights; with a hammock in front; with a tiled roof; with a satellite dish",
});
export const craftExtras = phrases({
  any: 'with flags on top; hung with flower garlands; with a toothy grin painted on the front; hung with lanterns; with racing stripes; with a giant bow around {it}; with a name painted on {its} side; with stars painted on {it}; with a striped awning; with a searchlight; with a trailing banner; with solar panels; covered in stickers; with gold trim; with a mascot on the front; decorated for a wedding; with a lifebelt on {its} side; with a row of round windows',
});
export const craftStates = phrases({
  own: 'with peeling paint; being scrapped; in need of repair; freshly painted; half finished; with a broken window; rusting away; with a large dent; full of passengers; completely empty; without a crew; fully lit; seen in an old catalogue; under a cover; with {its} engine running',
});
export const boatActions = phrases({
  any: 'full of tourists; loaded with fruit; lit by lanterns; taking on water; being painted; drifting along; leaving; arriving; turning around; with a dog at the bow; with a fisherman on board; being towed; covered with a tarpaulin; with a musician on board; surrounded by gulls',
  own: 'sailing into the sunset; anchored in a quiet bay; tied to a wooden jetty; crossing a stormy sea; stranded on a sandbank; passing under a bridge; in a bottle; being repaired in a dry dock; moored in a harbour; rounding a lighthouse; drifting in the mist; in a lock on a canal; pulled up on a shingle bank; racing other boats; beside an iceberg; on a lake at dawn; under a starry sky; followed by dolphins; on a river in the rainforest; entering a port; with fishing nets on deck; upside down on a rack;',
});
export const aircraftActions = phrases({
  any: 'doing a loop; towing a banner; leaving a white trail; climbing steeply; turning; gliding along; with smoke coming from {its} engine; seen from the ground; chased by birds; side by side with another; carrying a heavy load; filming the scenery; with all lights on; flying upside down',
  own: 'flying above the clouds; landing on a runway; taking off at dawn; parked in a hangar; flying past a full moon; crossing a rainbow; on a grass airstrip; flying low over a lake; circling a lighthouse; being refuelled; at an air show; above a patchwork of fields; over the desert; in a museum; flying through a thunderstorm; over a tropical island; being boarded by passengers',
});
