/** DreamBooth's 25 + 25 evaluation prompts (Ruiz et al., 2023): what no training prompt may hold. */

const shared = [
  'a {subject} in the jungle',
  'a {subject} in the snow',
  'a {subject} on the beach',
  'a {subject} on a cobblestone street',
  'a {subject} on top of pink fabric',
  'a {subject} on top of a wooden floor',
  'a {subject} with a city in the background',
  'a {subject} with a mountain in the background',
  'a {subject} with a blue house in the background',
  'a {subject} on top of a purple rug in a forest',
];
const attributes = ['a red {subject}', 'a purple {subject}', 'a shiny {subject}', 'a wet {subject}', 'a cube shaped {subject}'];

export const dreamboothPrompts: { object: readonly string[]; live: readonly string[] } = {
  object: [
    ...shared,
    'a {subject} with a wheat field in the background',
    'a {subject} with a tree and autumn leaves in the background',
    'a {subject} with the Eiffel Tower in the background',
    'a {subject} floating on top of water',
    'a {subject} floating in an ocean of milk',
    'a {subject} on top of green grass with sunflowers around it',
    'a {subject} on top of a mirror',
    'a {subject} on top of the sidewalk in a crowded street',
    'a {subject} on top of a dirt road',
    'a {subject} on top of a white rug',
    ...attributes,
  ],
  live: [
    ...shared,
    'a {subject} wearing a red hat',
    'a {subject} wearing a santa hat',
    'a {subject} wearing a rainbow scarf',
    'a {subject} wearing a black top hat and a monocle',
    'a {subject} in a chef outfit',
    'a {subject} in a firefighter outfit',
    'a {subject} in a police outfit',
    'a {subject} wearing pink glasses',
    'a {subject} wearing a yellow shirt',
    'a {subject} in a purple wizard outfit',
    ...attributes,
  ],
};
