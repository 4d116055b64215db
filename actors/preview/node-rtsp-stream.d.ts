declare module 'node-rtsp-stream' {
  import type { ChildProcess } from 'node:child_process';
  import type { EventEmitter } from 'node:events';

  /** Options of version 0.0.9. */
  interface VideoStreamOptions {
    readonly name: string;
    /** What follows `-i`. */
    readonly streamUrl: string;
    readonly ffmpegPath?: string;
    /** Flags of the output; an empty value is none. */
    readonly ffmpegOptions?: Readonly<Record<string, string>>;
  }

  /** An ffmpeg that makes MPEG-1 of a stream, given out as `camdata` events. */
  export default class VideoStream extends EventEmitter<{ camdata: [Buffer] }> {
    constructor(options: VideoStreamOptions);
    /** Undefined until ffmpeg has said them. */
    readonly width: number | undefined;
    readonly height: number | undefined;
    readonly stream: ChildProcess;
    readonly mpeg1Muxer: EventEmitter<{ ffmpegStderr: [Buffer] }>;
    pipeStreamToSocketServer(): unknown;
  }
}
