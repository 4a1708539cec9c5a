import { HttpProgram } from './http-server.ts';
import { type Image, udpEcho } from './image.ts';

/** Images people use for a shell: they run, and listen on nothing unless the pod declares ports. */
export const idle: Image = {
  repositories: [
    'pause',
    'busybox',
    'alpine',
    'debian',
    'ubuntu',
    'fedora',
    'curl',
    'netshoot',
    'dnsutils',
    'network-multitool',
  ],
  defaultPorts: () => [],
  start(context) {
    const http = new HttpProgram(context, { server: 'svclab' });
    return { startLines: [], tcp: () => http.serve(), udp: udpEcho };
  },
};
