import type { SourceUnit } from '../messages/access-unit.ts';
import type { PictureSettings } from '../messages/desired-camera.ts';
import type { SampleMeaning, StreamParameters } from '../messages/stream-parameters.ts';
import type { Source, SourceSession } from './source.ts';

/** What the settings say of the samples of a camera. */
export type SampleSettings = Pick<PictureSettings, 'modality' | 'metresPerStep' | 'kelvinPerStep' | 'range'>;

/** One step is a millimetre where nobody says otherwise, as RealSense, Azure Kinect and Redwood write depth. */
const METRES_PER_STEP = 0.001;

/** A source whose parameters say what its samples mean: what the settings say, else what it says itself. Any source may show depth or heat. */
export function withMeaning(source: Source, settings: SampleSettings | undefined): Source {
  return {
    label: source.label,
    ...source.isAwaited === true && { isAwaited: true },
    ...source.close && { close: () => source.close?.() ?? Promise.resolve() },
    async open(signal) {
      const session = await source.open(signal);
      const meant = ({ parameters, ...unit }: SourceUnit): SourceUnit => (parameters === undefined ? unit : { ...unit, parameters: meaningful(parameters, settings) });
      return {
        isLive: session.isLive,
        expectedUnits: session.expectedUnits,
        get unreadablePackets() { return session.unreadablePackets; },
        get lastUnreadable() { return session.lastUnreadable; },
        async next(until) {
          const unit = await session.next(until);
          return unit?.parameters === undefined ? unit : meant(unit);
        },
        close: () => session.close(),
      } satisfies SourceSession;
    },
  };
}

function meaningful(parameters: StreamParameters, settings: SampleSettings | undefined): StreamParameters {
  const { samples: said, ...layout } = parameters;
  // A FLIR record is thermal whatever the settings say.
  const modality = parameters.codec === 'fff' ? 'thermal' : settings?.modality ?? said?.modality ?? 'rgb';
  if (modality === 'rgb') return layout;
  const range = settings?.range ?? null;
  const { kelvinPerStep } = settings ?? {};
  const samples: SampleMeaning = modality === 'depth' ? { modality, metresPerStep: settings?.metresPerStep ?? METRES_PER_STEP, range }
    : { modality, metresPerStep: null, ...kelvinPerStep !== undefined && { kelvinPerStep }, range };
  return { ...layout, samples };
}
