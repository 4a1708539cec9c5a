// Opens a fault session and makes in it what it is told on standard input, a JSON object a line, until it is killed.
import { createInterface } from 'node:readline';
import { openLab } from '@svclab/lab';

const { HOLD_LAB, HOLD_DRIVER, HOLD_END_LAB, SVCLAB_STATE_DIR } = process.env;
const lab = await openLab(SVCLAB_STATE_DIR, { name: HOLD_LAB, driver: HOLD_DRIVER });
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const stream = lab.service.faultSession({ endLab: HOLD_END_LAB === 'true' })[Symbol.asyncIterator]();
const { session } = (await stream.next()).value;
say({ session });
stream.next().catch(() => process.exit(1));

for await (const line of createInterface({ input: process.stdin }))
  try {
    const { id, resolved } = await lab.service.fault({ ...JSON.parse(line), session });
    say({ id, resolved });
  } catch (error) {
    say({ error: error.message });
  }
