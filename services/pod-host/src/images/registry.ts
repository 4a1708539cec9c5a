import { agnhost } from './agnhost.ts';
import { idle } from './idle.ts';
import type { Image } from './image.ts';
import { postgres } from './postgres.ts';
import { redis } from './redis.ts';
import { parseImage } from './reference.ts';
import { echoServer, httpd, httpEcho, nginx, nginxUnprivileged, nodeExporter } from './web.ts';
import { whoami } from './whoami.ts';

/** All images that are known by name. A new one is a file and a line here. */
export const IMAGES: readonly Image[] = [
  agnhost,
  echoServer,
  httpd,
  httpEcho,
  idle,
  nginx,
  nginxUnprivileged,
  nodeExporter,
  postgres,
  redis,
  whoami,
];

const BY_NAME = new Map(IMAGES.flatMap((image) => image.repositories.map((name) => [name, image] as const)));

/** What answers for an image reference: the image of that name, else the echo server. */
export function findImage(reference: string): Image {
  return BY_NAME.get(parseImage(reference).name) ?? echoServer;
}
