/** How a picture is made and from where it is seen. */
import { list } from './phrases.ts';

/** Openings of pictures that can show a whole scene: "… of a {subject} in a vineyard". */
export const scenicStyles = list(`an oil painting of; a watercolour of; a pencil sketch of; a charcoal drawing of; pixel art of;
  a stained glass window of; an embroidery of; a mosaic of; a low-poly render of; a claymation scene with; a black and white photograph of;
  a Polaroid of; a woodcut of; a linocut of; a Japanese ink painting of; a pop art print of; a cubist painting of;
  an impressionist painting of; a children's book illustration of; a comic book panel with; a vintage postcard of; a travel poster of;
  a crayon drawing of; an isometric illustration of; a cyberpunk illustration of; a sepia photograph of; a double exposure of;
  a film still of; a fresco of; a medieval tapestry of; a surrealist painting of; an art deco poster of; a woodblock print of;
  a pastel drawing of; a street mural of; a postage stamp showing; a magazine cover with; a diorama of; an anime drawing of;
  a grainy photograph of; an etching of; a paper collage of; a gouache painting of; a pointillist painting of; a 3D render of;
  a vaporwave picture of; a film noir still of; a tarot card with; a matte painting of; an infrared photograph of; a daguerreotype of`);

/** Openings of things that show the subject alone. */
export const objectStyles = list(`a bronze statue of; an ice sculpture of; an origami model of; a paper cut-out of; a sand sculpture of;
  a neon sign in the shape of; a wooden carving of; a marble sculpture of; a blueprint of; a tattoo of; a doodle of; a gingerbread biscuit in the shape of;
  a balloon sculpture of; a needle-felted model of; a chalk drawing of; a coin engraved with; a minimalist logo of; a line drawing of;
  a wax seal with; an enamel pin of; a papier-mâché model of; a silhouette of; a shadow puppet of; a topiary in the shape of;
  a technical drawing of; a sticker of; a plaster cast of; a jigsaw puzzle of; a cross-stitch of; a hologram of`);

/** Added after a comma or as a phrase: "a {subject} in a canyon, in the style of Van Gogh". */
export const styleEndings = list(`in the style of Van Gogh; in the style of Monet; in the style of a comic strip; in the style of Picasso;
  in the style of a Renaissance painting; in the style of ukiyo-e; in the style of a 1950s advertisement; in the style of Art Nouveau;
  in the style of a video game; in the style of a cave painting; in the style of a blueprint; in the style of Rembrandt;
  in the style of Hokusai; in the style of Matisse; in the style of a silent film; in the style of a fairy tale; in the style of steampunk;
  drawn with coloured pencils; drawn by a five-year-old; painted on silk; printed in two colours; painted in broad brushstrokes;
  rendered in wireframe; drawn in one continuous line; shot on expired film; painted on a cracked wall; sketched in a notebook;
  printed on an old poster; in pastel colours; in muted colours; in high contrast black and white; as seen in a nature documentary`);

/** "a low-angle shot of a {subject} …" */
export const viewOpenings = list(`a close-up of; an extreme close-up of; a low-angle shot of; a high-angle shot of; a bird's-eye view of;
  a wide shot of; a side view of; a rear view of; a front view of; a three-quarter view of; a tilted photo of; a blurry photo of;
  a fisheye photo of; a cropped photo of; a long shot of; a slow-shutter photo of; a telephoto shot of; a softly focused photo of; a backlit photo of; a flash photo of; a candid photo of`);
export const bigViewOpenings = list('a drone shot of; an over-the-shoulder view of; a panoramic photo of; an aerial photo of');
export const smallViewOpenings = list('a macro photo of; a product photo of; a flat lay with; a still life with; a studio shot of');
export const livingViewOpenings = list(
  'a portrait of; a head-and-shoulders portrait of; a full-length photo of; an action shot of; a profile of',
);

/** "a {subject} seen from above". */
export const viewEndings = list(`seen from above; seen from behind; seen from the side; seen from below; seen through a rainy window;
  in silhouette; seen through a keyhole; framed by a doorway; reflected in a puddle; far away in the distance; filling the whole frame;
  in the foreground, with everything else out of focus; half out of the frame; in the bottom corner of the picture; lit from behind;
  seen through a magnifying glass; casting a long shadow; seen through a gap in a fence; centred in the picture; lit from the left;
  out of focus; caught on a security camera; seen through leaves; seen from across the street; reflected in a shop window; at eye level;
  seen through the bars of a gate; lit by a single spotlight; photographed with a long lens; photographed from a low angle`);

export const openings = list('a photo of; a picture of; a photograph of; a snapshot of; an image of; a nice photo of; a detailed photo of');
