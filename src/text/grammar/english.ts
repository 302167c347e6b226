/** The little English that a grammar of captions needs: articles by sound, number, pronouns. */

/** Silent h, and vowels that are spoken as consonants ("a unicorn", "a one-way street"). */
const silent = /^(hour|honest|honou?r|heir|herb-free)/;
const consonantal = /^(uni(?!n|m)|us(e|u|age)|ut(e|ili)|eu|ewe|one\b|once\b|ukulele|u-|ufo\b|ubiq)/;

/** "a" or "an", by the sound of the word that follows. */
export function articleFor(word: string): 'a' | 'an' {
  const lower = word.toLowerCase();
  if (silent.test(lower)) return 'an';
  if (consonantal.test(lower)) return 'a';
  return /^[aeiou]/.test(lower) ? 'an' : 'a';
}

/** "an" before what needs it: the placeholder itself is read as a consonant ("a {subject}"). */
export const withArticle = (words: string): string => `${words.startsWith('{') ? 'a' : articleFor(words)} ${words}`;

/** How a noun is counted. */
export type GrammaticalNumber = 'one' | 'pair' | 'plural' | 'mass';

/** The indefinite noun phrase of the subject: "an old {subject}", "a pair of old {subject}", "some old {subject}". */
export function nounPhrase(number: GrammaticalNumber, modifiers: readonly string[] = []): string {
  const words = [...modifiers, '{subject}'].join(' ');
  if (number === 'one') return withArticle(words);
  if (number === 'pair') return `a pair of ${words}`;
  return number === 'mass' ? `some ${words}` : words;
}

export type Pronouns = 'it' | 'he' | 'she' | 'they';
const forms: Record<Pronouns, { its: string; it: string; itself: string }> = {
  it: { its: 'its', it: 'it', itself: 'itself' },
  he: { its: 'his', it: 'him', itself: 'himself' },
  she: { its: 'her', it: 'her', itself: 'herself' },
  they: { its: 'their', it: 'them', itself: 'themselves' },
};

/** A phrase with {its}, {it} and {itself} filled in. */
export const withPronouns = (phrase: string, pronouns: Pronouns): string =>
  phrase.replace(/\{(its|it|itself)\}/g, (_, key: 'its' | 'it' | 'itself') => forms[pronouns][key]);

const irregular: Record<string, string> = {
  men: 'man', women: 'woman', children: 'child', people: 'person', mice: 'mouse', geese: 'goose', feet: 'foot', teeth: 'tooth',
  knives: 'knife', leaves: 'leaf', wolves: 'wolf', loaves: 'loaf', shelves: 'shelf', calves: 'calf', scarves: 'scarf', oxen: 'ox',
  puppies: 'puppy', kitties: 'kitty', cookies: 'cookie', movies: 'movie', shoes: 'shoe', pies: 'pie', toes: 'toe',
  axes: 'axe', horses: 'horse', vases: 'vase', houses: 'house', nurses: 'nurse', buses: 'bus', gases: 'gas', lenses: 'lens',
}; // prettier-ignore

/** Words in -s that are singular. */
const singularS = /(ss|us|is|cactus|octopus|walrus|canvas|atlas|lens|gas|bus|christmas|chess|compass|harness|cross)$/;

/** The singular of a regular or listed plural; undefined where the word is none. */
export function singularOf(word: string): string | undefined {
  if (word in irregular) return irregular[word];
  if (!word.endsWith('s') || singularS.test(word) || word.length < 4) return undefined;
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (/(ch|sh|x|z|ss)es$/.test(word)) return word.slice(0, -2);
  return word.slice(0, -1);
}
