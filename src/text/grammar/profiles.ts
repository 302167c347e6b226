/** What can be said of each kind of thing. A total table: a kind without a row does not compile. */
import * as b from './belongings.ts';
import * as c from './company.ts';
import * as h from './household.ts';
import * as l from './living.ts';
import type { Kind } from './lexicon.ts';
import { list, phrases } from './phrases.ts';
import type { Phrase } from './phrases.ts';
import * as p from './places.ts';
import * as s from './styles.ts';
import * as t from './things.ts';

export interface Profile {
  /** Where it may be the sentence's only news. */
  places: readonly Phrase[];
  /** Where it may be while it does something. */
  stages: readonly Phrase[];
  /** Where it may be while people are with it. */
  meetings: readonly Phrase[];
  actions: readonly Phrase[];
  adjectives: readonly string[];
  states: readonly Phrase[];
  patterns: readonly string[];
  extras: readonly Phrase[];
  neighbours: readonly string[];
  positions: readonly string[];
  company: readonly Phrase[];
  views: readonly string[];
  /** What another person does with it. */
  handling: keyof typeof c.personWith;
}

const abroad = [...p.landscapes, ...p.town, ...p.interiors];

const living: Omit<Profile, 'actions'> = {
  places: [...abroad, ...p.wonders, ...p.nooks],
  stages: abroad,
  meetings: abroad,
  adjectives: l.animalAdjectives,
  states: l.animalStates,
  patterns: t.animalPatterns,
  extras: [...l.outfits, ...l.animalCollars],
  neighbours: [...c.bigNeighbours, ...c.people],
  positions: c.positions,
  company: c.withAnimals,
  views: [...s.viewOpenings, ...s.livingViewOpenings],
  handling: 'animal',
};

const crawlerActions = phrases({
  any: 'crawling along; resting; looking straight at the camera; warming up in the sun; staying perfectly still; peeking out from under a leaf; turning around; crossing a path; looking for food; basking',
  out: 'climbing up a stem; sitting on a flower; drinking a drop of dew; crossing a road; hiding under a stone; sitting on a leaf; crawling over a mossy log; sitting on a toadstool',
  in: 'climbing up a wall; crawling across an open book; sitting under a heat lamp in a terrarium; sitting on a lampshade',
  own: 'sitting on the tip of a finger; riding on a skateboard; floating in space; pulling a tiny cart; sitting on the rim of a teacup; walking across a chessboard; riding on a toy train; reading a tiny book',
});
const person: Omit<Profile, 'actions'> = {
  ...living,
  places: [...abroad, ...p.wonders],
  adjectives: l.personAdjectives,
  states: l.personStates,
  patterns: list(
    'marble-white; glowing; transparent; golden; silver-haired; paint-splattered; green-skinned; metallic; glittering; two-headed; blue-haired; tattooed; miniature; giant; pixelated',
  ),
  extras: l.outfits,
  neighbours: [...c.bigNeighbours, ...c.people],
  company: c.withPeople,
  handling: 'person',
};

const small: Profile = {
  places: [...p.surfaces, ...p.landscapes, ...p.town, ...p.interiors, ...p.wonders],
  stages: p.surfaces,
  meetings: abroad,
  actions: t.thingActions,
  adjectives: t.thingAdjectives,
  states: t.thingStates,
  patterns: t.patterns,
  extras: t.thingExtras,
  neighbours: c.smallNeighbours,
  positions: [...c.positions, ...c.smallPositions],
  company: c.withSmallThings,
  views: [...s.viewOpenings, ...s.smallViewOpenings],
  handling: 'small',
};
const vessel: Omit<Profile, 'actions'> = { ...small, states: t.vesselStates, extras: t.vesselExtras };
const toy: Profile = {
  ...small,
  places: [...p.surfaces, ...p.nooks, ...p.landscapes, ...p.town, ...p.interiors, ...p.wonders],
  actions: [...t.toyActions, ...t.thingActions],
};
const plush: Profile = {
  ...toy,
  actions: t.plushActions,
  adjectives: t.softAdjectives,
  states: phrases({
    any: 'with one ear missing; with button eyes; with a stitched smile; with {its} stuffing coming out; with a loose thread; with a patch on {its} tummy; lying face down; with {its} arms outstretched; with a bald spot; still with the shop label on',
    out: 'soaked by the rain; hanging upside down by {its} feet; with leaves stuck to {it}; covered in mud',
    in: 'under a layer of dust; wrapped in tissue paper; fresh from the tumble dryer',
  }),
  extras: [...l.outfits, ...t.thingExtras],
  neighbours: [...c.smallNeighbours, ...c.people],
};
const worn: Pick<Profile, 'handling'> = { handling: 'worn' };
const big: Omit<Profile, 'actions'> = {
  ...small,
  places: [...abroad, ...p.wonders],
  stages: abroad,
  neighbours: [...c.bigNeighbours, ...c.people],
  positions: [...c.positions, ...c.bigPositions],
  company: c.withBigThings,
  views: [...s.viewOpenings, ...s.bigViewOpenings],
  handling: 'big',
};
const vehicle: Profile = {
  ...big,
  places: [...p.roads, ...p.town, ...p.landscapes, ...p.wonders],
  stages: p.roads,
  meetings: p.roads,
  actions: h.vehicleActions,
  states: phrases({
    any: 'with a dented door; with flames painted on {its} sides; with muddy tyres; with one headlight broken; without wheels; with a cracked windscreen; with whitewall tyres; in a museum; covered in stickers; with peeling paint',
    out: 'overgrown with brambles; covered in frost; rusting in a field; with fallen petals on {its} roof; covered in dust from the road',
  }),
  extras: phrases({
    any: 'with a surfboard on the roof; with a wreath on the front; decorated with flowers; with a roof rack full of suitcases; with a canoe on top; with curtains in the windows; with chrome bumpers; with racing stripes; with flags; with a trailer; with fairy lights around the windows; with a Christmas tree tied to the roof; with a bow on top; with tin cans tied to the back; with eyelashes on the headlights; with a taxi sign; with a loudspeaker on top; with big off-road wheels',
  }),
};
const afloat = phrases({
  own: 'in a quiet bay; on a stormy sea; on a mountain lake; in a busy harbour; on a wide river; beside a wooden jetty; on a canal in Amsterdam; off a rocky coast; in a turquoise lagoon; at the foot of a glacier; on a misty lake; under a stone bridge; in a fjord; near a lighthouse; in an old shipyard; on the Nile; on a reed-lined pond; beside an iceberg; in a marina; on a village pond',
});
const aloft = phrases({
  own: 'above the clouds; over a tropical island; over the desert; above a patchwork of fields; in a thunderstorm; over a mountain range; above a skyscraper; in front of the moon; over a river delta; in an orange evening sky; over the pyramids; above a rainforest; over a harbour; in deep space; above a frozen lake; past a control tower; over a wind farm; between two skyscrapers',
});
const plainAdjectives = list(
  'tiny; enormous; curious; very old; newborn; fat; slender; lonely; hungry; shy; sleepy; grumpy; surprised; lazy; frightened; cheerful; rare; giant; miniature; suspicious; proud; brave; solitary; colourful; pale; dark',
);
const besideBoats = list(
  'a lighthouse; a rowing boat; a dolphin; a buoy; a flock of gulls; a whale; a wooden jetty; a raft; a swan; a fishing net; a canoe; a surfer; a lobster pot; a swimmer; a harbour crane; a pelican; a kayak; a seal; an anchor; a stack of crates; a diver; a row of beach chairs',
);
const besideAircraft = list(
  'a hot-air balloon; a flock of geese; a helicopter; a kite; an airship; a paraglider; a rainbow; a satellite; a seagull; a rocket; an eagle; a drone; a lightning bolt; a parachutist; a control tower; a skyscraper; a mountain peak; a glider; a thundercloud; a flying carpet; a dragon',
);
const fish: Profile = {
  ...living,
  places: p.waters,
  stages: p.waters,
  meetings: p.waters,
  actions: l.fishActions,
  adjectives: [...plainAdjectives, 'tropical', 'deep-sea', 'well-fed'],
  states: l.fishStates,
  extras: l.fishOutfits,
  company: c.withFish,
  neighbours: list(
    'a seahorse; a diver; an old anchor; a treasure chest; a starfish; a sea turtle; a submarine; a plastic castle; a sunken statue; a jellyfish; a crab; an octopus; a water lily; a clay jar; a toy diver; a lobster; a sea anemone; a cannon; a giant clam; a coil of rope',
  ),
};

/** For nouns that the lexicon lacks: little that only the living or only the lifeless could be or do. */
export const neutral: Profile = {
  ...small,
  places: [...abroad, ...p.wonders],
  stages: abroad,
  actions: t.neutralActions,
  adjectives: t.neutralAdjectives,
  states: t.neutralStates,
  extras: t.neutralExtras,
  positions: c.positions,
  neighbours: [...c.smallNeighbours, ...c.bigNeighbours],
  company: c.withBigThings,
  views: s.viewOpenings,
};

export const profiles: Record<Kind, Profile> = {
  dog: { ...living, actions: [...l.dogActions, ...l.animalActions] },
  cat: { ...living, actions: [...l.catActions, ...l.animalActions] },
  horse: {
    ...living,
    places: [...p.landscapes, ...p.town, ...p.wonders],
    stages: [...p.landscapes, ...p.town],
    actions: [...l.horseActions, ...l.animalActions],
  },
  animal: { ...living, actions: l.animalActions },
  bird: { ...living, actions: l.birdActions, states: l.birdStates, extras: l.birdOutfits },
  crawler: { ...living, actions: crawlerActions, adjectives: plainAdjectives, states: t.neutralStates, extras: l.fishOutfits },
  fish,
  man: { ...person, actions: l.personActions },
  woman: { ...person, actions: l.personActions },
  person: { ...person, actions: l.personActions },
  character: { ...person, actions: l.personActions, patterns: t.animalPatterns },
  plush,
  toy,
  robot: { ...toy, actions: [...t.robotActions, ...toy.actions] },
  duckToy: { ...toy, actions: [...t.duckToyActions, ...toy.actions] },
  toyVehicle: { ...toy, actions: [...t.toyVehicleActions, ...t.toyActions] },
  vehicle,
  boat: {
    ...vehicle,
    places: afloat,
    stages: afloat,
    meetings: afloat,
    neighbours: besideBoats,
    actions: h.boatActions,
    extras: h.craftExtras,
    states: h.craftStates,
  },
  aircraft: {
    ...vehicle,
    places: aloft,
    stages: aloft,
    meetings: aloft,
    neighbours: besideAircraft,
    actions: h.aircraftActions,
    extras: h.craftExtras,
    states: h.craftStates,
  },
  building: {
    ...big,
    places: [...p.landscapes, ...p.wonders],
    stages: p.landscapes,
    actions: h.buildingActions,
    adjectives: t.buildingAdjectives,
    states: h.buildingStates,
    extras: h.buildingExtras,
  },
  bag: { ...small, ...worn, stages: [...p.surfaces, ...p.town], actions: b.bagActions, states: b.bagStates, extras: b.bagExtras },
  footwear: { ...small, ...worn, actions: b.shoeActions, states: b.shoeStates, extras: b.shoeExtras },
  eyewear: {
    ...small,
    ...worn,
    actions: b.eyewearActions,
    adjectives: b.eyewearAdjectives,
    states: b.eyewearStates,
    extras: b.eyewearExtras,
  },
  clothes: { ...small, ...worn, actions: b.clothesActions, states: b.clothesStates, extras: b.clothesExtras },
  jewellery: { ...small, ...worn, actions: b.jewelleryActions },
  bowl: { ...vessel, actions: [...h.bowlActions, ...t.potteryActions] },
  vase: { ...vessel, actions: [...h.vaseActions, ...t.potteryActions] },
  teapot: { ...vessel, actions: [...h.teapotActions, ...t.potteryActions] },
  cup: { ...vessel, actions: [...h.cupActions, ...t.potteryActions] },
  can: { ...small, actions: [...h.canActions, ...t.thingActions] },
  candle: { ...small, actions: h.candleActions, states: h.candleStates, extras: h.candleExtras },
  clock: { ...small, actions: h.clockActions, states: h.clockStates },
  lamp: { ...small, actions: h.lampActions },
  furniture: { ...big, actions: h.furnitureActions },
  food: { ...small, actions: h.foodActions, adjectives: t.foodAdjectives },
  plant: { ...small, actions: h.plantActions, adjectives: t.plantAdjectives },
  device: { ...small, actions: h.deviceActions },
  instrument: { ...small, actions: h.instrumentActions },
  thing: small,
};
