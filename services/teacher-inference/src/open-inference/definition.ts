import { GRPCInferenceServiceDefinition } from '@mcld/contracts/inference/grpc_predict_v2.js';
import { ModelConfigServiceDefinition } from '@mcld/contracts/inference/model_config.js';

/** The Open Inference Protocol's service with the method that Triton adds to it. */
export const inferenceDefinition = {
  ...GRPCInferenceServiceDefinition,
  methods: { ...GRPCInferenceServiceDefinition.methods, ...ModelConfigServiceDefinition.methods },
} as const;

/** What the platforms of models that are served here begin with. */
export const OUR_PLATFORM = 'mcld_';
