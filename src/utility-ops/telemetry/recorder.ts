import { collectDefaultMetrics, Registry } from 'prom-client';
import { PlatformError } from '../../engine/errors.ts';
import type { StageObserver } from '../../engine/stage.ts';
import { METRICS, type LabelsOf, type MetricId, type MetricOf, type MetricRow } from './metrics.ts';
import { metricName, openSeries, type MetricValue, type Series } from './series.ts';
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

interface Family { readonly row: MetricRow; readonly series: Map<string, Series> }

/** What is counted of every batch of a stage. */
interface StageSeries { readonly taken: Series; readonly given: Series; readonly seconds: Series; readonly blockedSeconds: Series }

/** Makes the recorder of a process. */
export function createRecorder(options: RecorderOptions): Recorder {
  const registry = new Registry();
  registry.setDefaultLabels({ process: options.process });
  if (options.hasProcessMetrics !== false) collectDefaultMetrics({ register: registry });
  const counted = new Counted(options.seriesMax ?? 5000);
  const record = (id: MetricId, labels: Readonly<Record<string, string>>, value: number): void => { counted.series(id, labels).add(value); };
  const stages = new Map<string, StageSeries>();
  const seriesOf = (stage: string): StageSeries => {
    let series = stages.get(stage);
    if (series === undefined) {
      const open = (id: MetricId): Series => counted.series(id, { stage });
      series = { taken: open('stageIn'), given: open('stageOut'), seconds: open('stageBatch'), blockedSeconds: open('stageBlocked') };
      stages.set(stage, series);
    }
    return series;
  };
  return {
    count: (id, labels, amount = 1) => record(id, labels, amount),
    set: (id, labels, value) => record(id, labels, value),
    observe: (id, labels, seconds) => record(id, labels, seconds),
    forget: (label, value) => {
      counted.forget(label, value);
      stages.clear();
    },
    snapshot: async () => [
      ...(await registry.getMetricsAsJSON()).map(({ name, help, type, values }) => ({ name, help, type: String(type), values: values ?? [] })),
      ...counted.report({ process: options.process }),
    ] as MetricsSnapshot,
    batch: (stage, { in: taken, out, seconds, blockedSeconds }) => {
      const series = seriesOf(stage);
      series.taken.add(taken);
      series.given.add(out);
      series.seconds.add(seconds);
      series.blockedSeconds.add(blockedSeconds);
    },
    dropped: (stage, reason, count, isIntentional) => record('stageDropped', { stage, reason, intentional: String(isIntentional) }, count),
    failed: (stage, error) => record('stageFailures', { stage, code: error instanceof PlatformError ? error.code : 'UNEXPECTED' }, 1),
  };
}

/** All series of the table. */
class Counted {
  readonly #families = new Map<string, Family>(Object.entries(METRICS).map(([id, row]) => [id, { row, series: new Map() }]));
  readonly #seriesMax: number;

  constructor(seriesMax: number) {
    this.#seriesMax = seriesMax;
    for (const { row, series } of this.#families.values()) if (row.labels.length === 0) series.set('', openSeries(row, {})); // there from the start, at 0
  }

  series(id: MetricId, labels: Readonly<Record<string, string>>): Series {
    const family = this.#families.get(id);
    const row = METRICS[id];
    const key = row.labels.length === 1 ? labels[row.labels[0]] ?? '' : row.labels.map(label => labels[label]).join('\u0000');
    const known = family?.series.get(key);
    if (known !== undefined) return known;
    if (family !== undefined && family.series.size >= this.#seriesMax && !row.labels.every(label => labels[label] === 'other')) {
      this.series('seriesRefused', { metric: row.name }).add(1);
      return this.series(id, Object.fromEntries(row.labels.map(label => [label, 'other'])));
    }
    const series = openSeries(row, labels);
    family?.series.set(key, series);
    return series;
  }

  forget(label: string, value: string): void {
    for (const { series } of this.#families.values()) for (const [key, { labels }] of series) if (labels[label] === value) series.delete(key);
  }

  report(common: Readonly<Record<string, string>>): MetricsSnapshot {
    return [...this.#families.values()].map(({ row, series }) => {
      const values: MetricValue[] = [];
      for (const each of series.values()) each.report(values, metricName(row), { ...each.labels, ...common });
      return { name: metricName(row), help: row.help, type: row.kind, values };
    });
  }
}
