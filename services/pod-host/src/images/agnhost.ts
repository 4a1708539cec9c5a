import { queryOf, type RouteResult } from './http-routes.ts';
import { HttpProgram } from './http-server.ts';
import { type HttpRequest, textReply } from './http-text.ts';
import { argument, type ContainerContext, type Image, type Port, tcpPorts } from './image.ts';

/** The subcommand, `netexec` when none is given (agnhost itself pauses; an emulated container with ports should answer). */
function subcommand(args: readonly string[]): string {
  return args.find((arg) => !arg.startsWith('-') && !arg.endsWith('agnhost')) ?? 'netexec';
}

function defaultPorts({ args }: Pick<ContainerContext, 'args'>): Port[] {
  const port = (name: string, fallback: number): number => Number(argument(args, name)) || fallback;
  switch (subcommand(args)) {
    case 'pause':
      return [];
    case 'serve-hostname':
      return tcpPorts(port('port', 9376));
    default:
      return [
        ...tcpPorts(...new Set((argument(args, 'http-port') ?? '8080').split(',').map((p) => Number(p) || 8080))),
        { port: port('udp-port', 8081), protocol: 'UDP' },
      ];
  }
}

/** netexec's own routes: `/` answers with the time, `/exit` ends the container. The common ones do the rest. */
function netexecRoute(request: HttpRequest, context: ContainerContext): RouteResult | undefined {
  if (request.path !== '/exit') return undefined;
  const code = Number(queryOf(request.url).get('code') ?? 0);
  // After the answer has left, as netexec does.
  context.clock.after(10, () => context.exit(Number.isInteger(code) ? code & 0xff : 1));
  return { kind: 'reply', reply: textReply(200, '') };
}

/** netexec's UDP commands: `hostname`, `clientip`, `echo TEXT`. Anything else gets no answer. */
export function netexecDatagram(
  text: string,
  from: { readonly address: string; readonly port: number },
  hostname: string,
): string | undefined {
  const [command, rest] = [text.trim().split(' ', 1)[0] ?? '', text.trim().split(' ').slice(1).join(' ')];
  if (command.toLowerCase() === 'hostname') return hostname;
  if (command === 'clientip') return `${from.address}:${from.port}`;
  return command === 'echo' ? rest : undefined;
}

/** agnhost, the image of the Kubernetes end-to-end tests: `netexec`, `serve-hostname`, `pause`. */
export const agnhost: Image = {
  repositories: ['agnhost', 'netexec', 'serve-hostname'],
  defaultPorts,
  start(context) {
    const { pod } = context.identity;
    const command = subcommand(context.args);
    const http = new HttpProgram(context, {
      server: 'svclab',
      route: netexecRoute,
      ...(command === 'serve-hostname' ? { fallback: () => textReply(200, pod) } : {}),
    });
    return {
      startLines: [`Started ${command} on ${pod}`],
      tcp: () => http.serve(),
      udp: (message, from) => {
        const text = command === 'serve-hostname' ? pod : netexecDatagram(message.toString(), from, pod);
        return text === undefined ? undefined : Buffer.from(text);
      },
    };
  },
};
