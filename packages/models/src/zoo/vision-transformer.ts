import type { Layers, LinearOptions, ModelDefinition } from '../layers/layers.js';

/** Initial spread of a transformer's weights. */
const STD = 0.02;

interface Shape {
  readonly imageSize: number;
  readonly patch: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
}

/** DeiT-Ti with timm's names (`blocks.0.attn.qkv.weight`): width 192, 12 blocks, 3 heads. */
export function deitTiny(imageSize: number, patch: number): ModelDefinition {
  return visionTransformer({ imageSize, patch, width: 192, depth: 12, heads: 3 });
}

function visionTransformer({ imageSize, patch, width, depth, heads }: Shape): ModelDefinition {
  return {
    imageSize,
    source: 'arXiv 2012.12877',
    classify: (layers, image, classes) => {
      const embedding = { out: width, kernel: patch, stride: patch, bias: true, std: STD };
      const shape = { count: 1 + (imageSize / patch) ** 2, channels: width };
      const patches = () => layers.conv(image, 'patch_embed.proj', embedding);
      let x = layers.tokens(patches, 'cls_token', 'pos_embed', shape);
      for (let b = 0; b < depth; b++) x = block(layers, x, `blocks.${b}`, heads, b / (depth - 1));
      const features = layers.classToken(layers.layerNorm(x, 'norm'));
      return { features, logits: layers.linear(features, 'head', classes, { std: STD }) };
    },
  };
}

/** Pre-norm: x + attention(norm(x)), then x + MLP(norm(x)), four times as wide inside. */
function block<T>(layers: Layers<T>, x: T, name: string, heads: number, dropShare: number): T {
  const width = layers.channels(x);
  const linear = (input: T, layer: string, out: number, options: LinearOptions = {}) =>
    layers.linear(input, `${name}.${layer}`, out, { ...options, std: STD });
  const qkv = linear(layers.layerNorm(x, `${name}.norm1`), 'attn.qkv', 3 * width);
  const attended = linear(layers.attention(qkv, heads), 'attn.proj', width);
  const y = layers.add(x, layers.dropPath(attended, dropShare));
  const hidden = linear(layers.layerNorm(y, `${name}.norm2`), 'mlp.fc1', 4 * width, { activation: 'gelu' });
  return layers.add(y, layers.dropPath(linear(hidden, 'mlp.fc2', width), dropShare));
}
