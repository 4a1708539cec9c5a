/**
 * The schema of scenario files, in one place: what `svclab validate` checks and what docs/schema/scenario.schema.json publishes for editors.
 * Words are those of Chaos Toolkit (steady state, method, probe, tolerance, rollback) and of Litmus (the modes of a probe).
 */
import { parseDuration } from '@svclab/core';
import { z } from 'zod';

const text = (what: string) => z.string({ error: `give ${what}` }).min(1, { error: `give ${what}` });
const whole = z
  .number({ error: 'give a whole number' })
  .int({ error: 'give a whole number' })
  .min(0, { error: 'give a whole number of 0 or more' });
const positive = z
  .number({ error: 'give a whole number of 1 or more' })
  .int({ error: 'give a whole number of 1 or more' })
  .min(1, { error: 'give a whole number of 1 or more' });
const duration = z
  .string({ error: 'give a duration such as 500ms or 3s' })
  .refine((t) => parseDuration(t) !== undefined, { error: 'give a duration such as 500ms or 3s' });
const list = <T extends z.ZodType>(item: T) => z.array(item, { error: 'give a list' });
const scalar = z.union([z.string(), z.number(), z.boolean()], { error: 'give a text, a number, or true or false' });
const mapping = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape, { error: notMapping });
const values = z.record(z.string(), scalar, { error: 'give a mapping from name to value' });
const path = z.string({ error: 'begin it with /' }).regex(/^\//, { error: 'begin it with /' });

function notMapping(issue: { code?: string }): string | undefined {
  return issue.code === 'invalid_type' ? 'give a mapping' : undefined;
}

/** A name that is part of the path of a metric. */
const word = z
  .string({ error: 'give a name of letters, digits, - and _' })
  .regex(/^[\w-]+$/, { error: 'give a name of letters, digits, - and _' });

const serviceName = z
  .string({ error: 'give NAMESPACE/NAME' })
  .regex(/^[^/\s]+\/[^/\s]+$/, { error: 'give NAMESPACE/NAME' });

/** loadbalancer, nodeport/NODE, clusterip, or one of the roles owner and other in place of NODE. */
const via = z
  .string({ error: 'give loadbalancer, clusterip, or nodeport/NODE where NODE is a name, owner or other' })
  .regex(/^(loadbalancer|clusterip|nodeport\/[a-z0-9-]+)$/, {
    error: 'give loadbalancer, clusterip, or nodeport/NODE where NODE is a name, owner or other',
  });
const from = z
  .string({ error: 'give client or node/NAME' })
  .regex(/^(client|node\/[a-z0-9-]+)$/, { error: 'give client or node/NAME' });

const tolerance = z
  .union(
    [
      scalar,
      list(scalar),
      mapping({ range: z.tuple([z.number(), z.number()]).describe('Lowest and highest number that will do.') }),
      mapping({
        regex: text('a regular expression').describe('A regular expression the whole answer is searched for.'),
      }),
    ],
    { error: 'give a value, a list of values, {range: [low, high]} or {regex: PATTERN}' },
  )
  .describe('What the probe must find: a value, one of a list, a number in a range, or a match.');

/** Modes of a probe, as in Litmus. */
export const PROBE_MODES = ['SoT', 'EoT', 'Edge', 'Continuous', 'OnChaos'] as const;

const hypothesisProbe = mapping({
  name: text('a name').describe('Names the probe in reports.'),
  mode: z
    .enum(PROBE_MODES, { error: `give one of ${PROBE_MODES.join(', ')}` })
    .default('Edge')
    .describe(
      'When it is asked: at the start (SoT), at the end (EoT), at both (Edge), all along (Continuous), while a fault acts (OnChaos).',
    ),
  http: text('an http URL')
    .optional()
    .describe('Asks for a URL from the client host; the value is the status code, 0 without an answer.'),
  kubectl: text('arguments of kubectl')
    .optional()
    .describe('Runs kubectl; the value is its output without the newline at its end.'),
  exec: text('a command')
    .optional()
    .describe('Runs a shell command on the client host; the value is its output without the newline at its end.'),
  dns: text('a name')
    .optional()
    .describe('Looks up a name at the cluster DNS; the value is the first address, empty without one.'),
  tolerance,
  interval: duration.default('500ms').describe('Time between two questions of a Continuous or OnChaos probe.'),
  attempts: positive
    .default(1)
    .describe('How often a failing question is asked again, each an interval later, before the probe has failed.'),
  stopOnFailure: z.boolean({ error: 'give true or false' }).default(false).describe('End the run when it fails.'),
}).superRefine((p, context) => {
  const kinds = ['http', 'kubectl', 'exec', 'dns'].filter((k) => p[k as keyof typeof p] !== undefined);
  if (kinds.length !== 1)
    context.addIssue({
      code: 'custom',
      message: `give one of http, kubectl, exec and dns, not ${kinds.length === 0 ? 'none' : kinds.join(' and ')}`,
    });
});

const loadFields = {
  script: text('a path to a k6 script').describe('A k6 script; looked for like manifests.'),
  env: values.default({}).describe('What the script finds in __ENV, on top of URL and DURATION.'),
};

/** Keys that say what a step does; a step has one of them. */
export const ACTIONS = ['fault', 'heal', 'kubectl', 'load', 'probe', 'wait', 'parallel', 'serial'] as const;

export interface StepInput {
  readonly label?: string | undefined;
  readonly event?: boolean | undefined;
  readonly at?: string | undefined;
  readonly after?: string | undefined;
  readonly fault?: string | undefined;
  readonly target?: string | readonly string[] | undefined;
  readonly args?: Readonly<Record<string, string | number | boolean>> | undefined;
  readonly duration?: string | undefined;
  readonly heal?: string | undefined;
  readonly kubectl?: string | undefined;
  readonly mayFail?: boolean | undefined;
  readonly background?: boolean | undefined;
  readonly load?:
    | { readonly script: string; readonly env: Readonly<Record<string, string | number | boolean>> }
    | undefined;
  readonly probe?: string | undefined;
  readonly wait?: string | undefined;
  readonly parallel?: readonly StepInput[] | undefined;
  readonly serial?: readonly StepInput[] | undefined;
}

const step: z.ZodType<StepInput> = z.lazy(() =>
  mapping({
    label: text('a name').optional().describe('Names the step in reports.'),
    event: z
      .boolean({ error: 'give true or false' })
      .optional()
      .describe('The figures are about this step. Without such a step they are about the first fault.'),
    at: duration.optional().describe('When it begins, counted from the start of the measurement.'),
    after: duration
      .optional()
      .describe('When it begins, counted from the end of the step before it (or of the steady state).'),
    fault: text('a fault')
      .optional()
      .describe('A fault, as "svclab fault" knows it: kill, pause, loss, delay, drain ...'),
    target: z
      .union([text('a target'), list(text('a target'))], { error: 'give a target, or a list of groups' })
      .optional()
      .describe(
        'What a fault acts on: owner/NAMESPACE/SERVICE, node/NAME, link/A-B, previous (what the fault before acted on) ...',
      ),
    args: values.optional().describe('Arguments of the fault: {percent: 30}.'),
    duration: duration
      .optional()
      .describe('Heal the fault after this time. What is not healed by then is healed when the run ends.'),
    heal: text('a target, a label or all')
      .optional()
      .describe('Heal faults: by target, by the label of the step that made them, or all.'),
    kubectl: text('arguments of kubectl')
      .optional()
      .describe('Arguments of kubectl: "rollout restart deployment/web".'),
    mayFail: z.boolean({ error: 'give true or false' }).optional().describe('Go on when kubectl fails.'),
    background: z.boolean({ error: 'give true or false' }).optional().describe('Do not wait for kubectl to end.'),
    dns: list(
      mapping({
        name: word.describe('Names it in reports and expectations.'),
        query: text('a DNS name').describe('What is looked up: a name, or dns://NAME@SERVER.'),
        service: serviceName
          .optional()
          .describe('The Service the name belongs to; taken from NAME.NAMESPACE.svc when left out.'),
        interval: duration.default('20ms').describe('Time between two queries.'),
      }),
    )
      .default([])
      .describe('Names that are looked up at a pace from the client host, beside the prober.'),
    load: mapping(loadFields).optional().describe('Start one more load, beside the one that runs all along.'),
    probe: text('the name of a probe').optional().describe('Ask a probe of this file now.'),
    wait: text('a duration, or steady')
      .optional()
      .describe('Wait for a time, or until every node is Ready and every Deployment available (steady).'),
    parallel: list(step).optional().describe('Steps that begin together.'),
    serial: list(step).optional().describe('Steps in a row, inside parallel.'),
  }).superRefine((s, context) =>
    checkStep(s, (message, at) => context.addIssue({ code: 'custom', message, path: at ? [at] : [] })),
  ),
);

/** What a step may have besides what it does. */
const BELONGS: Readonly<Record<string, readonly (typeof ACTIONS)[number][]>> = {
  target: ['fault'],
  args: ['fault'],
  duration: ['fault'],
  mayFail: ['kubectl'],
  background: ['kubectl'],
};

function checkStep(s: StepInput, complain: (message: string, at?: string) => void): void {
  const actions = ACTIONS.filter((a) => s[a] !== undefined);
  if (actions.length !== 1)
    complain(`give one of ${ACTIONS.join(', ')}, not ${actions.length === 0 ? 'none' : actions.join(' and ')}`);
  for (const [key, owners] of Object.entries(BELONGS))
    if (s[key as keyof StepInput] !== undefined && !owners.some((o) => actions.includes(o)))
      complain(`belongs to a step with ${owners.join(' or ')}`, key);
  if (s.at !== undefined && s.after !== undefined) complain('has both at and after: give one');
  if (s.wait !== undefined && s.wait !== 'steady' && parseDuration(s.wait) === undefined)
    complain('give a duration such as 500ms or 3s, or steady', 'wait');
}

const besideEntry = mapping({
  name: word.describe('Names the target in reports.'),
  service: serviceName.optional().describe('Another Service; the one under test when left out.'),
  via: via.default('loadbalancer').describe('How it is reached.'),
  from: from.default('client').describe('Where the prober runs.'),
  path: path.optional().describe('Path that is asked for; that of probe when left out.'),
});

/** A scenario file. */
export const SCENARIO_SCHEMA = mapping({
  $schema: z.string().optional().describe('Where this schema is, for editors.'),
  title: text('a text').default('Scenario').describe('What the report is called.'),
  question: text('a text').default('').describe('The question it answers, in one sentence.'),
  description: text('a text').default('').describe('How it answers it, and what to look at. Docs are made of it.'),
  tags: list(text('a word')).default([]).describe('Words to choose scenarios by; nightly marks the slow ones.'),
  variables: z
    .record(z.string(), scalar, { error: 'give a mapping from name to value' })
    .default({})
    .describe('Values for dollar-brace names anywhere below; --var name=value replaces them.'),
  cases: list(
    mapping({
      name: text('a name')
        .regex(/^[\w-]+$/, { error: 'give letters, digits, - and _' })
        .describe('Names the case in reports and expectations.'),
      variables: values.default({}).describe('Values of variables for this case.'),
    }),
  )
    .default([])
    .describe('Variants that are run in turn on the same lab and shown side by side.'),
  lab: mapping({
    nodes: positive.max(90, { error: 'give a whole number from 1 to 90' }).default(3).describe('How many nodes.'),
    profile: z
      .enum(['realistic', 'fast'], { error: 'give realistic or fast' })
      .default('realistic')
      .describe('The timers: the real defaults, or as quick as is safe.'),
    set: values.default({}).describe('Single knobs on top: {membership.probeInterval: 200ms}.'),
    ha: z.boolean({ error: 'give true or false' }).default(false).describe('Three NATS servers and three controllers.'),
  })
    .prefault({})
    .describe('The lab that is made for it.'),
  manifests: list(text('a path'))
    .default([])
    .describe(
      'For kubectl apply -f, in order; from the folder of this file, the working directory, or what svclab comes with (examples/shop).',
    ),
  service: serviceName.describe('The Service under test, NAMESPACE/NAME.'),
  via: via.default('loadbalancer').describe('How the prober and the load reach it.'),
  from: from.default('client').describe('Where the prober runs.'),
  beside: list(besideEntry).default([]).describe('Targets that are measured as well: a control group.'),
  steadyState: mapping({
    duration: duration.default('3s').describe('How long the undisturbed Service is measured before the method begins.'),
    maxLost: whole.default(0).describe('What it may lose meanwhile; more makes the run inconclusive.'),
  })
    .prefault({})
    .describe('The steady-state hypothesis: undisturbed, the Service loses nothing.'),
  probes: list(hypothesisProbe)
    .default([])
    .describe('More of the hypothesis: what must be as it was, before, after or all along.'),
  probe: mapping({
    interval: duration
      .default('10ms')
      .describe('Time between two requests of either kind, new and reused; the error of every figure.'),
    timeout: duration.default('500ms').describe('When a request counts as lost.'),
    path: path
      .default('/')
      .describe('Path that is asked for; one that calls no other Service keeps their failures out of the figures.'),
  })
    .prefault({})
    .describe('The prober.'),
  dns: list(
    mapping({
      name: word.describe('Names it in reports and expectations.'),
      query: text('a DNS name').describe('What is looked up: a name, or dns://NAME@SERVER.'),
      service: serviceName
        .optional()
        .describe('The Service the name belongs to; taken from NAME.NAMESPACE.svc when left out.'),
      interval: duration.default('20ms').describe('Time between two queries.'),
    }),
  )
    .default([])
    .describe('Names that are looked up at a pace from the client host, beside the prober.'),
  load: mapping(loadFields).optional().describe('A k6 script that runs all along.'),
  method: list(step).default([]).describe('What is done, in order.'),
  recovery: duration.default('4s').describe('How long is measured after the method.'),
  rollback: mapping({
    strategy: z
      .enum(['always', 'never', 'deviated'], { error: 'give always, never or deviated' })
      .default('always')
      .describe('When: after every run, never, or when an expectation failed. Faults are healed in any case.'),
    steps: list(step).default([]).describe('Steps that put back what the method changed.'),
  })
    .prefault({})
    .describe('What is done after each run.'),
  expectations: list(text('an expectation such as dark_ms.new <= 500'))
    .default([])
    .describe('What must hold of the report: dark_ms.new.p95 <= 500.'),
  checks: mapping({
    expectViolation: list(text('a check'))
      .default([])
      .describe('Checks whose violation is the point of this scenario (one-owner for a split brain).'),
  })
    .prefault({})
    .describe('The checkers over the history of every run.'),
  repeats: positive.default(1).describe('How often, on one lab; --repeat replaces it.'),
  seed: whole.optional().describe('Of all that is random; --seed replaces it. Drawn and reported when left out.'),
  faultPhase: duration
    .optional()
    .describe(
      'The first step of each run begins up to this much later, at random, so that it meets the timers at every phase. One probe interval of the announcers when left out.',
    ),
});

/** A scenario file as it is written, defaults filled in. */
export type ScenarioInput = z.output<typeof SCENARIO_SCHEMA>;

/** JSON Schema (draft 2020-12) of scenario files. */
export function scenarioJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(SCENARIO_SCHEMA, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>;
  return { ...schema, title: 'svclab scenario', description: 'A scenario of svclab: lab, method, expectations.' };
}
