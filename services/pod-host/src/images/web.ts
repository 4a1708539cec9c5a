import { HttpProgram } from './http-server.ts';
import { argument, type Image, tcpPorts, udpEcho } from './image.ts';

/** The echo server: any image nobody knows. Listens on `PORT` of its environment, else 8080, when the pod declares no port. */
export const echoServer: Image = {
  repositories: ['echo-server', 'echoserver', 'http-https-echo', 'httpbin', 'hello-app', 'hello-world'],
  defaultPorts: ({ env }) => {
    const port = Number(env.PORT);
    return tcpPorts(Number.isInteger(port) && port > 0 && port < 65_536 ? port : 8080);
  },
  start(context) {
    const http = new HttpProgram(context, { server: 'svclab' });
    return {
      startLines: [`Echo server of image ${context.identity.image} starting as pod ${context.identity.pod}`],
      tcp: () => http.serve(),
      udp: udpEcho,
    };
  },
};

const webServer = (server: string, port: number, repositories: string[], startLine: string): Image => ({
  repositories,
  defaultPorts: () => tcpPorts(port),
  start(context) {
    const http = new HttpProgram(context, { server });
    return { startLines: [startLine], tcp: () => http.serve(), udp: udpEcho };
  },
});

/** nginx: port 80, its `Server` header; the page is the echo answer. */
export const nginx = webServer('nginx', 80, ['nginx'], 'Configuration complete; ready for start up');
/** nginx for users without root: port 8080. */
export const nginxUnprivileged = webServer(
  'nginx',
  8080,
  ['nginx-unprivileged'],
  'Configuration complete; ready for start up',
);
/** Apache httpd. */
export const httpd = webServer('Apache', 80, ['httpd'], 'AH00094: Command line: httpd -D FOREGROUND');
/** Prometheus node-exporter: `/metrics` on 9100. */
export const nodeExporter = webServer('svclab', 9100, ['node-exporter'], 'Listening on [::]:9100');

/** hashicorp/http-echo: `-text=` on `-listen=:5678`. Without a text, the echo answer. */
export const httpEcho: Image = {
  repositories: ['http-echo'],
  defaultPorts: ({ args }) => tcpPorts(Number(argument(args, 'listen')?.split(':').at(-1)) || 5678),
  start(context) {
    const text = argument(context.args, 'text') ?? context.env.ECHO_TEXT;
    const http = new HttpProgram(context, {
      server: 'svclab',
      ...(text === undefined
        ? {}
        : {
            fallback: () => ({ status: 200, type: 'text/plain; charset=utf-8', body: `${text}\n` }),
          }),
    });
    return { startLines: ['Server is listening'], tcp: () => http.serve(), udp: udpEcho };
  },
};
