import { createHash, timingSafeEqual } from 'node:crypto';

/** Checks bearer tokens in constant time, whatever their length. */
export function tokenChecker(token: string): (authorization: string | undefined) => boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const wanted = digest(token);
  return (authorization) => {
    const match = /^Bearer\s+(\S+)$/i.exec(authorization ?? '');
    return match !== null && timingSafeEqual(digest(match[1] ?? ''), wanted);
  };
}
