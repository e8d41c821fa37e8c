/**
 * How the names of images end that are read (picture.ts); case does not matter. Those that torchvision's ImageFolder
 * takes, and what browsers, phones and tools write besides.
 */
const IMAGE = /\.(jpe?g|jpe|jfif|a?png|webp|tiff?|bmp|gif|avif|p[bgpn]m)$/i;

export const isImageName = (name: string): boolean => IMAGE.test(name);
