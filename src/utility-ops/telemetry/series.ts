import { METRIC_PREFIX, SECONDS_BUCKETS, type MetricRow } from './metrics.ts';
import type { MetricsSnapshot } from './snapshot.ts';

/** One series: what was counted under certain values of a metric's labels. Adding to it is a few additions, whatever the kind: it is done for every frame. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Counter: adds. Gauge: is set to. Histogram: takes a sample. */
  add(value: number): void;
  /** Appends its values as Prometheus names them. `name`: the metric's full name; `labels`: with those of the process. */
  report(values: MetricValue[], name: string, labels: Readonly<Record<string, string>>): void;
}

/** A value of a snapshot. */
export type MetricValue = MetricsSnapshot[number]['values'][number];

/** Makes a series of a metric. */
export function openSeries(row: MetricRow, labels: Readonly<Record<string, string>>): Series {
  switch (row.kind) {
    case 'counter': return new Amount(labels, (old, value) => old + value);
    case 'gauge': return new Amount(labels, (_, value) => value);
    case 'histogram': return new Samples(labels);
  }
}

/** Full name of a metric. */
export function metricName(row: MetricRow): string { return METRIC_PREFIX + row.name; }

class Amount implements Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly #change: (old: number, value: number) => number;
  #value = 0;

  constructor(labels: Readonly<Record<string, string>>, change: (old: number, value: number) => number) {
    this.labels = labels;
    this.#change = change;
  }

  add(value: number): void { this.#value = this.#change(this.#value, value); }

  report(values: MetricValue[], _name: string, labels: Readonly<Record<string, string>>): void { values.push({ value: this.#value, labels }); }
}

class Samples implements Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Samples up to each bound and above the one before it; the last one: above all. */
  readonly #counts = new Float64Array(SECONDS_BUCKETS.length + 1);
  #sum = 0;

  constructor(labels: Readonly<Record<string, string>>) { this.labels = labels; }

  add(value: number): void {
    let bucket = 0;
    while (value > (SECONDS_BUCKETS[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  report(values: MetricValue[], name: string, labels: Readonly<Record<string, string>>): void {
    let below = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      below += count;
      values.push({ value: below, labels: { le: SECONDS_BUCKETS[bucket] ?? '+Inf', ...labels }, metricName: `${name}_bucket` });
    }
    values.push({ value: this.#sum, labels, metricName: `${name}_sum` }, { value: below, labels, metricName: `${name}_count` });
  }
}
