/** The only import of ONNX Runtime. */
export { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
