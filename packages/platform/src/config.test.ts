import { describe, expect, it } from 'vitest';
import { readConfig } from './config.js';

describe('readConfig', () => {
  it('listens on loopback and keeps to this process by default', () => {
    const config = readConfig({});
    expect(config.MCLD_HOST).toBe('127.0.0.1');
    expect(config.MCLD_NATS_URL).toBeUndefined();
    expect(config.MCLD_S3_ENDPOINT).toBeUndefined();
  });

  it.each([
    [{ MCLD_PORT: '70000' }, 'MCLD_PORT'],
    [{ MCLD_DEVICE: 'tpu' }, 'MCLD_DEVICE'],
    [{ MCLD_TOKEN: 'short' }, 'MCLD_TOKEN'],
    [{ MCLD_TLS_CERT: 'a.pem' }, 'MCLD_TLS_CERT and MCLD_TLS_KEY go together'],
    [{ MCLD_S3_ENDPOINT: 'http://127.0.0.1:9000' }, 'MCLD_S3_ENDPOINT needs MCLD_S3_ACCESS_KEY'],
  ])('refuses %j by name', (environment, message) => {
    expect(() => readConfig(environment)).toThrow(message);
  });
});
