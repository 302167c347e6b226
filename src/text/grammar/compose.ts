/** Sentences of each type, put together from what a class's profile offers. */
import type { Random } from '../../graph/random.ts';
import { animalWith, people, personWith, plurals, thingWith } from './company.ts';
import { nounPhrase, withArticle, withPronouns } from './english.ts';
import type { Kind, Noun } from './lexicon.ts';
import { lookUp } from './lexicon.ts';
import type { Phrase } from './phrases.ts';
import { indoorBackdrops, indoorTimes, outdoorBackdrops, outdoorTimes } from './places.ts';
import { neutral, profiles } from './profiles.ts';
import type { Profile } from './profiles.ts';
import { objectStyles, openings, scenicStyles, styleEndings, viewEndings } from './styles.ts';
import { colours, coverings, fabricColours, materials } from './things.ts';

export const contextTypes = ['background', 'action', 'variation', 'property', 'outfit', 'style', 'relation', 'viewpoint'] as const;
export type ContextType = (typeof contextTypes)[number];

/** A sentence that is still to be drawn in full: each call may add another place or hour. */
export type Draft = (random: Random) => string;

/** Phrases that say where already, or that a place would cling to ("… on it on a log"). */
const placed =
  /\b(on|from|against|in|at|over|under|behind|beside|inside|through|in front of) (a|an|the|top|two|somebody)\b|(\{it\}|\bit| on| in)$/;
/** Phrases that say the hour or the weather already. */
const timed = /\b(sun|moon|night|rain|evening|morning|sunset|dark|stars?|midnight|frost|wind|clouds?|shadow)\b/;

/** Views that need open air around the subject. */
const outdoorEnding = /street|fence|leaves|puddle|gate|shop window/;

const living = new Set(['dog', 'cat', 'horse', 'animal', 'bird', 'fish', 'crawler']);
const persons = new Set(['man', 'woman', 'person']);

/** What is said of things in general, but not of these. */
const unsaid: Partial<Record<Kind, RegExp>> = {
  food: /\b(peeling paint|need of repair|chipped edge)\b/,
  plant: /\b(peeling paint|need of repair|chipped edge)\b/,
  eyewear: /\b(pyramid-shaped|spherical|long and thin)\b/,
};
const unsaidOfPairs = /\b(pyramid-shaped|spherical|exploding into confetti|with a bell tied to)\b/;

export class Composer {
  private readonly noun: Noun;
  private readonly profile: Profile;
  private readonly bare: string;

  constructor(noun: Noun) {
    this.noun = noun;
    this.profile = noun.known ? profiles[noun.kind] : neutral;
    this.bare = nounPhrase(noun.number);
  }

  /** Every sentence core of a type. */
  drafts(type: ContextType): Draft[] {
    return this[type]();
  }

  /** Whether a sentence suits the noun. It is asked once a sentence is drawn, so that the others stay what they were. */
  suits(sentence: string): boolean {
    const { kind, known, number } = this.noun;
    return !(known && unsaid[kind]?.test(sentence)) && !(number === 'pair' && unsaidOfPairs.test(sentence));
  }

  private say(words: string): string {
    return withPronouns(words, this.noun.pronouns);
  }

  private np(...modifiers: string[]): string {
    return nounPhrase(this.noun.number, modifiers);
  }

  /** An hour that suits a place. */
  private hour(place: Phrase, random: Random, probability: number): string {
    if (!random.chance(probability)) return '';
    if (place.where === 'out' || place.where === 'open') return ` ${random.pick(outdoorTimes)}`;
    return place.where === 'in' ? ` ${random.pick(indoorTimes)}` : '';
  }

  /** A place or an hour after a phrase, or neither, as the phrase allows. */
  private setting(phrase: Phrase, random: Random, probability = 0.6, stages: readonly Phrase[] = this.profile.stages): string {
    if (phrase.where === 'own') return '';
    if (phrase.where === 'out' || phrase.where === 'in') return timed.test(phrase.words) ? '' : this.hour(phrase, random, 0.5);
    if (!random.chance(probability) || placed.test(phrase.words)) return '';
    const fitting = phrase.where === 'open' ? stages.filter(({ where }) => where === 'out') : stages;
    if (fitting.length === 0) return '';
    const place = random.pick(fitting);
    return ` ${place.words}${timed.test(phrase.words) ? '' : this.hour(place, random, 0.15)}`;
  }

  private opened(words: string, random: Random, probability = 0.2): string {
    return random.chance(probability) ? `${random.pick(openings)} ${words}` : words;
  }

  /** The subject with phrases after it, and where it is. */
  private described(list: readonly Phrase[], probability: number): Draft[] {
    return list.map(
      (phrase) => (random) => this.opened(`${this.bare} ${this.say(phrase.words)}${this.setting(phrase, random, probability)}`, random),
    );
  }

  private background(): Draft[] {
    const { places, stages } = this.profile;
    const backdrop = (list: readonly string[]): Draft[] =>
      list.map((words) => (random) => {
        const subject = random.chance(0.3) ? this.np(random.pick(this.profile.adjectives)) : this.bare;
        return this.opened(random.chance(0.5) ? `${subject} with ${words} in the background` : `${subject} in front of ${words}`, random);
      });
    const outside = stages.some(({ where }) => where === 'out');
    const inside = stages.some(({ where }) => where === 'in');
    return [
      ...places.map((place): Draft => (random) => {
        const subject = random.chance(0.3) ? this.np(random.pick(this.profile.adjectives)) : this.bare;
        return this.opened(`${subject} ${place.words}${this.hour(place, random, 0.5)}`, random);
      }),
      ...(outside ? backdrop(outdoorBackdrops) : []),
      ...(inside ? backdrop(indoorBackdrops) : []),
    ];
  }

  private action(): Draft[] {
    return this.described(this.profile.actions, 0.7);
  }

  private variation(): Draft[] {
    const { adjectives, states } = this.profile;
    const free = { words: '', where: 'any' } as const;
    return [
      ...adjectives.map(
        (word): Draft =>
          (random) =>
            this.opened(`${this.np(word)}${this.setting(free, random, 0.75)}`, random),
      ),
      ...this.described(states, 0.6),
    ];
  }

  private property(): Draft[] {
    const place = { words: '', where: 'any' } as const;
    const made = materials.map(
      (material): Draft =>
        (random) =>
          this.opened(`${this.bare} made of ${material}${this.setting(place, random, 0.5)}`, random),
    );
    const covered = coverings.map(
      (stuff): Draft =>
        (random) =>
          this.opened(`${this.bare} covered in ${stuff}${this.setting(place, random, 0.5)}`, random),
    );
    const dressed = fabricColours.map(
      (colour): Draft =>
        (random) =>
          this.opened(`${this.bare} dressed all in ${colour}${this.setting(place, random, 0.7)}`, random),
    );
    const isPerson = persons.has(this.noun.kind);
    const looks = [...(isPerson ? [] : colours), ...this.profile.patterns].map((word): Draft => (random) => {
      const more = random.chance(0.25) ? [random.pick(this.profile.adjectives)] : [];
      return this.opened(`${this.np(...more, word)}${this.setting(place, random, 0.7)}`, random);
    });
    return [...looks, ...(isPerson ? dressed : []), ...made, ...covered];
  }

  private outfit(): Draft[] {
    return this.described(this.profile.extras, 0.5);
  }

  private style(): Draft[] {
    const { actions, places } = this.profile;
    const scene = (random: Random): string => {
      const kind = random.integer(4);
      if (kind === 0) return this.np(random.pick(this.profile.adjectives));
      return `${this.bare} ${this.say(random.pick(kind === 1 ? actions : places).words)}`;
    };
    return [
      ...scenicStyles.map(
        (style): Draft =>
          (random) =>
            `${withArticle(style).replace(/^an? (an?|pixel art)\b/, '$1')} ${scene(random)}`,
      ),
      ...objectStyles.map(
        (style): Draft =>
          () =>
            `${style} ${this.bare}`,
      ),
      ...styleEndings.map(
        (ending): Draft =>
          (random) =>
            `${scene(random)}, ${ending}`,
      ),
    ];
  }

  private relation(): Draft[] {
    const { neighbours, positions, company } = this.profile;
    const free = { words: '', where: 'any' } as const;
    return [
      ...neighbours.map((other): Draft => (random) => {
        const second = random.pick(neighbours.filter((one) => one !== other));
        const words = random.chance(0.25)
          ? `${this.bare} between ${other} and ${second}`
          : `${this.bare} ${random.pick(positions)} ${other}`;
        return this.opened(`${words}${this.setting(free, random, 0.5)}`, random);
      }),
      ...plurals.map(
        (others): Draft =>
          (random) =>
            this.opened(
              `${this.bare} ${random.pick(['surrounded by', 'among', 'in a circle of'])} ${others}${this.setting(free, random, 0.3)}`,
              random,
            ),
      ),
      ...company.map(
        (phrase): Draft =>
          (random) =>
            this.opened(`${phrase.words.replace('{np}', this.bare)}${this.setting(phrase, random, 0.5, this.profile.meetings)}`, random),
      ),
    ];
  }

  private viewpoint(): Draft[] {
    const { views, actions, places, adjectives } = this.profile;
    const outside = places.filter(({ where }) => where === 'out');
    const scene = (random: Random): string => {
      const kind = random.integer(3);
      if (kind === 0) return this.np(random.pick(adjectives));
      return `${this.bare} ${this.say(random.pick(kind === 1 ? actions : places).words)}`;
    };
    return [
      ...views.map(
        (view): Draft =>
          (random) =>
            `${view} ${scene(random)}`,
      ),
      ...viewEndings.map((ending): Draft => (random) => {
        const fitting = outdoorEnding.test(ending) ? outside : places;
        const place = fitting.length === 0 || random.chance(0.5) ? undefined : random.pick(fitting);
        return place === undefined ? `${this.np(random.pick(adjectives))} ${ending}` : `${this.bare} ${place.words}, ${ending}`;
      }),
    ];
  }

  /** Sentences in which another concept of the same picture does something with the subject ("a man petting a {subject}"). */
  together(otherName: string): Draft[] {
    const other = lookUp(otherName);
    const who = nounPhrase(other.number).replace('{subject}', other.words);
    const named = other.number === 'one' ? withArticle(other.words) : who;
    const own = nounPhrase(this.noun.number);
    const fill = (pattern: string): string => pattern.replace('{who}', named).replace('{np}', own);
    const sentence =
      (phrase: Phrase): Draft =>
      (random) =>
        this.opened(`${fill(phrase.words)}${this.setting(phrase, random, 0.7, this.profile.meetings)}`, random);
    const asPhrase = (words: string): Phrase => ({ words, where: 'any' });
    if (persons.has(other.kind)) return personWith[this.profile.handling].map(sentence);
    if (persons.has(this.noun.kind)) {
      // The subject is the person: it is the one that acts.
      const acts = personWith[profiles[other.kind].handling];
      return acts.map(({ words, where }) =>
        sentence({ words: words.replace('{np}', '{OTHER}').replace('{who}', '{np}').replace('{OTHER}', '{who}'), where }),
      );
    }
    if (living.has(other.kind)) return [...animalWith.map(sentence), ...thingWith.map((words) => sentence(asPhrase(words)))];
    if (living.has(this.noun.kind))
      return [
        ...animalWith.map(({ words, where }) =>
          sentence({ words: words.replace('{np}', '{OTHER}').replace('{who}', '{np}').replace('{OTHER}', '{who}'), where }),
        ),
        ...thingWith.map((words) => sentence(asPhrase(words))),
      ];
    return [
      ...thingWith.map((words) => sentence(asPhrase(words))),
      ...people
        .filter((person) => !/ (with|in|reading) /.test(person))
        .map((person) => sentence(asPhrase(`${person} holding {who} and {np}`))),
    ];
  }
}
