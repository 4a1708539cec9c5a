import { HttpProgram } from './http-server.ts';
import { type HttpRequest, jsonReply, textReply } from './http-text.ts';
import { argument, type ContainerIdentity, type Image, tcpPorts, udpEcho } from './image.ts';

/** The lines of traefik/whoami: host name, addresses, the request as received. */
export function whoamiText(identity: ContainerIdentity, request: HttpRequest): string {
  const lines = [
    `Hostname: ${identity.pod}`,
    'IP: 127.0.0.1',
    `IP: ${identity.ip}`,
    `RemoteAddr: ${request.clientAddress}:${request.clientPort}`,
    `${request.method} ${request.url} HTTP/${request.httpVersion}`,
  ];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2)
    lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
  return `${lines.join('\n')}\n\n`;
}

/** traefik/whoami and containous/whoami: port 80 or `--port`. */
export const whoami: Image = {
  repositories: ['whoami'],
  defaultPorts: ({ args, env }) => tcpPorts(Number(argument(args, 'port') ?? env.WHOAMI_PORT_NUMBER) || 80),
  start(context) {
    const { identity } = context;
    const http = new HttpProgram(context, {
      server: 'svclab',
      route: (request) =>
        request.path === '/api'
          ? { kind: 'reply', reply: jsonReply(200, { hostname: identity.pod, ip: ['127.0.0.1', identity.ip] }) }
          : undefined,
      fallback: (request, upstream) =>
        textReply(200, whoamiText(identity, request) + (upstream ? `Upstream: ${upstream.firstLine}\n` : '')),
    });
    return { startLines: ['Starting up on port 80'], tcp: () => http.serve(), udp: udpEcho };
  },
};
