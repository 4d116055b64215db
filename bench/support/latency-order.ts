/** What a camera node and a detector node are run on. */
export interface LatencyOrder {
  readonly brokers: readonly string[];
  readonly prefix: string;
  readonly partitions: number;
  /** One camera each; played in a loop. */
  readonly uris: readonly string[];
  readonly delivery: 'exactly-once' | 'at-least-once';
  readonly commitIntervalMs: number;
  readonly partMs: number;
  /** After every camera's first frame has come out. */
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** A frame on its way, in milliseconds. */
export interface LatencyFrame {
  /** From its arrival at the camera node to its terminal record being read. */
  readonly inAllMs: number;
  /** From its arrival to the end of its part: what `partMs` asks for. */
  readonly partMs: number;
  /** In the decoder and in the model. */
  readonly ownMs: number;
  /** The same of the frames of its part before it, which the detector gets at the same moment. */
  readonly beforeMs: number;
  readonly place: number;
  /** From the end of its part to its being handed to the brokers, as the time of the record says. */
  readonly toKafkaMs: number;
  /** From its arrival to the end of the model. */
  readonly ageMs: number;
}
