import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { PlatformError } from '../../engine/errors.ts';
import type { StageObserver } from '../../engine/stage.ts';
import { METRIC_PREFIX, METRICS, SECONDS_BUCKETS, type LabelsOf, type MetricId, type MetricOf, type MetricRow } from './metrics.ts';
import type { MetricsSnapshot } from './snapshot.ts';

/** How a recorder is made. */
export interface RecorderOptions {
  /** Value of the label `process`. */
  readonly process: string;
  /** Series of one metric beyond which label values become `other`. @default 5000 */
  readonly seriesMax?: number;
  /** Node's own metrics (memory, CPU, event loop lag, garbage collection) too. @default true */
  readonly hasProcessMetrics?: boolean;
}

/** Counts what happens in one process. Implements the engine's observer. */
export interface Recorder extends StageObserver {
  /** Adds to a counter. @default amount 1 */
  count<Id extends MetricOf<'counter'>>(id: Id, labels: LabelsOf<Id>, amount?: number): void;
  set<Id extends MetricOf<'gauge'>>(id: Id, labels: LabelsOf<Id>, value: number): void;
  /** Adds a sample to a histogram, in seconds. */
  observe<Id extends MetricOf<'histogram'>>(id: Id, labels: LabelsOf<Id>, seconds: number): void;
  /** Ends every series whose label has this value: a removed camera leaves none behind. */
  forget(label: string, value: string): void;
  /** All series as plain values that can cross a process boundary. */
  snapshot(): Promise<MetricsSnapshot>;
}

interface Series { add(value: number): void; readonly labels: Readonly<Record<string, string>> }

interface Family { readonly row: MetricRow; readonly series: Map<string, Series>; open(labels: Readonly<Record<string, string>>): Series; close(labels: Readonly<Record<string, string>>): void }

/** Makes the recorder of a process. */
export function createRecorder(options: RecorderOptions): Recorder {
  const registry = new Registry();
  registry.setDefaultLabels({ process: options.process });
  if (options.hasProcessMetrics !== false) collectDefaultMetrics({ register: registry });
  const seriesMax = options.seriesMax ?? 5000;
  const families = new Map(Object.entries(METRICS).map(([id, row]) => [id, openFamily(row, registry)]));

  const record = (id: MetricId, labels: Readonly<Record<string, string>>, value: number): void => {
    const family = families.get(id);
    if (family === undefined) return; // unreachable: the id is a key of the table
    const key = family.row.labels.map((label) => labels[label]).join('\u0000');
    let series = family.series.get(key);
    if (series === undefined) {
      if (family.series.size >= seriesMax && !family.row.labels.every((label) => labels[label] === 'other')) {
        record(id, Object.fromEntries(family.row.labels.map((label) => [label, 'other'])), value);
        record('seriesRefused', { metric: family.row.name }, 1);
        return;
      }
      series = family.open(labels);
      family.series.set(key, series);
    }
    series.add(value);
  };

  return {
    count: (id, labels, amount = 1) => record(id, labels, amount),
    set: (id, labels, value) => record(id, labels, value),
    observe: (id, labels, seconds) => record(id, labels, seconds),
    forget: (label, value) => { for (const family of families.values()) forgetSeries(family, label, value); },
    snapshot: async () => (await registry.getMetricsAsJSON()).map(({ name, help, type, values }) => ({ name, help, type: String(type), values: values ?? [] })) as MetricsSnapshot,
    batch: (stage, { in: taken, out, seconds, blockedSeconds }) => {
      record('stageIn', { stage }, taken);
      record('stageOut', { stage }, out);
      record('stageBatch', { stage }, seconds);
      record('stageBlocked', { stage }, blockedSeconds);
    },
    dropped: (stage, reason, count, isIntentional) => record('stageDropped', { stage, reason, intentional: String(isIntentional) }, count),
    failed: (stage, error) => record('stageFailures', { stage, code: error instanceof PlatformError ? error.code : 'UNEXPECTED' }, 1),
  };
}

function openFamily(row: MetricRow, registry: Registry): Family {
  const configuration = { name: METRIC_PREFIX + row.name, help: row.help, labelNames: [...row.labels], registers: [registry] };
  const series = new Map<string, Series>();
  switch (row.kind) {
    case 'counter': {
      const metric = new Counter(configuration);
      return { row, series, close: (labels) => metric.remove(labels), open: (labels) => { const child = metric.labels(labels); return { labels, add: (value) => child.inc(value) }; } };
    }
    case 'gauge': {
      const metric = new Gauge(configuration);
      return { row, series, close: (labels) => metric.remove(labels), open: (labels) => { const child = metric.labels(labels); return { labels, add: (value) => child.set(value) }; } };
    }
    case 'histogram': {
      const metric = new Histogram({ ...configuration, buckets: [...SECONDS_BUCKETS] });
      return { row, series, close: (labels) => metric.remove(labels), open: (labels) => { const child = metric.labels(labels); return { labels, add: (value) => child.observe(value) }; } };
    }
  }
}

function forgetSeries(family: Family, label: string, value: string): void {
  for (const [key, { labels }] of family.series) {
    if (labels[label] !== value) continue;
    family.series.delete(key);
    family.close(labels);
  }
}
