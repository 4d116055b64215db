import { finite, descend, textAt, type XmlElement } from './xml.ts';

/** Later and earlier times are none that a clock shows. */
const YEARS = { from: 1970, to: 2200 } as const;

/** UTC time that a `GetSystemDateAndTimeResponse` tells, in milliseconds since the Unix epoch; undefined when it tells none that makes sense. */
export function readDeviceTime(answer: XmlElement): number | undefined {
  const moment = descend(answer, 'SystemDateAndTime', 'UTCDateTime');
  const [year, month, day] = ['Year', 'Month', 'Day'].map(name => finite(textAt(moment, 'Date', name)));
  const [hour, minute, second] = ['Hour', 'Minute', 'Second'].map(name => finite(textAt(moment, 'Time', name)));
  if (year === undefined || month === undefined || day === undefined || hour === undefined || minute === undefined || second === undefined) return undefined;
  if (year < YEARS.from || year > YEARS.to || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 24 || minute < 0 || minute > 60 || second < 0 || second > 61) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
