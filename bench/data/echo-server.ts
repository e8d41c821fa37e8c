/** A bare grpc-js server that sends one message over and over: what grpc-js itself can do on loopback. */
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';

const message = Buffer.alloc(Number(process.argv[2]), 7);
const same = (bytes: Buffer): Buffer => bytes;

const server = new Server();
const definition = {
  stream: {
    path: '/bench.Echo/Stream',
    requestStream: false,
    responseStream: true,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
};
server.addService(definition, {
  stream(call: ServerWritableStream<Buffer, Buffer>) {
    let left = call.request.readUInt32LE();
    const send = () => {
      while (left > 0) {
        left--;
        if (!call.write(message)) {
          call.once('drain', send);
          return;
        }
      }
      call.end();
    };
    send();
  },
});
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${JSON.stringify({ address: `127.0.0.1:${port}` })}\n`);
});
process.on('SIGTERM', () => server.forceShutdown());
