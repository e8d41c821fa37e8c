/** What a parameter or buffer is; decides the order of its axes here and its initial value. */
export type ParameterKind =
  | 'conv' // PyTorch [O, I/groups, kh, kw]; here HWIO
  | 'linear' // [out, in] on both sides
  | 'token' // [1, N, C]
  | 'bias' // [out]
  | 'norm-scale' // [C]
  | 'norm-shift' // [C]
  | 'running-mean' // [C], a buffer
  | 'running-variance'; // [C], a buffer

export interface ParameterSpec {
  /** PyTorch's state_dict name. */
  readonly name: string;
  /** PyTorch's shape. */
  readonly shape: readonly number[];
  readonly kind: ParameterKind;
  /** Standard deviation of the initial values; absent: what the kind says. */
  readonly std?: number;
}

export const isTrainable = (spec: ParameterSpec): boolean => !spec.kind.startsWith('running-');

export const elements = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
