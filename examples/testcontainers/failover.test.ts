import { ServiceLab } from 'svclab/testcontainers';
import 'svclab/vitest';
import { expect, it } from 'vitest';

it('survives the loss of the node that owns its address', async () => {
  await using lab = await new ServiceLab(process.env.SVCLAB_IMAGE ?? 'svclab:0.1.0')
    .withNodes(3)
    .withProfile('fast')
    .withAddressPool()
    .withManifests('web.yaml')
    .start();
  const web = lab.service('web');

  // A connection that fetch keeps would still lead through the node that is to go.
  const anew = { headers: { connection: 'close' } };
  const before = await fetch(web.url('/hostname'), anew);
  expect(before.status).toBe(200);

  const report = await lab.measure(web, () => lab.kill(web));
  console.log(report.sentence);
  expect(report).toMoveTo();
  expect(report).toRecoverWithin('5s');

  const after = await fetch(web.url('/hostname'), anew);
  expect(after.status).toBe(200);
});
