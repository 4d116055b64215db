import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { activityGate } from './activity-gate.ts';
import { busySubstreams } from './busy-substreams.ts';
import { clusterLatency } from './cluster-latency.ts';
import { clusterRecords } from './cluster-records.ts';
import { deliveryGuarantee } from './delivery-guarantee.ts';
import { engineOverhead } from './engine-overhead.ts';
import { frameAllocations } from './frame-allocations.ts';
import { firstDetection } from './first-detection.ts';
import { inGraphProcessing } from './in-graph-processing.ts';
import { kafkaChunks } from './kafka-chunks.ts';
import { liveViewers } from './live-viewers.ts';
import { memory } from './memory.ts';
import { pipelineThroughput } from './pipeline-throughput.ts';
import { plainScript } from './plain-script.ts';
import { quietCameras } from './quiet-cameras.ts';
import { recordedCameras } from './recorded-cameras.ts';
import { recordedOnly } from './recorded-only.ts';
import { installOutside, outsidePython } from '../test/support/outside-python.ts';
import { isMet, machineText, type Bench } from './support/bench.ts';
import { readmeText, rowText, type BenchReport } from './support/report.ts';

/** In the order of the table. */
const BENCHES: readonly Bench[] = [
  pipelineThroughput, plainScript, inGraphProcessing, engineOverhead, frameAllocations, busySubstreams, quietCameras, activityGate, recordedOnly, recordedCameras, liveViewers, memory, firstDetection,
  kafkaChunks, clusterRecords, deliveryGuarantee, clusterLatency,
];
const RESULTS = fileURLToPath(new URL('results/', import.meta.url));

/** `npm run bench [-- --quick | --setup] [name …]`: measures, prints, and (unless quick) keeps the results and the table made from them. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--setup')) { installOutside(['opencv']); return outsidePython('opencv') === undefined ? 1 : 0; }
  const isQuick = args.includes('--quick');
  const names = args.filter(text => !text.startsWith('--'));
  const unknown = names.filter(name => !BENCHES.some(bench => bench.name === name));
  if (unknown.length > 0 || args.some(text => text.startsWith('--') && text !== '--quick')) {
    console.error(`usage: npm run bench [-- --quick | --setup] [${BENCHES.map(bench => bench.name).join('|')} …]`);
    return 2;
  }
  mkdirSync(RESULTS, { recursive: true });
  console.log(`${machineText()}; load ${loadavg()[0]?.toFixed(1) ?? '?'} at the start${isQuick ? '; quick: figures are rough' : ''}`);
  let failures = 0;
  for (const bench of BENCHES.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const load = loadavg()[0] ?? 0;
    console.log(`\n${bench.name}: ${bench.question}`);
    try {
      const result = await bench.run({ isQuick, say: line => console.log(`  ${line}`) });
      if (result === undefined) { console.log('  skipped'); continue; }
      const report: BenchReport = { name: bench.name, question: bench.question, machine: machineText(), load, ...result };
      for (const row of report.rows) console.log(`  ${isMet(row) ? ' ' : '!'} ${rowText(row)}`);
      if (!isQuick) writeFileSync(`${RESULTS}${bench.name}.json`, `${JSON.stringify(report, undefined, 2)}\n`);
    } catch (error) {
      failures += 1;
      console.error(`  FAILED: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (!isQuick) {
    const reports = BENCHES.map(bench => `${RESULTS}${bench.name}.json`).filter(existsSync).map(file => JSON.parse(readFileSync(file, 'utf8')) as BenchReport);
    writeFileSync(fileURLToPath(new URL('README.md', import.meta.url)), readmeText(reports));
  }
  return failures > 0 ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
