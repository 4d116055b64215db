/** Picture geometry that a model wants. */
export interface FrameShape {
  readonly width: number;
  readonly height: number;
  /** `letterbox`: aspect kept, rest padded; `stretch`: both axes filled. */
  readonly fit: 'letterbox' | 'stretch';
  /** Where the picture lies when letterboxed. */
  readonly align: 'center' | 'top-left';
  /** 0..255, grey, of the padding. */
  readonly padValue: number;
  readonly channels: 'rgb' | 'bgr' | 'gray';
  /**
   * How pixels are made from more of them: `bilinear` from the four nearest, as OpenCV's INTER_LINEAR with which most detectors are trained;
   * `average` from all they cover, which takes noise away. Grey is always averaged. @default 'bilinear'
   */
  readonly sampling?: 'bilinear' | 'average';
}

/** A picture at model size: uint8, row-major `[height, width, 3]` (or 1 for grey), owned by whoever holds it. */
export interface ModelFrame {
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** `model = source * scale + pad`, per axis. */
  readonly scaleX: number;
  readonly scaleY: number;
  readonly padX: number;
  readonly padY: number;
  readonly sourceWidth: number;
  readonly sourceHeight: number;
}
