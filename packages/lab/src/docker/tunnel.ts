/**
 * A way into a composed lab that needs no published port: a Unix socket on this machine, each connection of which goes through
 * `docker exec` to the supervisor's socket. Whoever may use Docker may use the lab.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An open tunnel. */
export interface Tunnel {
  /** Where it begins: a path for `unix:`. */
  readonly path: string;
  close(): void;
}

/** Opens a tunnel to a Unix socket inside a container. Connections are made when they are asked for. */
export async function openTunnel(container: string, socketPath: string): Promise<Tunnel> {
  const dir = mkdtempSync(join(tmpdir(), 'svclab-'));
  const path = join(dir, 'lab.sock');
  const children = new Set<ChildProcess>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const child = spawn('docker', ['exec', '-i', container, 'nc', '-N', '-U', socketPath], {
      stdio: ['pipe', 'pipe', 'ignore'],
      // Ctrl-C is for the program at the other end: it must reach it, so the way there stays open.
      detached: true,
    });
    children.add(child);
    sockets.add(socket);
    const end = (): void => {
      socket.destroy();
      child.kill();
    };
    socket.on('error', end);
    child.on('error', end);
    child.stdin.on('error', end);
    child.stdout.on('error', end);
    socket.once('close', () => {
      sockets.delete(socket);
      end();
    });
    child.once('exit', () => {
      children.delete(child);
      socket.end();
    });
    socket.pipe(child.stdin);
    child.stdout.pipe(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    path,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      for (const child of children) child.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
