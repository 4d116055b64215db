/** A function of time that can be computed here and written as a libav expression: what is drawn and what is true come from one definition. */
export interface Formula {
  /** Value at `t` seconds. */
  at(t: number): number;
  /** The same in libav's expression language (ffmpeg-utils, "Expression Evaluation"), with `t` in seconds. */
  readonly text: string;
}

/** Time itself. */
export const time: Formula = { at: (t) => t, text: 't' };

/** A number that does not change. */
export function constant(exact: number): Formula {
  const value = Number(exact.toFixed(6)); // both sides see the digits that are written
  const text = value < 0 ? `(${plain(value)})` : plain(value);
  return { at: () => value, text };
}

/** Sum of formulas. */
export function sum(...terms: readonly Formula[]): Formula {
  return { at: (t) => terms.reduce((total, term) => total + term.at(t), 0), text: `(${terms.map((term) => term.text).join('+')})` };
}

/** Product of formulas. */
export function product(...factors: readonly Formula[]): Formula {
  return { at: (t) => factors.reduce((total, factor) => total * factor.at(t), 1), text: factors.map((factor) => factor.text).join('*') };
}

/** Sine, in radians. */
export function sine(of: Formula): Formula {
  return { at: (t) => Math.sin(of.at(t)), text: `sin(${of.text})` };
}

/** Absolute value. */
export function absolute(of: Formula): Formula {
  return { at: (t) => Math.abs(of.at(t)), text: `abs(${of.text})` };
}

/** What is left of `of` after whole multiples of `period`, in [0, period), for `of` of at least 0. */
export function wrapped(of: Formula, period: number): Formula {
  return { at: (t) => of.at(t) % period, text: `mod(${of.text},${plain(period)})` };
}

/** Short, and without an exponent, which libav would read as the constant E. */
function plain(value: number): string {
  return String(Number(value.toFixed(6)));
}
