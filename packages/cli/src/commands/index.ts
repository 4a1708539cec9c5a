/** All commands, in the order `--help` lists them. A new one is a file here and a line below. */
import type { Command } from 'commander';
import { addClient } from './client.ts';
import { addCompose } from './compose.ts';
import { addDemo } from './demo.ts';
import { addDoctor } from './doctor.ts';
import { addDown } from './down.ts';
import { addExec } from './exec.ts';
import { addFault } from './fault.ts';
import { addGate } from './gate.ts';
import { addKubeconfig } from './kubeconfig.ts';
import { addLoad } from './load.ts';
import { addLogs } from './logs.ts';
import { addMeasure } from './measure.ts';
import { addNode } from './node.ts';
import { addProbe } from './probe.ts';
import { addReport } from './report.ts';
import { addRun } from './run.ts';
import { addStatus } from './status.ts';
import { addSweep } from './sweep.ts';
import { addTimeline } from './timeline.ts';
import { addUp } from './up.ts';
import { addValidate } from './validate.ts';
import { addVersion } from './version.ts';
import { addVip } from './vip.ts';

export const COMMANDS: readonly ((root: Command) => void)[] = [
  addUp,
  addDown,
  addStatus,
  addDoctor,
  addKubeconfig,
  addClient,
  addExec,
  addLogs,
  addFault,
  addNode,
  addLoad,
  addProbe,
  addMeasure,
  addTimeline,
  addVip,
  addRun,
  addSweep,
  addValidate,
  addReport,
  addGate,
  addDemo,
  addCompose,
  addVersion,
];
