/** One metric: Prometheus name without the prefix `visutility_`, and what it counts. */
export interface MetricRow {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** `<noun>_<unit>[_total]`, base units. */
  readonly name: string;
  readonly labels: readonly string[];
  readonly help: string;
}

/** Every metric of the platform. The label `process` is added when the metrics of all processes are joined. */
export const METRICS = {
  framesReceived: { kind: 'counter', name: 'frames_received_total', labels: ['camera'], help: 'Frames that are durable in the archive.' },
  framesDetected: { kind: 'counter', name: 'frames_detected_total', labels: ['camera'], help: 'Frames that went through the detector.' },
  framesDropped: { kind: 'counter', name: 'frames_dropped_total', labels: ['camera', 'reason', 'intentional'], help: 'Received frames that ended without detection.' },
  boxes: { kind: 'counter', name: 'boxes_total', labels: ['camera'], help: 'Detected objects.' },
  features: { kind: 'counter', name: 'features_total', labels: ['camera', 'encoder'], help: 'Features of frames that were stored.' },
  objects: { kind: 'counter', name: 'objects_total', labels: ['camera'], help: 'Objects that were followed, by cameras with a tracker.' },
  frameAge: { kind: 'histogram', name: 'frame_age_seconds', labels: ['camera'], help: 'Time from arrival of a frame on this machine to the end of its detection.' },
  decodeTime: { kind: 'histogram', name: 'decode_seconds', labels: [], help: 'Time to decode and scale a detected frame.' },
  inferTime: { kind: 'histogram', name: 'infer_seconds', labels: ['provider'], help: 'Time of the model for a frame.' },
  waitTime: { kind: 'histogram', name: 'wait_seconds', labels: [], help: 'Time a frame waited for decoding and for the model.' },
  cameraSpent: { kind: 'counter', name: 'camera_vision_seconds_total', labels: ['camera'], help: 'Time that decoding, scaling and detection took, by camera.' },
  tenantSpent: { kind: 'counter', name: 'tenant_vision_seconds_total', labels: ['tenant'], help: 'Time that decoding, scaling and detection took, by tenant: what they share when there is not enough.' },
  gateState: { kind: 'gauge', name: 'gate_state', labels: ['camera', 'state'], help: '1 for the state that the activity gate of a camera is in: active, quiet (key frames only) or probing (packet sizes are not relied on), else 0.' },
  gateScore: { kind: 'gauge', name: 'gate_score_ratio', labels: ['camera'], help: 'How well something that moves would show in the packet sizes of a camera: from 1 on they are relied on.' },
  gateWakes: { kind: 'counter', name: 'gate_wakes_total', labels: ['camera', 'cause'], help: 'Times that the activity gate of a camera opened: by sizes, a look, a hint of the camera or a long-gop.' },
  cameraLive: { kind: 'gauge', name: 'camera_live', labels: ['camera'], help: '1 while the camera sends frames, else 0.' },
  reconnects: { kind: 'counter', name: 'reconnects_total', labels: ['camera', 'reason'], help: 'Sessions of a camera that ended and were opened again, by error code.' },
  clockSteps: { kind: 'counter', name: 'camera_clock_steps_total', labels: ['camera'], help: 'Times that the event time of a camera was set anew because its clock, its time stamps or our clock jumped.' },
  failovers: { kind: 'counter', name: 'failovers_total', labels: ['camera', 'reason'], help: 'Times that another source of a camera took over because the one before failed, by its error code.' },
  gaps: { kind: 'counter', name: 'gaps_total', labels: ['camera'], help: 'Spans of time whose frames never became durable.' },
  backfilled: { kind: 'counter', name: 'backfilled_frames_total', labels: ['camera'], help: 'Frames of gaps that became durable after all, from the recording of the camera itself.' },
  backfillsLeft: { kind: 'counter', name: 'backfills_left_total', labels: ['camera', 'reason'], help: 'Gaps that were not filled to their end from the recording of the camera: unsupported, failed, not-recorded, or queue-full.' },
  chunkBytes: { kind: 'counter', name: 'chunk_bytes_total', labels: ['camera'], help: 'Bytes written to the archive.' },
  ledgerPending: { kind: 'gauge', name: 'ledger_pending_frames', labels: ['camera'], help: 'Received frames without a terminal record.' },
  queueItems: { kind: 'gauge', name: 'queue_items', labels: ['queue'], help: 'Items waiting in a bounded queue.' },
  queueBytes: { kind: 'gauge', name: 'queue_bytes', labels: ['queue'], help: 'Bytes waiting in a bounded queue.' },
  stageIn: { kind: 'counter', name: 'stage_in_total', labels: ['stage'], help: 'Items that entered a stage.' },
  stageOut: { kind: 'counter', name: 'stage_out_total', labels: ['stage'], help: 'Items that left a stage.' },
  stageDropped: { kind: 'counter', name: 'stage_dropped_total', labels: ['stage', 'reason', 'intentional'], help: 'Items that a stage left out.' },
  stageFailures: { kind: 'counter', name: 'stage_failures_total', labels: ['stage', 'code'], help: 'Errors of a stage by code.' },
  stageBatch: { kind: 'histogram', name: 'stage_batch_seconds', labels: ['stage'], help: 'Time a stage worked on a batch.' },
  stageBlocked: { kind: 'counter', name: 'stage_blocked_seconds_total', labels: ['stage'], help: 'Time a stage waited for its output to be taken.' },
  consumerLagRecords: { kind: 'gauge', name: 'consumer_lag_records', labels: ['group', 'topic', 'partition'], help: 'Records that a consumer group of the cluster has not done yet, as the brokers say.' },
  consumerLagSeconds: { kind: 'gauge', name: 'consumer_lag_seconds', labels: ['group', 'topic', 'partition'], help: 'Age of the oldest record that a consumer group of the cluster has not done yet.' },
  recordsCommitted: { kind: 'counter', name: 'records_committed_total', labels: ['group'], help: 'Records that a consumer group made durable on Kafka.' },
  transactions: { kind: 'counter', name: 'transactions_total', labels: ['group'], help: 'Commits of a consumer group: one per input partition and interval with news.' },
  partitionsFenced: { kind: 'counter', name: 'partitions_fenced_total', labels: ['group'], help: 'Partitions that another node took over while this one still worked on them.' },
  partitionRewinds: { kind: 'counter', name: 'partition_rewinds_total', labels: ['group'], help: 'Partitions read again for a vision process that was replaced.' },
  framesRepeated: { kind: 'counter', name: 'frames_repeated_total', labels: ['group'], help: 'Frames and records of frames that came a second time and were discarded.' },
  deadLetters: { kind: 'counter', name: 'dead_letters_total', labels: ['group'], help: 'Records that could not be processed.' },
  partsPublished: { kind: 'counter', name: 'parts_published_total', labels: ['camera'], help: 'Parts of chunks that all replicas of the chunks topic have.' },
  publishTime: { kind: 'histogram', name: 'publish_seconds', labels: [], help: 'Time from the first frame of a part to its acknowledgement by Kafka.' },
  spoolOldest: { kind: 'gauge', name: 'spool_oldest_seconds', labels: ['camera'], help: 'Age of the oldest recorded frame that waits to be handed over to Kafka.' },
  spoolFrames: { kind: 'gauge', name: 'spool_frames', labels: [], help: 'Recorded frames of this node that wait to be handed over to Kafka.' },
  spoolBytes: { kind: 'gauge', name: 'spool_bytes', labels: [], help: 'Their share of the recordings.' },
  lagRecords: { kind: 'gauge', name: 'lag_records', labels: ['group', 'partition'], help: 'Records of an owned partition that are not processed to the end.' },
  lagSeconds: { kind: 'gauge', name: 'lag_seconds', labels: ['group', 'partition'], help: 'Age of the oldest record of an owned partition that is not processed to the end.' },
  modelLoaded: { kind: 'gauge', name: 'model_loaded', labels: ['model', 'provider'], help: '1 while a process has this model loaded on this execution provider.' },
  providerFallbacks: { kind: 'counter', name: 'provider_fallbacks_total', labels: ['wanted', 'used'], help: 'Devices that were wanted and are done without, because they did not start or failed repeatedly: an execution provider, or `nvdec`.' },
  decoderFallbacks: { kind: 'counter', name: 'decoder_fallbacks_total', labels: ['camera'], help: 'Streams that are decoded on the processor although a device was there to do it.' },
  liveViewers: { kind: 'gauge', name: 'live_viewers', labels: ['camera'], help: 'Who watches the pictures of a camera as they come.' },
  liveDropped: { kind: 'counter', name: 'live_pictures_dropped_total', labels: ['camera'], help: 'Live pictures that were left out because their viewer read too slowly.' },
  processRestarts: { kind: 'counter', name: 'process_restarts_total', labels: ['child'], help: 'Child processes that ended and were started again.' },
  actorRestarts: { kind: 'counter', name: 'actor_restarts_total', labels: ['actor'], help: 'Actors that failed and were started again.' },
  modelSwaps: { kind: 'counter', name: 'model_swaps_total', labels: ['outcome'], help: 'Changes of the model while running: `done`, or `refused` with the model before going on.' },
  switchPause: { kind: 'histogram', name: 'model_switch_pause_seconds', labels: [], help: 'Time from handing the first frame of a camera to a new vision process until that has ended it.' },
  seriesRefused: { kind: 'counter', name: 'series_refused_total', labels: ['metric'], help: 'Samples counted under `other` because a metric has too many label values.' },
} as const satisfies Record<string, MetricRow>;

/** Name of a row of the table. */
export type MetricId = keyof typeof METRICS;

/** Rows of one kind. */
export type MetricOf<Kind extends MetricRow['kind']> = { [Id in MetricId]: (typeof METRICS)[Id]['kind'] extends Kind ? Id : never }[MetricId];

/** The labels of a metric, all of them. */
export type LabelsOf<Id extends MetricId> = Readonly<Record<(typeof METRICS)[Id]['labels'][number], string>>;

/** Prefix of every metric name. */
export const METRIC_PREFIX = 'visutility_';

/** Upper bounds of histograms in seconds: 1 ms to 10 s, about three per decade; those that the latency targets (33, 100, 500 ms) need among them. */
export const SECONDS_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.033, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10] as const;
