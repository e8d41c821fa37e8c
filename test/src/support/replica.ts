import path from 'node:path';
import { Child } from '@mcld/cli/cluster/child.js';
import { projectRoot } from './data.js';

/** A service in a process of its own, beside others of its kind. @param name of the service, and `-1` of which one */
export async function replica(name: string, home: string, settings: Record<string, string>) {
  const main = path.join(projectRoot, 'packages/cli/dist/main.js');
  const child = Child.start(name, [process.execPath, main, 'serve', name.replace(/-\d$/, '')], {
    logs: path.join(home, 'logs'),
    env: { MCLD_HOME: home, MCLD_PORT: '0', MCLD_DATA_ANYWHERE: 'true', ...settings },
    captureOutput: true,
  });
  const { address } = JSON.parse(await child.firstLine) as { address: string };
  return { child, address };
}
