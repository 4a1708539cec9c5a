// Writes the Grafana dashboards of compose/observe/grafana/dashboards. The result is committed; `npm run gen` must leave it as it is.
import { mkdirSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const FOLDER = 'compose/observe/grafana/dashboards';
const DATASOURCE = { type: 'prometheus', uid: 'prometheus' };
/** Columns of Grafana's grid. */
const COLUMNS = 24;
const HEIGHT = 8;

const RATE = '$__rate_interval';
const rate = (series) => `rate(${series}[${RATE}])`;
const increase = (series) => `increase(${series}[${RATE}])`;
/** A quantile of a histogram, over all but the labels of `by`. */
const quantile = (q, name, by = '', selector = '') =>
  `histogram_quantile(${q}, sum by (le${by && `, ${by}`}) (${rate(`${name}_bucket${selector}`)}))`;
const quantiles = (name, by = '', selector = '') =>
  [0.5, 0.99].map((q) => [quantile(q, name, by, selector), `p${q * 100}${by && ` {{${by}}}`}`]);

/** A panel: what it shows (pairs of expression and legend), in which unit, and how. */
const lines = (title, targets, options = {}) => ({ title, type: 'timeseries', targets, ...options });
const states = (title, targets, options = {}) => ({ title, type: 'state-timeline', targets, ...options });

/** 1 is well, 0 is not. */
const UP_DOWN = [
  {
    type: 'value',
    options: { 0: { text: 'no', color: 'red', index: 0 }, 1: { text: 'yes', color: 'green', index: 1 } },
  },
];

const DASHBOARDS = [
  {
    uid: 'svclab-failover',
    title: 'Failover',
    description: 'Who owns the virtual addresses, what membership believes, and when the endpoints followed',
    panels: [
      states('Announced by', [['sum by (ip, node) (metallb_speaker_announced)', '{{ip}} {{node}}']], {
        description: 'A row for each address and node; it is green while the node announces the address',
        mappings: UP_DOWN,
        width: 24,
      }),
      lines('Nodes that announce an address', [['count by (ip) (metallb_speaker_announced)', '{{ip}}']], {
        description: 'One is right. None: the address is dark. Two: each believes that the other is gone',
      }),
      lines('Owners by election', [['count by (ip) (count by (ip, owner) (svclab_election_owner))', '{{ip}}']], {
        description: 'How many different owners the announcers elect: more than one while they disagree',
      }),
      lines('Gratuitous frames', [
        [`sum by (instance, ip) (${increase('metallb_layer2_gratuitous_sent')})`, '{{instance}} {{ip}}'],
      ]),
      lines(
        'ARP',
        [
          [`sum by (instance) (${rate('metallb_layer2_requests_received')})`, '{{instance}} requests'],
          [`sum by (instance) (${rate('metallb_layer2_responses_sent')})`, '{{instance}} responses'],
        ],
        { unit: 'pps' },
      ),
      lines('Members not alive', [
        ['sum by (instance, state) (svclab_memberlist_members{state!="alive"})', '{{instance}} sees {{state}}'],
      ]),
      lines('Membership changes', [[`sum by (event) (${increase('svclab_memberlist_events_total')})`, '{{event}}']]),
      lines('Health score of the members', [['svclab_memberlist_health_score', '{{instance}}']], {
        description: 'Above 0 a member doubts itself, and gives others more time',
      }),
      lines('Steps on the timeline', [[`sum by (type) (${increase('svclab_timeline_events_total')})`, '{{type}}']]),
      states('Hosts', [['svclab_host_up', '{{host}}']], { mappings: UP_DOWN }),
      states('Nodes Ready', [['kube_node_status_condition{condition="Ready",status="true"}', '{{node}}']], {
        mappings: UP_DOWN,
      }),
      lines('Ready endpoints', [
        ['sum by (namespace, service) (svclab_service_endpoints{condition="ready"})', '{{namespace}}/{{service}}'],
      ]),
      lines('From a change of a pod to the rules', quantiles('kubeproxy_network_programming_duration_seconds'), {
        unit: 's',
        description: 'Kubernetes writes the time of the change in whole seconds, so this is up to one second too long',
      }),
    ],
  },
  {
    uid: 'svclab-datapath',
    title: 'Data path',
    description: 'What the nodes put into the kernel, and how soon',
    panels: [
      lines(
        'Syncs',
        [[`sum by (instance) (${rate('kubeproxy_sync_proxy_rules_duration_seconds_count')})`, '{{instance}}']],
        { unit: 'ops' },
      ),
      lines('Duration of a sync', quantiles('kubeproxy_sync_proxy_rules_duration_seconds', 'instance'), { unit: 's' }),
      lines(
        'Time since the last sync',
        [['time() - kubeproxy_sync_proxy_rules_last_timestamp_seconds', '{{instance}}']],
        { unit: 's' },
      ),
      lines('Failed syncs', [
        [`sum by (instance) (${increase('kubeproxy_sync_proxy_rules_nftables_sync_failures_total')})`, '{{instance}}'],
      ]),
      lines(
        'Changes seen',
        [
          [`sum by (instance) (${rate('kubeproxy_sync_proxy_rules_service_changes_total')})`, '{{instance}} Services'],
          [`sum by (instance) (${rate('kubeproxy_sync_proxy_rules_endpoint_changes_total')})`, '{{instance}} slices'],
        ],
        { unit: 'ops' },
      ),
      lines(
        'Elements and chains changed',
        [[`sum by (instance) (${rate('svclab_proxy_operations_total')})`, '{{instance}}']],
        { unit: 'ops' },
      ),
      lines('Services in the rules', [['svclab_proxy_services', '{{instance}}']]),
      lines('Services that wait for a sync', [['svclab_proxy_services_pending', '{{instance}}']]),
      lines('Revisions the rules are behind the store', [
        ['scalar(max(svclab_store_revision{job="controller"})) - svclab_proxy_programmed_revision', '{{instance}}'],
      ]),
      lines('Endpoints by condition', [
        [
          'sum by (namespace, service, condition) (svclab_service_endpoints)',
          '{{namespace}}/{{service}} {{condition}}',
        ],
      ]),
      lines('Pods', [['kubelet_running_pods', '{{instance}}']]),
      lines('Containers', [
        ['sum by (instance, container_state) (kubelet_running_containers)', '{{instance}} {{container_state}}'],
      ]),
      lines('Emulated containers', [
        ['sum by (instance, state) (svclab_pod_host_containers)', '{{instance}} {{state}}'],
      ]),
      lines('Container restarts', [
        [
          'sum by (namespace, pod, container) (svclab_pod_host_container_restarts_total)',
          '{{namespace}}/{{pod}} {{container}}',
        ],
      ]),
    ],
  },
  {
    uid: 'svclab-dns',
    title: 'DNS',
    description: 'Questions and answers of the cluster DNS servers',
    panels: [
      lines('Questions by server', [[`sum by (instance) (${rate('coredns_dns_requests_total')})`, '{{instance}}']], {
        unit: 'reqps',
      }),
      lines('Questions by type', [[`sum by (type) (${rate('coredns_dns_requests_total')})`, '{{type}}']], {
        unit: 'reqps',
      }),
      lines('Questions by protocol', [[`sum by (proto) (${rate('coredns_dns_requests_total')})`, '{{proto}}']], {
        unit: 'reqps',
      }),
      lines('Answers by response code', [[`sum by (rcode) (${rate('coredns_dns_responses_total')})`, '{{rcode}}']], {
        unit: 'reqps',
      }),
      lines(
        'Share of SERVFAIL',
        [
          [
            `sum by (instance) (${rate('coredns_dns_responses_total{rcode="SERVFAIL"}')}) / sum by (instance) (${rate('coredns_dns_responses_total')})`,
            '{{instance}}',
          ],
        ],
        { unit: 'percentunit' },
      ),
      lines('Time for an answer', quantiles('coredns_dns_request_duration_seconds', 'instance'), { unit: 's' }),
      lines('Size of an answer', quantiles('coredns_dns_response_size_bytes', 'proto'), { unit: 'bytes' }),
      lines(
        'From a change of a pod to the records',
        quantiles('coredns_kubernetes_dns_programming_duration_seconds', 'service_kind'),
        {
          unit: 's',
          description:
            'Headless Services with a selector. The time of the change is in whole seconds, so this is up to one second too long',
        },
      ),
      lines('Silence of the store', [['svclab_store_watch_age_seconds{job="dns"}', '{{instance}}']], { unit: 's' }),
      states('Servers', [['up{job="dns"}', '{{instance}}']], { mappings: UP_DOWN }),
    ],
  },
  {
    uid: 'svclab-api',
    title: 'API and store',
    description: 'Requests, control loops, the store and its copies, and the processes themselves',
    panels: [
      lines('Requests by verb', [[`sum by (verb) (${rate('apiserver_request_total')})`, '{{verb}}']], {
        unit: 'reqps',
      }),
      lines('Requests by response code', [[`sum by (code) (${rate('apiserver_request_total')})`, '{{code}}']], {
        unit: 'reqps',
      }),
      lines('Time for a request', quantiles('apiserver_request_duration_seconds', 'verb', '{verb!~"WATCH|CONNECT"}'), {
        unit: 's',
      }),
      lines('Requests in flight', [
        ['apiserver_current_inflight_requests', '{{instance}} {{request_kind}}'],
        ['svclab_apiserver_longrunning_requests', '{{instance}} long-running'],
      ]),
      lines('Objects', [['max by (resource) (apiserver_storage_objects)', '{{resource}}']]),
      lines('Work queues: depth', [['sum by (name) (workqueue_depth)', '{{name}}']]),
      lines(
        'Work queues: added and retried',
        [
          [`sum by (name) (${rate('workqueue_adds_total')})`, '{{name}}'],
          [`sum by (name) (${rate('workqueue_retries_total')})`, '{{name}} retries'],
        ],
        { unit: 'ops' },
      ),
      lines(
        'Work queues: time',
        [
          [quantile(0.99, 'workqueue_queue_duration_seconds', 'name'), '{{name}} waiting p99'],
          [quantile(0.99, 'workqueue_work_duration_seconds', 'name'), '{{name}} working p99'],
        ],
        { unit: 's' },
      ),
      states('Leader', [['leader_election_master_status', '{{instance}}']], { mappings: UP_DOWN }),
      lines('Revision', [['svclab_store_revision', '{{job}} {{instance}}']]),
      states('Copies that follow the store', [['svclab_store_fresh', '{{job}} {{instance}}']], { mappings: UP_DOWN }),
      lines('Silence of the store', [['svclab_store_watch_age_seconds', '{{job}} {{instance}}']], { unit: 's' }),
      states('Connected to the bus', [['svclab_bus_connected', '{{job}} {{instance}}']], { mappings: UP_DOWN }),
      lines('Reconnects to the bus', [
        [`sum by (job, instance) (${increase('svclab_bus_reconnects_total')})`, '{{job}} {{instance}}'],
      ]),
      states('Processes that serve', [['svclab_process_ready', '{{component}} {{host}}']], { mappings: UP_DOWN }),
      lines('Restarts', [['svclab_process_restarts_total', '{{component}} {{host}}']]),
      lines('Memory (proportional)', [['process_proportional_memory_bytes', '{{job}} {{instance}}']], {
        unit: 'bytes',
      }),
      lines('CPU', [[rate('process_cpu_seconds_total'), '{{job}} {{instance}}']], { unit: 'percentunit' }),
    ],
  },
];

function panelModel(panel, id, gridPos) {
  const { title, type, targets, unit = 'short', description = '', mappings = [] } = panel;
  const isStates = type === 'state-timeline';
  return {
    id,
    title,
    type,
    description,
    datasource: DATASOURCE,
    gridPos,
    targets: targets.map(([expr, legendFormat], i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: DATASOURCE,
      expr,
      legendFormat,
      range: true,
    })),
    fieldConfig: {
      defaults: {
        unit,
        mappings,
        ...(isStates ? { color: { mode: 'thresholds' } } : { min: 0, color: { mode: 'palette-classic' } }),
        custom: isStates
          ? { fillOpacity: 70, lineWidth: 0 }
          : { lineWidth: 1, fillOpacity: 10, showPoints: 'never', spanNulls: false },
      },
      overrides: [],
    },
    options: isStates
      ? {
          mergeValues: true,
          showValue: 'never',
          rowHeight: 0.9,
          legend: { showLegend: false },
          tooltip: { mode: 'single' },
        }
      : {
          legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] },
          tooltip: { mode: 'multi', sort: 'desc' },
        },
  };
}

function dashboardModel({ uid, title, description, panels }) {
  let x = 0;
  let y = 0;
  return {
    uid,
    title,
    description,
    tags: ['svclab'],
    schemaVersion: 39,
    version: 1,
    editable: false,
    graphTooltip: 1,
    refresh: '5s',
    time: { from: 'now-15m', to: 'now' },
    timepicker: {},
    templating: { list: [] },
    annotations: { list: [] },
    links: [
      { type: 'dashboards', tags: ['svclab'], title: 'svclab', asDropdown: false, includeVars: false, keepTime: true },
    ],
    panels: panels.map((panel, i) => {
      const w = panel.width ?? COLUMNS / 2;
      if (x + w > COLUMNS) {
        x = 0;
        y += HEIGHT;
      }
      const at = { x, y, w, h: HEIGHT };
      x += w;
      return panelModel(panel, i + 1, at);
    }),
  };
}

/** Path of each dashboard's file and what belongs in it. */
export function dashboardFiles() {
  return DASHBOARDS.map((dashboard) => [
    `${FOLDER}/${dashboard.uid.replace('svclab-', '')}.json`,
    `${JSON.stringify(dashboardModel(dashboard), null, 2)}\n`,
  ]);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  mkdirSync(FOLDER, { recursive: true });
  for (const [path, text] of dashboardFiles()) writeFileSync(path, text);
}
