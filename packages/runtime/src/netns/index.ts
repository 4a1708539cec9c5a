/** Network namespaces by file descriptor, and sockets and programs inside them. */
export { SyscallError, setInterfaceDown, setInterfaceUp } from './libc.ts';
export {
  createNetns,
  currentNetns,
  type Netns,
  NetnsError,
  openNetns,
  readSysctl,
  spawnIn,
  withNetns,
  writeSysctl,
} from './netns.ts';
export { connectIn, listenIn, listeningFd, udpSocketIn } from './sockets.ts';
