/** Defaults of pods and pod templates. Source: kubernetes `pkg/apis/core/v1/defaults.go`. */
import type { Container, Pod, PodSpec, PodTemplateSpec, Probe } from '../../api/core.ts';

/** Pull policy that follows from the image's tag. */
function pullPolicy(image: string | undefined): string {
  const name = image ?? '';
  if (name.includes('@')) return 'IfNotPresent';
  const tag = /:([^/:]+)$/.exec(name)?.[1] ?? 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultProbe(probe: Probe | undefined): Probe | undefined {
  if (!probe) return undefined;
  return {
    ...probe,
    ...(probe.httpGet
      ? { httpGet: { ...probe.httpGet, path: probe.httpGet.path || '/', scheme: probe.httpGet.scheme ?? 'HTTP' } }
      : {}),
    timeoutSeconds: probe.timeoutSeconds || 1,
    periodSeconds: probe.periodSeconds || 10,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  };
}

function defaultContainer(container: Container): Container {
  const resources = container.resources ?? {};
  const requests = { ...resources.limits, ...resources.requests };
  const probes = {
    livenessProbe: defaultProbe(container.livenessProbe),
    readinessProbe: defaultProbe(container.readinessProbe),
    startupProbe: defaultProbe(container.startupProbe),
  };
  return {
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    ...container,
    ...(Object.fromEntries(Object.entries(probes).filter(([, probe]) => probe !== undefined)) as Partial<Container>),
    imagePullPolicy: container.imagePullPolicy || pullPolicy(container.image),
    resources: Object.keys(requests).length > 0 ? { ...resources, requests } : resources,
    ...(container.ports ? { ports: container.ports.map((p) => ({ ...p, protocol: p.protocol || 'TCP' })) } : {}),
  } as Container;
}

/** A pod spec with its defaults. */
export function defaultPodSpec(spec: PodSpec): PodSpec {
  const defaults = {
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  };
  return {
    ...defaults,
    ...spec,
    ...(Array.isArray(spec.containers) ? { containers: spec.containers.map(defaultContainer) } : {}),
    ...(Array.isArray(spec.initContainers) ? { initContainers: spec.initContainers.map(defaultContainer) } : {}),
  } as PodSpec;
}

/** A pod template with its defaults. */
export function defaultPodTemplate(template: PodTemplateSpec): PodTemplateSpec {
  return { ...template, spec: defaultPodSpec(template.spec ?? { containers: [] }) };
}

/** A pod with its defaults. */
export function defaultPod(pod: Pod): Pod {
  const spec = { enableServiceLinks: true, ...(pod.spec ?? { containers: [] }) };
  return { ...pod, spec: defaultPodSpec(spec as PodSpec) };
}

/** What admission adds to a new pod: service account, priority, and for how long it stays on a node that is gone. */
export function admitPod(pod: Pod, evictionSeconds: number): Pod {
  const tolerations = [...(pod.spec.tolerations ?? [])];
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
    const has = tolerations.some((t) => (!t.key || t.key === key) && (!t.effect || t.effect === 'NoExecute'));
    if (!has) tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: evictionSeconds });
  }
  const account = pod.spec.serviceAccountName || 'default';
  const spec = {
    priority: 0,
    preemptionPolicy: 'PreemptLowerPriority',
    ...pod.spec,
    serviceAccountName: account,
    serviceAccount: account,
    tolerations,
  };
  return { ...pod, spec, status: { phase: 'Pending', qosClass: qosClass(pod.spec) } };
}

/** Quality of service class. Source: kubernetes `pkg/apis/core/v1/helper/qos`. */
export function qosClass(spec: PodSpec): string {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const sets = containers.map((c) => ({ requests: c.resources?.requests ?? {}, limits: c.resources?.limits ?? {} }));
  const none = sets.every((s) => !['cpu', 'memory'].some((r) => r in s.requests || r in s.limits));
  if (none) return 'BestEffort';
  const guaranteed = sets.every((s) =>
    ['cpu', 'memory'].every((r) => r in s.limits && (s.requests[r] ?? s.limits[r]) === s.limits[r]),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
