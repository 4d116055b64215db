/** Mean and deviation of ImageNet's pictures in 0..255, red first, as torchvision's models and most transformers take them. */
export const IMAGENET = { mean: [123.675, 116.28, 103.53], deviation: [58.395, 57.12, 57.375] } as const;
