/** Adding and removing nodes of a composed lab: the supervisor changes the lab's files, the Docker CLI makes and removes the containers. */
import type { HostSpec, LabConfig } from '@svclab/core';
import type { GrpcClient } from '@svclab/runtime';
import type {
  AddNodesRequest,
  AddNodesResponse,
  LabServiceDefinition,
  NodeSpec,
  RemoveNodeRequest,
  RemoveNodeResponse,
} from '@svclab/wire';
import { environmentError } from '../state/errors.ts';
import { composeArgs, composeEnv } from './compose-project.ts';
import { containersOf, serviceOf } from './containers.ts';
import { docker, dockerOk, explain } from './docker-cli.ts';

type LabService = GrpcClient<typeof LabServiceDefinition>;

/** The lab's service with calls that also act on containers. `config`: the lab as it was when the connection was made. */
export function withDockerNodes(service: LabService, root: string, config: LabConfig): LabService {
  const removeNode = async (request: RemoveNodeRequest): Promise<RemoveNodeResponse> => {
    const containers = await containersOf(config.name);
    const done = await service.removeNode(request);
    const ours = containers.filter((c) => c.service === serviceOf({ name: request.name, role: 'node' }));
    for (const { name } of ours) await dockerOk(['rm', '-f', '-v', name], `Container ${name} could not be removed`);
    return done;
  };
  const addNodes = async (request: AddNodesRequest): Promise<AddNodesResponse> => {
    const response = await service.prepareNodes(request);
    try {
      await start(root, config, response.nodes);
    } catch (error) {
      for (const { name } of response.nodes) await removeNode({ name });
      throw error;
    }
    return response;
  };
  return Object.assign(Object.create(service) as LabService, { addNodes, removeNode });
}

/** Makes and starts the containers of added nodes; those that run are not touched. Fails with a LabError (environment). */
async function start(root: string, config: LabConfig, added: readonly NodeSpec[]): Promise<void> {
  const hosts = added.map((n): HostSpec => ({ name: n.name, role: 'node' }));
  const lab: LabConfig = { ...config, hosts: [...config.hosts, ...hosts] };
  const supervisor = (await containersOf(config.name)).find((c) => c.service === 'supervisor');
  const image = await dockerOk(
    ['inspect', '--format', '{{.Config.Image}}', supervisor?.id ?? ''],
    `Lab "${config.name}" has no supervisor`,
  );
  const args = ['compose', ...composeArgs(root, lab), 'up', '-d', '--no-deps', '--no-recreate', '--no-build'];
  const done = await docker([...args, ...hosts.map(serviceOf)], {
    // Only what the service of a node reads matters here: its networks and its image.
    env: { ...composeEnv(lab, { set: {} }, 0), SVCLAB_IMAGE: image },
  });
  if (done.code !== 0)
    throw environmentError(
      `Containers of ${added.map((n) => n.name).join(', ')} cannot be started: ${explain(done.stderr)}`,
    );
}
