/**
 * The lab's first process, PID 1 of its namespaces: `node main.js STATE_DIR API_URL`, with the controllers' listening sockets as descriptors 3 and up,
 * the first of which is the URL's.
 * Its end is the lab's end: the kernel then removes every process, interface and mount of it.
 */
import { basename, dirname } from 'node:path';
import { labPaths } from '../state/paths.ts';
import { runSupervisor } from './run-supervisor.ts';

const [dir = '', api = ''] = process.argv.slice(2);
await runSupervisor({ paths: labPaths(dirname(dir), basename(dir)), api });
