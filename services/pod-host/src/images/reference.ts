/** Parts of an image reference (distribution reference grammar). */
export interface ImageReference {
  /** Last component of the repository's path, `nginx` of `docker.io/library/nginx:alpine`. */
  readonly name: string;
  readonly tag: string;
}

/** Splits `registry:5000/path/name:tag@sha256:...`. A missing tag is `latest`. */
export function parseImage(image: string): ImageReference {
  const last = (image.split('@', 1)[0] ?? '').split('/').at(-1) ?? '';
  const colon = last.indexOf(':');
  return colon < 0 ? { name: last, tag: 'latest' } : { name: last.slice(0, colon), tag: last.slice(colon + 1) };
}
