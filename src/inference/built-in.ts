/** Version of the built-in motion detector: grows when its results change. */
export const MOTION_VERSION = '2';
