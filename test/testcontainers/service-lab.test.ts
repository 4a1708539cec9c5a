/** The lab as a Testcontainers module, used as a test author would use it. Snippets of docs/testcontainers.md are cut from here. */
import { execFileSync } from 'node:child_process';
import { ServiceLab, type StartedServiceLab } from 'svclab/testcontainers';
import 'svclab/vitest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineAnswers, NO_ENGINE, testImage } from './image.ts';

const engine = engineAnswers();

describe.runIf(engine)('ServiceLab', () => {
  let image: string;
  let lab: StartedServiceLab;
  beforeAll(async () => {
    image = testImage();
    lab = await new ServiceLab(image)
      .withNodes(3)
      .withProfile('fast')
      .withAddressPool()
      .withManifests('test/testcontainers/web.yaml')
      .start();
  });
  afterAll(async () => {
    await lab?.stop();
  });

  it('answers this process', async () => {
    const response = await fetch(lab.service('web').url());
    expect(response.status).toBe(200);
    expect(await response.text()).toMatch(/^node: node-\d$/m);
  });

  it('gives kubectl its kubeconfig', () => {
    const file = lab.kubeconfigFile();
    const nodes = execFileSync('kubectl', ['get', 'nodes', '-o', 'name'], {
      env: { ...process.env, KUBECONFIG: file },
      encoding: 'utf8',
    });
    expect(nodes.trim().split('\n')).toEqual(['node/node-1', 'node/node-2', 'node/node-3']);
  });

  it('measures the loss of the node that owns the address', async () => {
    const web = lab.service('web');
    const report = await lab.measure(web.url(), async () => {
      await lab.kill(web);
    });
    expect(report).toRecoverWithin('1s');
    expect(report).toMoveTo();
    expect(report.sentence).toMatch(/^The VIP was dark for/);
    await lab.restart(`node/${report.owner_before}`);
  });
});

it.skipIf(engine)(`is not tested here: ${NO_ENGINE}`, () => {});
