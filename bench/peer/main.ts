/** `npm run bench:peer [-- MODEL...]`: the same work here and in PyTorch; see table.ts. */
import { peerTable } from './table.js';

process.exitCode = (await peerTable(process.argv.slice(2))) ? 0 : 1;
