import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ServerCredentials } from '@grpc/grpc-js';
import { ChannelCredentials } from 'nice-grpc';
import {
  type CallContext,
  type CallOptions,
  type ClientMiddlewareCall,
  Metadata,
  ServerError,
  type ServerMiddlewareCall,
  Status,
} from 'nice-grpc-common';
import type { Config } from '../config.js';

export type TlsConfig = Partial<Pick<Config, 'MCLD_TLS_CERT' | 'MCLD_TLS_KEY' | 'MCLD_TLS_CA'>>;

/** TLS, with clients' certificates asked for where a CA is named; plain text where nothing is. */
export function serverCredentials({ MCLD_TLS_CERT, MCLD_TLS_KEY, MCLD_TLS_CA }: TlsConfig): ServerCredentials {
  if (!MCLD_TLS_CERT || !MCLD_TLS_KEY) return ServerCredentials.createInsecure();
  const pair = { cert_chain: readFileSync(MCLD_TLS_CERT), private_key: readFileSync(MCLD_TLS_KEY) };
  const authority = MCLD_TLS_CA ? readFileSync(MCLD_TLS_CA) : null;
  return ServerCredentials.createSsl(authority, [pair], authority !== null);
}

export function channelCredentials({ MCLD_TLS_CERT, MCLD_TLS_KEY, MCLD_TLS_CA }: TlsConfig): ChannelCredentials {
  if (!MCLD_TLS_CA) return ChannelCredentials.createInsecure();
  const authority = readFileSync(MCLD_TLS_CA);
  if (!MCLD_TLS_CERT || !MCLD_TLS_KEY) return ChannelCredentials.createSsl(authority);
  return ChannelCredentials.createSsl(authority, readFileSync(MCLD_TLS_KEY), readFileSync(MCLD_TLS_CERT));
}

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Refuses calls without the bearer token; health checks are open, as probes carry none. */
export function tokenServerMiddleware(token: string) {
  const expected = digest(`Bearer ${token}`);
  return async function* checkToken<Request, Response>(
    call: ServerMiddlewareCall<Request, Response>,
    context: CallContext,
  ): AsyncGenerator<Response, Response | undefined, undefined> {
    const actual = digest(context.metadata.get('authorization') ?? '');
    if (!call.method.path.startsWith('/grpc.health.v1.') && !timingSafeEqual(actual, expected)) {
      throw new ServerError(Status.UNAUTHENTICATED, 'a bearer token is needed, and this is not it');
    }
    return (yield* call.next(call.request, context)) ?? undefined;
  };
}

export function tokenClientMiddleware(token: string) {
  return async function* addToken<Request, Response>(
    call: ClientMiddlewareCall<Request, Response>,
    options: CallOptions,
  ): AsyncGenerator<Response, Response | undefined, undefined> {
    const metadata = Metadata(options.metadata).set('authorization', `Bearer ${token}`);
    return (yield* call.next(call.request, { ...options, metadata })) ?? undefined;
  };
}
