import { AggregatorRegistry, Registry, type MetricObject } from 'prom-client';

/** The metrics of one process as plain values, with the label `process` on each. */
export type MetricsSnapshot = readonly {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly { readonly value: number; readonly labels: Readonly<Record<string, string | number>>; readonly metricName?: string }[];
}[];

/** Content type of `renderMetrics`. */
export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** The metrics of all processes as one Prometheus text. Series stay apart by their label `process`. */
export async function renderMetrics(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  // Summing series that differ by process leaves them as they are; prom-client's other aggregators drop or average some.
  const metrics = snapshots.map((snapshot) => snapshot.map((metric) => ({ ...metric, aggregator: 'sum' })));
  return AggregatorRegistry.aggregate(metrics as unknown as MetricObject[]).metrics(); // its types miss the outer list that it takes
}

/** Sum of all series of a metric (full name, `visutility_frames_detected_total`) whose labels include `labels`. */
export function sumOf(snapshots: readonly MetricsSnapshot[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  let sum = 0;
  for (const metric of snapshots.flat()) {
    if (metric.name !== name) continue;
    for (const series of metric.values) if (Object.entries(labels).every(([label, value]) => series.labels[label] === value)) sum += series.value;
  }
  return sum;
}
