/** How the names of images end that are read (picture.ts); case does not matter. */
const IMAGE = /\.(jpe?g|png|webp|tiff?)$/i;

export const isImageName = (name: string): boolean => IMAGE.test(name);
