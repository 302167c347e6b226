/** Where things are: places by kind of ground, backdrops, light and time. */
import { list, phrases } from './phrases.ts';

export const landscapes = phrases({
  out: `in a meadow full of wildflowers; in a bamboo grove; in a birch forest; on a grassy hill; beside a quiet lake; by a waterfall;
    on a rocky coast; in a lavender field; in an apple orchard; near the edge of a cliff; on a desert dune; in a canyon;
    on a frozen lake; in a field of tulips; under an old oak tree; beside a rushing stream; in a vineyard; in a mossy ravine;
    in an olive grove; on a heather moor; beneath a cherry tree in bloom; in a clearing among tall pines; on a riverbank;
    at the foot of a glacier; in a pumpkin patch; in a misty valley; on a salt flat; among tall reeds; on a volcanic plain;
    in a field of poppies; under a weeping willow; beside a pond with water lilies; in a redwood forest; on a windswept headland;
    in a maple wood; among giant ferns; on a pebbly shore; in a clover field`,
});

export const town = phrases({
  out: `in a narrow alley; on a stone bridge; in a harbour full of fishing boats; at a bus stop; on a rooftop terrace; in a skate park;
    in front of a bakery; at a farmers' market; in a town square; beside a fountain; outside a train station; in a botanical garden;
    on the steps of a museum; under a railway arch; at a fairground; in a walled garden; in a Japanese garden; on a wooden pier;
    beside a canal; in a playground; in a courtyard with potted plants; at a campsite; in front of a church; on a quiet suburban lawn;
    next to a barn; on a railway platform; at a flea market; in front of a bookshop; in a vegetable garden; in a car park;
    outside a corner café; in a stable yard; on a village green; beside a swimming pool; at an open-air cinema; in Times Square;
    on a street in Tokyo; beside the Grand Canal in Venice; in a Moroccan bazaar; at the foot of the pyramids`,
});

export const interiors = phrases({
  in: `in a sunlit kitchen; in a cosy living room; in a library; in an artist's studio; in a greenhouse; in a laundrette;
    in a museum gallery; in a workshop full of tools; in a hotel lobby; in a classroom; in a dusty attic; in a train compartment;
    in a busy café; in a flower shop; in a record shop; in a hallway with tall windows; in a garage; in a grand dining room; in a gym;
    in a recording studio; in an empty theatre; in a second-hand bookshop; in a laboratory; in a waiting room; in a log cabin;
    in a photographer's studio; in a supermarket aisle; in a tidy bedroom; in a bathroom with green tiles; in an office;
    in a conservatory full of plants; in an old farmhouse; in a bowling alley; in a ballroom; in a nursery with striped wallpaper`,
});

/** Places that have no weather and no hour. */
export const wonders = phrases({
  own: `in a cave lit by torches; inside a spaceship; on the surface of the moon; at the bottom of the sea; under a glass dome on Mars;
    in a neon-lit tunnel; in a forest of giant mushrooms; on a cloud; in a haunted house; in a world made of sweets;
    in an underground temple; in a crystal cavern; in the ruins of an ancient temple; on a theatre stage under a spotlight;
    in a maze of hedges; on a floating island; inside a giant soap bubble; on a chessboard; in an arcade full of flashing lights;
    in a sandstorm`,
});

/** What small things stand or lie on. */
export const surfaces = phrases({
  in: `on a kitchen counter; on a windowsill; on a marble table; on a stack of old books; on a bedside table; on a wooden shelf;
    on a linen tablecloth; on a cluttered desk; on a mantelpiece; on a silver tray; on a velvet cushion; on a piano;
    on a spiral staircase; on a workbench; on a bamboo mat; on a leather armchair; on a café table; on a checked picnic blanket;
    on a chest of drawers; on a tiled bathroom floor; on a shop counter; on a bar stool; in a glass display case; in a cardboard box;
    on a plinth in a gallery; on a patchwork quilt; on a sheet of newspaper; on a rattan stool; on a slab of slate`,
  out: `on a mossy rock; on a tree stump; on a garden wall; on a park bench; on a pile of autumn leaves; on a fence post; on a log;
    on a balcony railing; on a stone step; on a garden table; on wet sand; on a bed of clover; on a picnic table; on a hay bale;
    on the bonnet of a vintage car; in tall grass; on a bed of pebbles; beside a tent; on a doorstep; on a canvas deckchair;
    on a wooden jetty; at the foot of a tree; on a lily pad; on a manhole cover; on a windowsill with a flower box`,
});

/** Where animals that live with people like to be. */
export const nooks = phrases({
  in: `on a velvet sofa; in a wicker basket; under the kitchen table; on a doormat; on a window seat; in a cardboard box;
    on a pile of cushions; on a patchwork quilt; in front of a fireplace; in a laundry basket; at the top of the stairs;
    on a leather armchair; in an empty bathtub; on a yoga mat; behind a curtain; beside a grandfather clock`,
  out: `on a porch swing; in a hammock; in a wheelbarrow; in a pile of autumn leaves; on a hay bale; in the back of a pickup truck;
    on a doorstep; on a picnic blanket; under a garden bench; on a rowing boat; beside a campfire; in a bicycle basket;
    among rows of lettuces; on a park bench; in a paddling pool; at a garden gate`,
});

export const roads = phrases({
  out: `on a winding coastal road; on a desert highway; on a racetrack; in a car park; on a suspension bridge; outside a diner;
    at a petrol station; on a gravel drive; in front of a garage; on a ferry; on a country lane; at a level crossing;
    on a cobbled square; beneath a row of palm trees; in a scrapyard; beside a cornfield; on a steep street in San Francisco;
    in a traffic jam; outside a grand hotel; at a drive-in cinema; on a runway; in a narrow lane between stone walls;
    on a forest track; in front of an old factory; at a vintage car show; beside a lighthouse`,
  in: 'in a mechanic’s workshop; in a white showroom; in an underground garage; in a transport museum; in a warehouse',
});

export const waters = phrases({
  own: `in a coral reef; in a glass aquarium; among swaying seaweed; in a clear mountain lake; in a garden pond; in a rock pool;
    near the sea bed; beside a sunken ship; in a round glass tank; among a school of tiny fish; in murky green water;
    just below the surface of the sea; in an underwater cave; beside a treasure chest; in the shade of a jetty; above a sandy sea bed;
    in a shallow river; in a public aquarium; next to a diver; in a stream full of pebbles`,
});

/** "with … in the background", "in front of …" */
export const outdoorBackdrops = list(`a windmill; a lighthouse; a row of colourful houses; a stormy sea; a rainbow; a ruined castle;
  an old steam train; hot-air balloons; fireworks; the Golden Gate Bridge; the pyramids; Mount Fuji; the Taj Mahal; Big Ben;
  the Sydney Opera House; the Colosseum; the Great Wall of China; a waterfall; a volcano; a rollercoaster; a herd of sheep;
  a carnival parade; an ancient temple; a field of lavender; palm trees; wind turbines; a suspension bridge; sailing boats;
  a thatched cottage; a glacier; an orange sunset; the northern lights; a big wheel; terraced rice fields; a brick wall;
  a wall of ivy; a graffiti wall; a ploughed field; a row of fishing huts; a crowd of people; the London skyline; a cathedral`);
export const indoorBackdrops = list(`a wall of books; a stained glass window; striped wallpaper; a roaring fire; a blackboard;
  a map of the world; a shelf of jars; an aquarium; floral wallpaper; a grand piano; a brick wall; a plain yellow backdrop;
  a plain turquoise backdrop; a string of fairy lights; a heavy theatre curtain; a bay window; an oil painting in a gold frame;
  a wall of old photographs; a tiled wall; a Christmas tree; balloons; a grey studio backdrop; a wooden door`);

export const outdoorTimes = list(`at sunset; at dawn; at dusk; on a foggy morning; on a windy day; on an overcast day; at night;
  in the early morning light; on a bright spring day; in the midday sun; on a warm summer evening; under a full moon;
  under a starry sky; on a chilly morning; on a hazy afternoon; in golden evening light; in light rain`);
export const indoorTimes = list(`in soft window light; in the evening; on a rainy afternoon; in the glow of a lamp; late at night;
  on a lazy Sunday morning; in dim light; with sunlight streaming in; in warm evening light`);
