import { wireBench } from './wire.js';

console.log('ratio', await wireBench('samples/cifar-100-binary', 10000));
