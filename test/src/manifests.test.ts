import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { addressSetting, serviceNames } from '@mcld/cli/services.js';
import { configSchema } from '@mcld/platform/config.js';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { projectRoot } from './support/data.js';

const deploy = path.join(projectRoot, 'deploy');

const container = z.object({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
  env: z.array(z.object({ name: z.string(), value: z.string().optional() })).optional(),
  envFrom: z.array(z.object({ configMapRef: z.object({ name: z.string() }) })).optional(),
  startupProbe: z.object({ grpc: z.object({ port: z.number() }) }).optional(),
  livenessProbe: z.object({ grpc: z.object({ port: z.number() }) }).optional(),
  readinessProbe: z.object({ grpc: z.object({ port: z.number() }).optional() }),
  resources: z.object({ requests: z.record(z.string(), z.unknown()), limits: z.record(z.string(), z.unknown()) }),
  securityContext: z.object({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  volumeMounts: z.array(z.object({ name: z.string() })),
});

const workload = z.object({
  kind: z.enum(['Deployment', 'StatefulSet']),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.object({
        enableServiceLinks: z.literal(false),
        securityContext: z.object({
          runAsNonRoot: z.literal(true),
          seccompProfile: z.object({ type: z.literal('RuntimeDefault') }),
        }),
        containers: z.tuple([container]),
        volumes: z.array(z.object({ name: z.string() })).optional(),
      }),
    }),
    volumeClaimTemplates: z.array(z.object({ metadata: z.object({ name: z.string() }) })).optional(),
  }),
});

type Document = Record<string, unknown> & { kind?: string; metadata?: { name: string } };

function documents(folder: string): Document[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name.endsWith('.yaml'))
    .flatMap((entry) => parseAllDocuments(readFileSync(path.join(entry.parentPath, entry.name), 'utf8')))
    .map((document) => {
      expect(document.errors).toEqual([]);
      return document.toJS() as Document;
    });
}

const base = documents(path.join(deploy, 'k8s/base'));
const workloads = base
  .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
  .map((d) => workload.parse(d));
const settings = Object.keys(configSchema.shape);
const configMap = base.find(({ kind }) => kind === 'ConfigMap') as unknown as {
  metadata: { name: string };
  data: Record<string, string>;
};
const services = base.filter(({ kind }) => kind === 'Service') as unknown as {
  metadata: { name: string };
  spec: { selector: Record<string, string>; ports: { port: number; targetPort: string }[] };
}[];

describe('the Kubernetes manifests', () => {
  it('deploy each service of the code, and no other', () => {
    const deployed = workloads.filter(({ kind }) => kind === 'Deployment').map(({ metadata }) => metadata.name);
    expect(deployed.sort()).toEqual([...serviceNames].sort());
  });

  it.each(workloads.map((w) => [w.metadata.name, w] as const))(
    '%s: command, ports, probes, settings and volumes hold together',
    (name, { kind, spec }) => {
      const {
        containers: [c],
        volumes = [],
      } = spec.template.spec;
      const [port] = c.ports;
      expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
      const service = services.find(({ metadata }) => metadata.name === name);
      expect(service?.spec.selector).toEqual(spec.selector.matchLabels);
      expect(service?.spec.ports.map((p) => [p.port, p.targetPort])).toEqual([[port?.containerPort, port?.name]]);
      const volumeNames = [...volumes, ...(spec.volumeClaimTemplates ?? []).map(({ metadata }) => metadata)].map(
        (v) => v.name,
      );
      expect(volumeNames).toEqual(expect.arrayContaining(c.volumeMounts.map(({ name }) => name)));
      if (kind !== 'Deployment') return;
      expect(c.args).toEqual(['serve', name]);
      expect(c.envFrom).toEqual([{ configMapRef: { name: configMap.metadata.name } }]);
      for (const probe of [c.startupProbe, c.livenessProbe, c.readinessProbe])
        expect(probe?.grpc?.port).toBe(port?.containerPort);
      expect(settings).toEqual(expect.arrayContaining((c.env ?? []).map((variable) => variable.name)));
      expect(c.env?.find((variable) => variable.name === 'MCLD_PORT')?.value).toBe(String(port?.containerPort));
    },
  );

  it('set only what the schema knows, with values that it takes and addresses that exist', () => {
    expect(settings).toEqual(expect.arrayContaining(Object.keys(configMap.data)));
    const secrets = { MCLD_S3_ACCESS_KEY: 'a', MCLD_S3_SECRET_KEY: 'b' };
    expect(configSchema.safeParse({ ...configMap.data, ...secrets }).success).toBe(true);
    const addresses = Object.values(configMap.data).flatMap((value) => {
      const [, host, port] = /^(?:dns:\/\/\/|nats:\/\/|http:\/\/)([\w-]+):(\d+)$/.exec(value) ?? [];
      return host ? [`${host}:${port}`] : [];
    });
    // Three services, NATS and the object store.
    expect(addresses).toHaveLength(5);
    const there = services.flatMap(({ metadata, spec }) => spec.ports.map(({ port }) => `${metadata.name}:${port}`));
    expect(there).toEqual(expect.arrayContaining(addresses));
  });

  it('tell every service, the pipeline too, where the others are', () => {
    for (const [name, setting] of Object.entries(addressSetting))
      expect(configMap.data[setting]).toMatch(new RegExp(`^dns:///${name}:\\d+$`));
  });

  it('name files and containers that exist', () => {
    let patched = 0;
    for (const folder of ['base', 'overlays/cpu', 'overlays/gpu']) {
      const at = path.join(deploy, 'k8s', folder);
      const { resources, patches = [] } = parseAllDocuments(
        readFileSync(path.join(at, 'kustomization.yaml'), 'utf8'),
      )[0]!.toJS() as {
        resources: string[];
        patches?: { path: string }[];
      };
      expect(resources.length).toBeGreaterThan(0);
      for (const name of [...resources, ...patches.map((p) => p.path)])
        expect(existsSync(path.join(at, name)), `${folder}: ${name}`).toBe(true);
      for (const { path: name } of patches) {
        const patch = parseAllDocuments(readFileSync(path.join(at, name), 'utf8'))[0]!.toJS() as Document & {
          spec: {
            template: {
              spec: {
                containers: { name: string; env: { name: string }[]; resources: { limits: Record<string, number> } }[];
              };
            };
          };
        };
        const target = workloads.find((w) => w.metadata.name === patch.metadata?.name);
        const [c] = patch.spec.template.spec.containers;
        expect(target?.spec.template.spec.containers[0].name).toBe(c?.name);
        expect(c?.resources.limits['nvidia.com/gpu']).toBe(1);
        expect(settings).toEqual(expect.arrayContaining((c?.env ?? []).map((variable) => variable.name)));
        patched++;
      }
    }
    expect(patched).toBe(2);
  });
});

describe('the Dockerfile', () => {
  it('copies what exists and runs the command line', () => {
    const text = readFileSync(path.join(deploy, 'docker/Dockerfile'), 'utf8');
    const copied = [...text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names]) => names!.split(' '));
    expect(copied).toContain('package.json');
    expect(readdirSync(projectRoot)).toEqual(expect.arrayContaining(copied));
    expect(text).toContain('ENTRYPOINT ["node", "packages/cli/dist/main.js"]');
    expect(text).toMatch(/^USER 10001/m);
  });
});
